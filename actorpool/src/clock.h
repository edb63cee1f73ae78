// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>

namespace penstock::actorpool {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

/// A number that changes with every tick of the kernel's timer, 1 to 10 ms apart, at a quarter of the cost of
/// `Clock::now()`.
inline std::int64_t CoarseTick() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace penstock::actorpool
