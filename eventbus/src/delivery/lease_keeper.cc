// SPDX-License-Identifier: Apache-2.0
#include "delivery/lease_keeper.h"

#include <algorithm>
#include <utility>

namespace penstock::eventbus {
namespace {

// `TimePoint{}` when its handler has not begun.
TimePoint BegunAt(const InFlightMessage& item) {
  return TimePoint(TimePoint::duration(item.started_at.load(std::memory_order_relaxed)));
}

}  // namespace

std::chrono::milliseconds LeaseKeeper::interval() const {
  return std::clamp(ack_wait_ / 6, std::chrono::milliseconds{10}, std::chrono::milliseconds{250});
}

void LeaseKeeper::Check(InFlightMessage& item, TimePoint now, Actions& out) {
  if (item.state == MessageState::kDispatched) CheckHandler(item, now, out);
  const bool given_up = item.stuck && lets_stuck_leases_lapse_;
  if (given_up || now - item.lease_from < ack_wait_ / 3) return;
  item.lease_from = now;
  out.list.push_back({.kind = Action::Kind::kExtend, .item = &item});
}

void LeaseKeeper::CheckHandler(InFlightMessage& item, TimePoint now, Actions& out) {
  const TimePoint begun = BegunAt(item);
  if (stuck_after_.count() == 0 || begun == TimePoint{} || item.stuck) return;
  if (now - begun < stuck_after_) return;
  item.stuck = true;
  ++stuck_;
  out.list.push_back({.kind = Action::Kind::kStuck, .item = &item});
}

void LeaseKeeper::Finished(InFlightMessage& item) {
  if (std::exchange(item.stuck, false)) --stuck_;
}

bool LeaseKeeper::HoldsUp(const InFlightMessage& item, TimePoint now) const {
  if (item.state == MessageState::kWaiting || item.state == MessageState::kAwaitingRedelivery || item.at_letter())
    return true;
  const TimePoint begun = BegunAt(item);
  return item.state == MessageState::kDispatched && begun != TimePoint{} && now - begun >= interval();
}

}  // namespace penstock::eventbus
