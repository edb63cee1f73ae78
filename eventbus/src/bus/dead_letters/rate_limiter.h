// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>

namespace penstock::eventbus {

/// Spreads steps evenly over time. A late step is not made up for: there are no bursts. Has no clock: its caller passes
/// the time. Thread-confined.
class RateLimiter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// 0 steps a second: every step may be taken at once.
  explicit RateLimiter(double steps_per_second);

  /// Takes a step, at the time that is returned: `now`, or later.
  TimePoint Take(TimePoint now);

 private:
  const std::chrono::nanoseconds interval_;
  TimePoint due_{};  // the first step is due at once
};

/// Waits until `time`. False when `stop` was requested before or meanwhile.
bool WaitUntil(std::chrono::steady_clock::time_point time, const std::stop_token& stop);

}  // namespace penstock::eventbus
