// SPDX-License-Identifier: Apache-2.0
#include "delivery/stuck_handlers.h"

#include <utility>

namespace penstock::eventbus {

TimePoint HandlerBegunAt(const InFlightMessage& item) {
  return TimePoint(TimePoint::duration(item.started_at.load(std::memory_order_relaxed)));
}

void StuckHandlers::Check(InFlightMessage& item, TimePoint now, Actions& out) {
  const TimePoint begun = HandlerBegunAt(item);
  if (stuck_after_.count() == 0 || begun == TimePoint{} || item.stuck) return;
  if (now - begun < stuck_after_) return;
  item.stuck = true;
  ++size_;
  out.list.push_back({.kind = Action::Kind::kStuck, .item = &item});
}

void StuckHandlers::Finished(InFlightMessage& item) {
  if (std::exchange(item.stuck, false)) --size_;
}

}  // namespace penstock::eventbus
