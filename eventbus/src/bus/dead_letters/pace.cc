// SPDX-License-Identifier: Apache-2.0
#include "bus/dead_letters/pace.h"

#include <utility>

namespace penstock::eventbus {
namespace {

std::chrono::nanoseconds IntervalOf(double per_second) {
  using Seconds = std::chrono::duration<double>;
  if (per_second <= 0) return std::chrono::nanoseconds(0);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Seconds(1.0 / per_second));
}

}  // namespace

Pace::Pace(double per_second, std::stop_token stop) : interval_(IntervalOf(per_second)), stop_(std::move(stop)) {}

bool Pace::AwaitTurn() {
  const std::stop_callback woken(stop_, [this] { Wake(); });
  MutexLock lock(mutex_);
  while (!stop_.stop_requested() && std::chrono::steady_clock::now() < due_) changed_.WaitUntil(lock, due_);
  due_ = std::chrono::steady_clock::now() + interval_;
  return !stop_.stop_requested();
}

void Pace::Wake() {
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

}  // namespace penstock::eventbus
