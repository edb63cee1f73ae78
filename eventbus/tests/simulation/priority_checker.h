// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "delivery/delivery_state_machine.h"
#include "simulation/ledger.h"

namespace penstock::eventbus::simulation {

/// The one subscription of a process, which need not be called to take its turn.
class OnlyMember final : public PoolSlots::Member {
 public:
  void Reserve() override {}
  void TakeTurn() override {}
};

/// Watches the turns of one delivery flow whose messages begin by priority, and keeps its own account of what the pool
/// has. Ranks are those of all messages of a key that are in hand. What became ready in the event that gave the turn is
/// not compared: it may have come after.
///
/// Thread-compatible.
class PriorityChecker {
 public:
  PriorityChecker(const Scenario& scenario, const Ledger& ledger) : scenario_(scenario), ledger_(ledger) {}

  /// An action of the state machine; `now` is its time.
  void Asked(const Action& action, const DeliveryStateMachine& flow, TimePoint now);
  /// The message occupies no worker any more.
  void Left(const InFlightMessage& item);
  /// After every event.
  void Compare(const DeliveryStateMachine& flow) const;
  void Closed() { closed_ = true; }

 private:
  static int RankOf(const InFlightMessage& item, const DeliveryStateMachine& flow);
  bool HasRoom(const InFlightMessage& item) const;

  const Scenario& scenario_;
  const Ledger& ledger_;
  std::map<const InFlightMessage*, std::size_t> with_pool_{};  // its actor
  std::map<std::size_t, std::size_t> of_actor_{};
  std::uint64_t turns_ = 0;
  bool closed_ = false;
};

}  // namespace penstock::eventbus::simulation
