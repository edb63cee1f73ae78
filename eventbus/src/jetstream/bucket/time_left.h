// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

#include "transport/key_value_store.h"

namespace penstock::eventbus::jetstream {

/// Until the deadline; 0 when it has passed.
inline std::chrono::milliseconds TimeLeft(const CallLimit& limit) {
  const auto left = limit.deadline - std::chrono::steady_clock::now();
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(left), std::chrono::milliseconds(0));
}

}  // namespace penstock::eventbus::jetstream
