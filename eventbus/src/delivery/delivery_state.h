// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "delivery/delivery_options.h"
#include "delivery/flow/flow_control.h"
#include "delivery/in_flight_table.h"
#include "delivery/policy/failure_policy.h"
#include "delivery/policy/finished_events.h"
#include "delivery/policy/late_redeliveries.h"
#include "delivery/policy/pacing.h"
#include "delivery/policy/processed_set.h"
#include "delivery/policy/quarantine.h"
#include "delivery/policy/remembered_numbers.h"
#include "penstock/eventbus/stats.h"

namespace penstock::eventbus {

/// The state that the parts of one subscription's delivery logic share.
struct DeliveryState {
  explicit DeliveryState(const DeliveryOptions& delivery_options) : options(delivery_options) {}
  DeliveryState(const DeliveryState&) = delete;
  DeliveryState& operator=(const DeliveryState&) = delete;

  bool quarantines() const { return options.after_dead_letter == AfterDeadLetter::kQuarantine; }
  /// Dispatched, refused, ready, looked up, or busy with a letter.
  std::size_t active() const {
    return table.count(MessageState::kDispatched) + table.count(MessageState::kRefused) +
           table.count(MessageState::kReady) + table.count(MessageState::kDeadLettering) +
           table.count(MessageState::kRemovingLetter) + table.count(MessageState::kLookingUpLetter) +
           table.count(MessageState::kLookingUp);
  }

  const DeliveryOptions options;
  SubscriptionStats counters{};         ///< and `lag`; the other gauges are not kept here
  std::uint64_t nak_redeliveries = 0;   ///< came after a Nak for messages that ran from memory meanwhile
  std::uint64_t vanished = 0;           ///< messages whose redelivery was given up
  std::uint64_t settled_elsewhere = 0;  ///< the server counts messages up to here as settled
  InFlightTable table{};
  FlowControl flow{options, table, counters};
  FailurePolicy failures{options};
  Pacing pacing{options.rate, options.key_rate};
  ProcessedSet processed{};
  FinishedEvents finished_events{options.duplicate_window};
  LateRedeliveries late_redeliveries{};
  /// Letters that this process removed, or gave up removing, with the origins of their messages: what is redriven from
  /// them once more is over.
  RememberedNumbers removed_letters{};
  /// Origins, with the hashes of their keys, of messages that were handled here after they had been delivered to
  /// others, of whom one may have stored a letter.
  RememberedNumbers handled_redeliveries{};
  Quarantine quarantine{};
  bool letters_known = true;  ///< false after ownership was lost, while others may have stored or removed some
  bool closed = false;
  TimePoint now{};  ///< of the present event
};

}  // namespace penstock::eventbus
