// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace penstock::actorpool {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

/// The moment `timeout` from now: now for a negative one, the end of time for one beyond it.
inline TimePoint DeadlineAfter(std::chrono::milliseconds timeout) {
  const TimePoint now = Clock::now();
  if (timeout.count() <= 0) return now;
  const auto longest = std::chrono::floor<std::chrono::milliseconds>(TimePoint::max() - now);
  return timeout < longest ? now + timeout : TimePoint::max();
}

}  // namespace penstock::actorpool
