// SPDX-License-Identifier: Apache-2.0
#include "delivery/lease_keeper.h"

#include <algorithm>

namespace penstock::eventbus {

std::chrono::milliseconds LeaseKeeper::interval() const {
  return std::clamp(ack_wait_ / 6, std::chrono::milliseconds{10}, std::chrono::milliseconds{250});
}

void LeaseKeeper::Check(InFlightMessage& item, TimePoint now, Actions& out) {
  if (item.state == MessageState::kDispatched) stuck_handlers_.Check(item, now, out);
  const bool given_up = item.stuck && lets_stuck_leases_lapse_;
  if (given_up || now - item.lease_from < ack_wait_ / 3) return;
  item.lease_from = now;
  out.list.push_back({.kind = Action::Kind::kExtend, .item = &item});
}

bool LeaseKeeper::HoldsUp(const InFlightMessage& item, TimePoint now) const {
  if ((item.state == MessageState::kWaiting && !item.paced) || item.state == MessageState::kAwaitingRedelivery ||
      item.at_letter())
    return true;
  const TimePoint begun = HandlerBegunAt(item);
  return item.state == MessageState::kDispatched && begun != TimePoint{} && now - begun >= interval();
}

}  // namespace penstock::eventbus
