// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <ratio>
#include <type_traits>

namespace penstock {

/// `duration` in another unit, as `std::chrono::duration_cast`; the end of `To`'s range where that would overflow.
/// Units of whole numbers, one of which is a multiple of the other.
template <typename To, typename Rep, typename Period>
constexpr To SaturatingCast(std::chrono::duration<Rep, Period> duration) {
  using Ratio = std::ratio_divide<Period, typename To::period>;
  static_assert(std::is_integral_v<Rep> && std::is_integral_v<typename To::rep>);
  static_assert(Ratio::num == 1 || Ratio::den == 1);
  typename To::rep count{};
  if (!__builtin_mul_overflow(std::intmax_t{duration.count()} / Ratio::den, Ratio::num, &count)) return To(count);
  return duration.count() < 0 ? To::min() : To::max();
}

/// The time `wait` after `time`, or before it for a negative one; the end of the range where that would overflow. Every
/// duration that a user, a server or a file gives meets a clock here.
template <typename Clock, typename Unit, typename Rep, typename Period>
constexpr std::chrono::time_point<Clock, Unit> LaterBy(std::chrono::time_point<Clock, Unit> time,
                                                       std::chrono::duration<Rep, Period> wait) {
  using Time = std::chrono::time_point<Clock, Unit>;
  const Unit converted = SaturatingCast<Unit>(wait);
  typename Unit::rep sum{};
  if (!__builtin_add_overflow(time.time_since_epoch().count(), converted.count(), &sum)) return Time(Unit(sum));
  return converted.count() < 0 ? Time::min() : Time::max();
}

/// The time `wait` from now; now for a negative one, `max()` (for ever) where the sum would overflow.
template <typename Rep, typename Period>
std::chrono::steady_clock::time_point DeadlineAfter(std::chrono::duration<Rep, Period> wait) {
  const auto now = std::chrono::steady_clock::now();
  return wait.count() <= 0 ? now : LaterBy(now, wait);
}

}  // namespace penstock
