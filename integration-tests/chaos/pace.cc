// SPDX-License-Identifier: Apache-2.0
#include "chaos/pace.h"

#include <algorithm>

namespace penstock::chaos {
namespace {

constexpr double kTrickle = 200;
constexpr std::size_t kLargestWindow = 20'000;

}  // namespace

Pace::Pace(std::size_t events, std::size_t window)
    : events_(events), window_(std::clamp<std::size_t>(events / 20, window, kLargestWindow)), point_(events) {}

void Pace::Free(std::size_t next_point) {
  point_ = next_point;
  per_second_ = 0;
}

void Pace::Spread(std::size_t next_point, std::chrono::milliseconds time) {
  point_ = next_point;
  const double left = static_cast<double>(next_point) - allowed_;
  per_second_ = std::max(kTrickle, left / std::max(std::chrono::duration<double>(time).count(), 0.001));
}

std::size_t Pace::Allow(std::chrono::nanoseconds elapsed, std::size_t ended) {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  const auto point = static_cast<double>(point_);
  const double most = static_cast<double>(std::min(events_, ended + window_));
  double wanted = allowed_ + kTrickle * seconds;
  if (allowed_ < point) wanted = per_second_ == 0 ? point : std::min(point, allowed_ + per_second_ * seconds);
  allowed_ = std::max(allowed_, std::min(wanted, most));
  return static_cast<std::size_t>(allowed_);
}

}  // namespace penstock::chaos
