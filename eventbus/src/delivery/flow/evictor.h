// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "delivery/flow/flow_control.h"
#include "delivery/flow_options.h"
#include "delivery/in_flight_message.h"
#include "delivery/in_flight_table.h"

namespace penstock::eventbus {

/// Keeps the bytes in memory within the budget: a message that does not fit is evicted, that is, its body is dropped,
/// and it is requested again when its turn has come and there is room. Thread-confined to its state machine.
class Evictor {
 public:
  Evictor(InFlightTable& table, FlowControl& flow, FlowCounters& counters)
      : table_(table), flow_(flow), counters_(counters) {}

  /// Counts the bytes of a message that arrived, and makes room or evicts it.
  void Admit(InFlightMessage& item);

  /// Drops the body; the key stays.
  void Evict(InFlightMessage& item);

  /// Reserves room for an evicted message that is next to be requested again. False when there is none now.
  /// `idle`: nothing runs that would make room by ending.
  bool Reserve(InFlightMessage& item, bool idle);

 private:
  void EvictParked(std::size_t until_bytes);
  void GiveUpRoomOfLater(const InFlightMessage& item);

  InFlightTable& table_;
  FlowControl& flow_;
  FlowCounters& counters_;
};

}  // namespace penstock::eventbus
