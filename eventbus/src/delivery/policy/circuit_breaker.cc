// SPDX-License-Identifier: Apache-2.0
#include "delivery/policy/circuit_breaker.h"

#include <algorithm>
#include <utility>

namespace penstock::eventbus {

void CircuitBreaker::Failed(std::uint64_t sequence, bool probe, TimePoint now) {
  if (threshold_ == 0) return;
  if (open_) {
    if (!probe) return;
    pause_ = std::max(std::min(pause_ * 2, retry_.max_backoff), kShortestPause);
    next_probe_ = LaterBy(now, pause_);
    return;
  }
  failed_.insert(sequence);
  if (failed_.size() < threshold_) return;
  failed_.clear();
  open_ = true;
  pause_ = std::max(retry_.min_backoff, kShortestPause);
  next_probe_ = LaterBy(now, pause_);
}

bool CircuitBreaker::Succeeded() {
  if (!failed_.empty()) failed_.clear();
  return std::exchange(open_, false);
}

}  // namespace penstock::eventbus
