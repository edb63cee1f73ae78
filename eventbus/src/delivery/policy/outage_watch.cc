// SPDX-License-Identifier: Apache-2.0
#include "delivery/policy/outage_watch.h"

#include <algorithm>
#include <utility>

namespace penstock::eventbus {

void OutageWatch::Failed(std::uint64_t sequence, bool probe, TimePoint now) {
  if (after_ == 0) return;
  if (on_) {
    if (!probe) return;
    pause_ = std::max(std::min(pause_ * 2, retry_.max_backoff), kShortestPause);
    next_probe_ = now + pause_;
    return;
  }
  failed_.insert(sequence);
  if (failed_.size() < after_) return;
  failed_.clear();
  on_ = true;
  pause_ = std::max(retry_.min_backoff, kShortestPause);
  next_probe_ = now + pause_;
}

bool OutageWatch::Succeeded() {
  if (!failed_.empty()) failed_.clear();
  return std::exchange(on_, false);
}

}  // namespace penstock::eventbus
