// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "delivery/in_flight_message.h"
#include "delivery/priority/key_ranks.h"
#include "delivery/priority/pool_slots.h"
#include "delivery/priority/ready_queue.h"

namespace penstock::eventbus {

/// Which of a subscription's ready messages begins next, where messages begin by priority. A message's rank is its
/// priority, or the highest of the messages of its key behind it. Thread-confined to its state machine.
class PriorityTurns {
 public:
  /// Without slots nothing is by priority. `member` is the subscription.
  PriorityTurns(PoolSlots* slots, PoolSlots::Member* member) : slots_(slots), member_(member) {}

  bool enabled() const { return slots_ != nullptr; }

  /// A keyed message has a place in its key's queue, behind `first` or as `first` itself.
  void Queued(const InFlightMessage& item, InFlightMessage& first);
  /// A keyed message has left its key's queue.
  void Left(const InFlightMessage& item) { ranks_.Remove(item.key_hash, item.priority); }

  /// The message, whose state is `kReady`, may begin as soon as it has a slot.
  void Ready(InFlightMessage& item, TimePoint now);
  /// The message that begins now and has a slot from now on; null if none does.
  InFlightMessage* Next(TimePoint now);
  /// The message needs no slot any more, if it has one.
  void ReleaseSlot(InFlightMessage& item);
  /// The same, and it runs no more.
  void Ended(InFlightMessage& item);
  /// Nothing is to begin now, whatever is ready.
  void Withdraw() { slots_->Withdraw(*member_); }
  /// Takes out a ready message, whichever; null when there is none.
  InFlightMessage* TakeAny();

  void Clear();
  bool empty() const { return ready_.empty(); }
  /// Ready messages wait for room in their actors, which may have theirs from another subscription, or pause.
  bool awaits_room(TimePoint now) const {
    return !ready_.empty() && !ready_.Highest([&](const auto& item) { return slots_->HasRoom(item.actor, now); });
  }

 private:
  PoolSlots* const slots_;
  PoolSlots::Member* const member_;
  KeyRanks ranks_;
  ReadyQueue ready_;
};

}  // namespace penstock::eventbus
