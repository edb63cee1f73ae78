// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "penstock/actorpool/internal/mutex.h"

namespace penstock::chaos {

/// Lets a handler take that long.
inline void Pause(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  Mutex mutex;
  CondVar never_notified;
  MutexLock lock(mutex);
  while (std::chrono::steady_clock::now() < until) never_notified.WaitUntil(lock, until);
}

}  // namespace penstock::chaos
