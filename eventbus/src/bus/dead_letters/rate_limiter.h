// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace penstock::eventbus {

/// Spreads steps evenly over time. A late step is not made up for: there are no bursts. Has no clock: its caller passes
/// the time. Thread-confined.
class RateLimiter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// 0 steps a second: every step may be taken at once.
  explicit RateLimiter(double steps_per_second)
      : interval_(steps_per_second > 0 ? std::chrono::duration_cast<std::chrono::nanoseconds>(
                                             std::chrono::duration<double>(1.0 / steps_per_second))
                                       : std::chrono::nanoseconds(0)) {}

  /// Takes a step, at the time that is returned: `now`, or later.
  TimePoint Take(TimePoint now) {
    const TimePoint taken = std::max(now, due_);
    due_ = taken + interval_;
    return taken;
  }

 private:
  const std::chrono::nanoseconds interval_;
  TimePoint due_{};  // the first step is due at once
};

/// Waits until `time`. False when `stop` was requested before or meanwhile.
inline bool WaitUntil(std::chrono::steady_clock::time_point time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never_notified;
  std::unique_lock<std::mutex> lock(mutex);
  never_notified.wait_until(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace penstock::eventbus
