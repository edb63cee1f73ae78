// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

#include "delivery/actions.h"
#include "delivery/delivery_options.h"
#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// Extends the leases (AckWait) of messages in flight and reports handlers that are stuck. Thread-confined to its state
/// machine.
class LeaseKeeper {
 public:
  explicit LeaseKeeper(const DeliveryOptions& options)
      : ack_wait_(options.ack_wait),
        stuck_after_(options.stuck_after),
        lets_stuck_leases_lapse_(options.retries_in_place) {}

  /// How often every message must be checked.
  std::chrono::milliseconds interval() const;

  /// Extends the message's lease when a third of it is over, and reports its handler when it is stuck.
  void Check(InFlightMessage& item, TimePoint now, Actions& out);

  /// The message's handler has ended.
  void Finished(InFlightMessage& item);

  /// Whether the message keeps its key waiting for longer than a busy pool would.
  bool HoldsUp(const InFlightMessage& item, TimePoint now) const;

  std::size_t stuck() const { return stuck_; }

 private:
  void CheckHandler(InFlightMessage& item, TimePoint now, Actions& out);

  const std::chrono::milliseconds ack_wait_;
  const std::chrono::milliseconds stuck_after_;
  const bool lets_stuck_leases_lapse_;  // another process may then handle the message
  std::size_t stuck_ = 0;
};

}  // namespace penstock::eventbus
