// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "delivery/actions.h"
#include "delivery/delivery_state.h"
#include "delivery/in_flight_message.h"
#include "delivery/key_queues.h"
#include "delivery/priority/priority_turns.h"

namespace penstock::eventbus {

/// Messages that their actor's inbox had no room for, in the order in which they were refused. Thread-confined to its
/// state machine.
class RefusedOffers {
 public:
  void Add(InFlightMessage& item) { by_actor_[item.actor].push_back(&item); }

  /// The first one for that actor (`InFlightMessage::kAnyActor`: of those without a key); null when there is none.
  InFlightMessage* Take(std::size_t actor) {
    const auto found = by_actor_.find(actor);
    if (found == by_actor_.end()) return nullptr;
    InFlightMessage* const item = found->second.front();
    found->second.pop_front();
    if (found->second.empty()) by_actor_.erase(found);
    return item;
  }

  /// The actors with a refused message, ascending.
  std::vector<std::size_t> Actors() const {
    std::vector<std::size_t> actors;
    for (const auto& [actor, waiting] : by_actor_) actors.push_back(actor);
    std::sort(actors.begin(), actors.end());
    return actors;
  }

  void Clear() { by_actor_.clear(); }
  bool empty() const { return by_actor_.empty(); }

 private:
  absl::flat_hash_map<std::size_t, std::deque<InFlightMessage*>> by_actor_;
};

/// Decides which message begins next and when: of each key one at a time, by stream sequence; later if its inbox is
/// full, its back-off runs, its body was evicted, or nothing may begin now. Thread-confined to its state machine.
class TurnScheduler {
 public:
  /// With `slots` messages begin by priority.
  TurnScheduler(DeliveryState& state, PoolSlots* slots, PoolSlots::Member* member)
      : state_(state), priority_(slots, member) {}

  /// A message of the table waits for its turn, or has it at once.
  void Admit(InFlightMessage& item, Actions& out);
  /// It is the message's turn. Null: nobody's.
  void Turn(InFlightMessage* item, Actions& out);
  /// Its actor's inbox was full.
  void Refused(InFlightMessage& item);
  /// A message left its actor's inbox.
  void RoomInInbox(const InFlightMessage& left, Actions& out);
  /// Begins what waits because as many handlers run as may, or as the pool is to have by priority. To be called when
  /// one has ended.
  void BeginCrowded(Actions& out);
  /// Begins what is ready, by priority, as far as there are slots. To be called when one may be free.
  void BeginReady(Actions& out);
  /// The message, which was dispatched, occupies no worker any more.
  void LeftWorker(InFlightMessage& item) {
    if (priority_.enabled()) priority_.ReleaseSlot(item);
  }
  /// The message, which was dispatched, runs no more.
  void Ended(InFlightMessage& item) {
    if (priority_.enabled()) priority_.Ended(item);
  }
  /// Begins the message again after `delay`; its key waits.
  void Wait(InFlightMessage& item, std::chrono::milliseconds delay, Actions& out);
  /// Stores the message's dead letter (`kDeadLettering`), or removes (`kRemovingLetter`) or looks up
  /// (`kLookingUpLetter`) the one it came from.
  void BeginLetter(InFlightMessage& item, MessageState state, Actions& out);
  /// The letter that the message came from was looked up and is there.
  void LetterIsThere(InFlightMessage& item, Actions& out);
  /// The message was looked up and is there.
  void Seen(InFlightMessage& item, Actions& out);
  /// The message is over: the next one of its key has its turn.
  void ReleaseKey(InFlightMessage& item, Actions& out);
  /// The message does not come any more: its key goes on without it.
  void GiveUp(InFlightMessage& item, Actions& out);
  /// Takes the message out of the table.
  std::unique_ptr<InFlightMessage> Remove(InFlightMessage& item);

  /// Begins the messages that can begin by now.
  void Tick(Actions& out);
  /// When `Tick` has something to do next; `TimePoint::max()` when nothing waits for time to pass.
  TimePoint next_tick() const;
  /// An outage is over, or the dead letters are known: what was paused goes on.
  void ResumePaused(Actions& out);
  /// Requests evicted messages as far as there is room.
  void RequestEvicted(Actions& out);

  /// When a message that is requested again at `now` is overdue.
  TimePoint OverdueAt(const InFlightMessage& item, TimePoint now) const;

  /// Messages that wait behind the one of their key that has its turn.
  std::size_t QueuedBehind(const InFlightMessage& item) const { return queues_.QueuedBehind(item); }
  /// Forgets who waits for what.
  void Clear();
  /// After `Clear`: the message, which runs, has its key's turn.
  void KeepTurn(InFlightMessage& item);

 private:
  void Start(InFlightMessage& item, Actions& out);
  bool IsOver(const InFlightMessage& item);
  bool StaysAway(const InFlightMessage& item) const;
  void Acknowledge(InFlightMessage& over, Actions& out);
  void Vanish(InFlightMessage& item, Actions& out);
  bool MayBeObsolete(const InFlightMessage& item) const;
  void CheckLetter(InFlightMessage& item, Actions& out);
  bool Follows(InFlightMessage& item, Actions& out);
  bool MayBeGone(const InFlightMessage& item) const;
  void Dispatch(InFlightMessage& item, Actions& out);
  bool MayRun(InFlightMessage& item, Actions& out);
  bool IsPaced(InFlightMessage& item);
  bool IsCrowded() const;
  bool MayBeginReady() const;
  TimePoint NextOfReady() const;
  void HandOut(InFlightMessage& item, Actions& out);
  InFlightMessage* Dequeue(const InFlightMessage& item);
  void WakeUp(InFlightMessage& item, bool paced, Actions& out);
  void OfferRefused(std::size_t actor, Actions& out);
  void RetryNow(InFlightMessage& item, Actions& out);
  void SendNak(InFlightMessage& item, Actions& out);
  void NakFromMemory(InFlightMessage& item, Actions& out);
  void AskForFollowers(const InFlightMessage& first, Actions& out);
  void WakeWaiting(Actions& out);
  void Probe(Actions& out);
  void SetState(InFlightMessage& item, MessageState state) { state_.table.SetState(item, state); }

  DeliveryState& state_;
  KeyQueues queues_;
  PriorityTurns priority_;
  RefusedOffers refused_;
  std::deque<InFlightMessage*> crowded_;  // as many run as may; in their order
  std::uint64_t last_probed_ = 0;
};

}  // namespace penstock::eventbus
