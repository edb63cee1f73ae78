// SPDX-License-Identifier: Apache-2.0
#include "delivery/policy/finished_events.h"

namespace penstock::eventbus {

// Beyond the bound the memory of the oldest event is used again.
void FinishedEvents::Add(std::string_view id, Time stored_at) {
  if (!enabled() || id.empty() || id.size() > kMaxIdBytes) return;
  if (const auto known = by_id_.find(id); known != by_id_.end()) {
    known->second->stored_at = stored_at;
    return;
  }
  Event* event = nullptr;
  if (events_.size() < kMaxEvents) {
    event = &events_.emplace_back();
  } else {
    event = &events_[oldest_];
    oldest_ = (oldest_ + 1) % kMaxEvents;
    by_id_.erase(event->id);
  }
  event->id = id;
  event->stored_at = stored_at;
  by_id_.emplace(event->id, event);
}

bool FinishedEvents::HasCopyOf(std::string_view id, Time stored_at) const {
  const auto known = by_id_.find(id);
  return known != by_id_.end() && std::chrono::abs(stored_at - known->second->stored_at) < window_;
}

void FinishedEvents::Clear() {
  by_id_.clear();
  events_.clear();
  oldest_ = 0;
}

}  // namespace penstock::eventbus
