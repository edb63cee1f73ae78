// SPDX-License-Identifier: Apache-2.0
#include "simulation/priority_checker.h"

#include <algorithm>

namespace penstock::eventbus::simulation {

void PriorityChecker::Asked(const Action& action, const DeliveryStateMachine& flow, TimePoint now) {
  if (!scenario_.by_priority() || action.kind != Action::Kind::kDispatch || action.item->probe) return;
  const InFlightMessage& begins = *action.item;
  const bool of_oldest = ++turns_ % PoolSlots::kOldestEvery == 0;
  const int rank = RankOf(begins, flow);
  flow.ForEachInHand([&](const InFlightMessage& other) {
    if (other.state != MessageState::kReady || other.ready_since >= now || !HasRoom(other)) return;
    if (of_oldest) {
      ledger_.Require(begins.ready_since <= other.ready_since, "no starvation",
                      "a turn of the longest waiting was given to another than message", other.sequence);
    } else {
      ledger_.Require(rank >= RankOf(other, flow), "priority", "a message began before a more urgent one, namely",
                      other.sequence);
    }
  });
  with_pool_.emplace(&begins, begins.actor);
  ++of_actor_[begins.actor];
  ledger_.Require(with_pool_.size() <= PoolSlots::kPerWorker * scenario_.workers(), "priority",
                  "the pool has more than there are slots", with_pool_.size());
}

void PriorityChecker::Left(const InFlightMessage& item) {
  const auto known = with_pool_.find(&item);
  if (known == with_pool_.end()) return;
  --of_actor_[known->second];
  with_pool_.erase(known);
}

// Nothing that may begin waits while there is a slot.
void PriorityChecker::Compare(const DeliveryStateMachine& flow) const {
  const bool limited = scenario_.flow.max_concurrent > 0 || scenario_.flow.rate.per_second > 0;
  if (!scenario_.by_priority() || limited || closed_) return;
  if (with_pool_.size() >= PoolSlots::kPerWorker * scenario_.workers()) return;
  flow.ForEachInHand([&](const InFlightMessage& item) {
    ledger_.Require(item.state != MessageState::kReady || !HasRoom(item), "priority",
                    "a slot is free, and yet waits message", item.sequence);
  });
}

int PriorityChecker::RankOf(const InFlightMessage& item, const DeliveryStateMachine& flow) {
  int rank = item.priority;
  if (!item.keyed()) return rank;
  flow.ForEachInHand([&](const InFlightMessage& other) {
    if (other.keyed() && other.key_hash == item.key_hash) rank = std::max(rank, other.priority);
  });
  return rank;
}

bool PriorityChecker::HasRoom(const InFlightMessage& item) const {
  if (!item.keyed()) return true;
  const auto actor = of_actor_.find(item.actor);
  return actor == of_actor_.end() || actor->second < PoolSlots::kMostOfActor;
}

}  // namespace penstock::eventbus::simulation
