// SPDX-License-Identifier: Apache-2.0
#include "delivery/priority/priority_turns.h"

#include <optional>
#include <utility>

namespace penstock::eventbus {

void PriorityTurns::Queued(const InFlightMessage& item, InFlightMessage& first) {
  ranks_.Add(item.key_hash, item.priority);
  if (first.state == MessageState::kReady && item.priority > first.rank) ready_.SetRank(first, item.priority);
}

void PriorityTurns::Ready(InFlightMessage& item, TimePoint now) {
  item.rank = item.keyed() ? ranks_.Highest(item.key_hash) : item.priority;
  ready_.Add(item, now);
}

InFlightMessage* PriorityTurns::Next(TimePoint now) {
  const auto has_room = [&](const InFlightMessage& item) { return slots_->HasRoom(item.actor, now); };
  InFlightMessage* const highest = ready_.Highest(has_room);
  if (highest == nullptr) {
    Withdraw();
    return nullptr;
  }
  InFlightMessage* const oldest = ready_.Oldest(has_room);
  const auto turn =
      slots_->Take(*member_, {.rank = highest->rank, .since = highest->ready_since, .oldest = oldest->ready_since});
  if (!turn) return nullptr;
  InFlightMessage* const next = *turn == PoolSlots::Turn::kOldest ? oldest : highest;
  ready_.Remove(*next);
  slots_->Use(next->actor);
  next->has_slot = next->by_priority = true;
  return next;
}

void PriorityTurns::ReleaseSlot(InFlightMessage& item) {
  if (std::exchange(item.has_slot, false)) slots_->Release(item.actor);
}

void PriorityTurns::Ended(InFlightMessage& item) {
  ReleaseSlot(item);
  if (std::exchange(item.by_priority, false)) slots_->Ended(*member_);
}

InFlightMessage* PriorityTurns::TakeAny() {
  InFlightMessage* const item = ready_.Any();
  if (item != nullptr) ready_.Remove(*item);
  return item;
}

void PriorityTurns::Clear() {
  ready_.Clear();
  ranks_.Clear();
  Withdraw();
}

}  // namespace penstock::eventbus
