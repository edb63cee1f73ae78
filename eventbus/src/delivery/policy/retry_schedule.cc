// SPDX-License-Identifier: Apache-2.0
#include "delivery/policy/retry_schedule.h"

#include <algorithm>
#include <cmath>

namespace penstock::eventbus {

std::chrono::milliseconds RetrySchedule::DelayAfter(std::uint64_t attempt) {
  if (attempt <= 1) return std::chrono::milliseconds{0};
  const double doublings = static_cast<double>(std::min<std::uint64_t>(attempt - 2, 62));
  const double wait = std::min(static_cast<double>(policy_.min_backoff.count()) * std::exp2(doublings),
                               static_cast<double>(policy_.max_backoff.count()));
  std::uniform_real_distribution<double> spread(1.0 - policy_.jitter, 1.0 + policy_.jitter);
  return std::chrono::milliseconds{std::llround(wait * spread(random_))};
}

}  // namespace penstock::eventbus
