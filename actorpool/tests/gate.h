// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::actorpool {

/// Counts events. A test waits for a number of them, with a deadline.
class Gate {
 public:
  void Pass(std::size_t times = 1) {
    MutexLock lock(mutex_);
    passed_ += times;
    changed_.NotifyAll();
  }

  /// False when fewer than `times` events came within `patience`.
  bool Await(std::size_t times = 1, std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    MutexLock lock(mutex_);
    while (passed_ < times) {
      if (!changed_.WaitUntil(lock, deadline)) return passed_ >= times;
    }
    return true;
  }

  std::size_t passed() {
    MutexLock lock(mutex_);
    return passed_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::size_t passed_ ABSL_GUARDED_BY(mutex_) = 0;
};

/// Hands a message over that may be refused, and is then left as it was.
inline absl::Status Offer(ActorPool& pool, Message& message,
                          std::chrono::milliseconds timeout = std::chrono::milliseconds{0}) {
  return pool.ProcessMessage(std::move(message), timeout);
}

}  // namespace penstock::actorpool
