// SPDX-License-Identifier: Apache-2.0
#include "bus/cancel/other_promises.h"

#include <atomic>
#include <chrono>

namespace penstock::eventbus {
namespace {

// So long after a process began to receive, what others promised before need not have come here.
constexpr std::chrono::seconds kNewsIsLate{5};

TimePoint DeliveredAt(const InFlightMessage& item) {
  return TimePoint(TimePoint::duration(item.delivered_at.load(std::memory_order_relaxed)));
}

}  // namespace

bool OthersMayHavePromised(const InFlightMessage& item, TimePoint receives_since) {
  if (item.deliveries_before > 0 && item.failures == 0) return true;
  return DeliveredAt(item) - receives_since < kNewsIsLate;
}

bool IsOurs(const InFlightMessage& item, TimePoint receives_since) {
  return receives_since <= DeliveredAt(item) && !item.ownership_lost.load(std::memory_order_relaxed);
}

}  // namespace penstock::eventbus
