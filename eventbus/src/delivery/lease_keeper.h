// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

#include "delivery/actions.h"
#include "delivery/delivery_options.h"
#include "delivery/in_flight_message.h"
#include "delivery/stuck_handlers.h"

namespace penstock::eventbus {

/// Extends the leases (AckWait) of messages in flight. A lease whose handler is stuck is left to lapse where another
/// process may then handle the message. Thread-confined to its state machine.
class LeaseKeeper {
 public:
  explicit LeaseKeeper(const DeliveryOptions& options)
      : ack_wait_(options.ack_wait),
        stuck_handlers_(options.stuck_after),
        lets_stuck_leases_lapse_(options.retries_in_place) {}

  /// How often every message must be checked.
  std::chrono::milliseconds interval() const;

  /// Extends the message's lease when a third of it is over, and lets `StuckHandlers` look at its handler.
  void Check(InFlightMessage& item, TimePoint now, Actions& out);

  /// The message's handler has ended.
  void Finished(InFlightMessage& item) { stuck_handlers_.Finished(item); }

  /// Whether the message keeps its key waiting for longer than a busy pool would.
  bool HoldsUp(const InFlightMessage& item, TimePoint now) const;

  std::size_t stuck() const { return stuck_handlers_.size(); }

 private:
  const std::chrono::milliseconds ack_wait_;
  StuckHandlers stuck_handlers_;
  const bool lets_stuck_leases_lapse_;  // another process may then handle the message
};

}  // namespace penstock::eventbus
