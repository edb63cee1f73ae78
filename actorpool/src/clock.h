// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>

namespace penstock::actorpool {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

/// A number that changes with every tick of the system, some milliseconds apart, for a quarter of what `Clock` costs.
inline std::int64_t CoarseTick() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// The moment `timeout` from now: now for a negative one, the end of time for one beyond it.
inline TimePoint DeadlineAfter(std::chrono::milliseconds timeout) {
  const TimePoint now = Clock::now();
  if (timeout.count() <= 0) return now;
  const auto longest = std::chrono::floor<std::chrono::milliseconds>(TimePoint::max() - now);
  return timeout < longest ? now + timeout : TimePoint::max();
}

}  // namespace penstock::actorpool
