// SPDX-License-Identifier: Apache-2.0
#include "bus/dead_letters/rate_limiter.h"

#include <algorithm>

#include "penstock/actorpool/mutex.h"

namespace penstock::eventbus {
namespace {

std::chrono::nanoseconds IntervalOf(double steps_per_second) {
  using Seconds = std::chrono::duration<double>;
  if (steps_per_second <= 0) return std::chrono::nanoseconds(0);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Seconds(1.0 / steps_per_second));
}

}  // namespace

RateLimiter::RateLimiter(double steps_per_second) : interval_(IntervalOf(steps_per_second)) {}

RateLimiter::TimePoint RateLimiter::Take(TimePoint now) {
  const TimePoint taken = std::max(now, due_);
  due_ = taken + interval_;
  return taken;
}

bool WaitUntil(std::chrono::steady_clock::time_point time, const std::stop_token& stop) {
  Mutex mutex;  // guards nothing: the condition is the stop
  CondVar stopped;
  const std::stop_callback wake(stop, [&] {
    MutexLock lock(mutex);
    stopped.NotifyAll();
  });
  MutexLock lock(mutex);
  while (!stop.stop_requested() && std::chrono::steady_clock::now() < time) stopped.WaitUntil(lock, time);
  return !stop.stop_requested();
}

}  // namespace penstock::eventbus
