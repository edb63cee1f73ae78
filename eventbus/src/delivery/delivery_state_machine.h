// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "delivery/actions.h"
#include "delivery/delivery_state.h"
#include "delivery/in_flight_message.h"
#include "delivery/lease_keeper.h"
#include "delivery/turn_scheduler.h"
#include "penstock/eventbus/stats.h"

namespace penstock::eventbus {

/// The delivery logic of one subscription: events in, actions out. It keeps the order of each key, makes a key wait
/// while one of its messages is retried, recognises messages that are in flight or finished already, keeps leases, and
/// keeps messages in flight within credit and memory.
///
/// No threads, no clock, no I/O: the caller passes the time, makes one call at a time and carries out the actions in
/// order.
/// **Thread safety:** thread-compatible. **Ownership:** owns every message in flight.
/// **Ordering:** of each key, at most one message at a time is past `kParked`; the next one, by stream sequence,
/// follows when that one is over.
class DeliveryStateMachine {
 public:
  /// With `slots` messages begin by priority, and `member` is their subscription. Both outlive it.
  explicit DeliveryStateMachine(const DeliveryOptions& options, PoolSlots* slots = nullptr,
                                PoolSlots::Member* member = nullptr);

  /// A message arrived. `item` has its message, sequence, origin, letter, key, hash and actor set.
  void Arrived(std::unique_ptr<InFlightMessage> item, TimePoint now, Actions& out);
  /// A dispatch found the inbox full.
  void Refused(InFlightMessage& item, TimePoint now, Actions& out);
  /// A dispatched message left its handler, or will not enter it; `item.result` says how.
  void Finished(InFlightMessage& item, TimePoint now, Actions& out);
  /// A dispatched message occupies no worker any more, and is not over: its handler will tell later.
  void LeftWorker(InFlightMessage& item, TimePoint now, Actions& out) {
    turns_.LeftWorker(item);
    TakeTurn(now, out);
  }
  /// A slot may be free for what is ready. Only where messages begin by priority.
  void TakeTurn(TimePoint now, Actions& out) {
    state_.now = now;
    turns_.BeginReady(out);
  }
  /// A dead letter was stored, or could not be.
  void DeadLettered(InFlightMessage& item, bool stored, TimePoint now, Actions& out);
  /// The letter of a redriven message was removed, or could not be.
  void LetterRemoved(InFlightMessage& item, LetterRemoval removal, TimePoint now, Actions& out);
  /// The letter of a redriven message was looked up.
  void LetterLookedUp(InFlightMessage& item, LetterPresence presence, TimePoint now, Actions& out);
  /// A message that is to run again was looked up: it is gone from its stream, or may be there.
  void LookedUp(InFlightMessage& item, bool gone, TimePoint now, Actions& out);
  /// A message of `Actions::overdue` was looked up: it is gone from its stream, or may be there and come yet.
  void OverdueLookedUp(std::uint64_t sequence, bool gone, TimePoint now, Actions& out);
  /// Time has passed. To be called at `next_tick()`.
  void Tick(TimePoint now, Actions& out);
  /// Which messages are in the dead letters. Before the first message arrives, and after `OwnershipLost`; only with
  /// `AfterDeadLetter::kQuarantine`.
  /// Those stored and removed here since `ReadsLetters` are noted in them.
  void Quarantined(Quarantine letters) {
    letters.ChangeAs(state_.quarantine);
    state_.quarantine = std::move(letters);
    state_.letters_known = true;
  }
  /// The reading of the dead letters begins whose result `Quarantined` will tell.
  void ReadsLetters() { state_.quarantine.NoteChanges(); }
  /// After `OwnershipLost`: the same messages are in the dead letters as were before.
  void LettersUnchanged() { state_.letters_known = true; }
  /// The stream was created again and its sequences begin anew: messages that do not run are forgotten; those that run
  /// may finish, and are not acknowledged. (Not to be called if only the consumer was created again: its redeliveries
  /// are recognised.)
  void StreamRecreated();
  /// Messages with these sequences that are not in flight were acknowledged before: they are acknowledged when they
  /// arrive, not run.
  void AckStateRecovered(std::uint64_t first, std::uint64_t last) { state_.processed.Add(first, last); }
  /// The server counts messages up to `last` as settled: those that were requested again do not come. Their keys go on
  /// without them after a second, in which a redelivery that is under way still counts.
  void SettledElsewhere(std::uint64_t last, TimePoint now);
  /// Another process owns, or owned, the consumer: messages that do not run are forgotten, since that process may have
  /// acknowledged them; unacknowledged ones come again. Those that run may finish.
  void OwnershipLost();
  /// The consumer was created again, starting with the first unacknowledged message: messages that do not run are
  /// forgotten, since they come again in stream order. (A redelivery that was requested from the old consumer would
  /// never come.) Those that run may finish.
  void ConsumerRecreated() { KeepRunningOnly(/*stale=*/false); }
  /// From now on nothing is dispatched; messages that run may finish.
  void Close();
  /// Takes out every message that has not begun, ascending by sequence. Only after `Close`, when nothing arrives any
  /// more.
  std::vector<std::unique_ptr<InFlightMessage>> HandBack();

  /// Exchanges what is left of `spares` for the memory of items that are over since: to be made anew, those that were
  /// over last before others, since they are still in the caches, and given to `Arrived`.
  void ExchangeSpares(std::vector<std::unique_ptr<InFlightMessage>>& spares) {
    if (!spares_.empty()) spares.swap(spares_);
  }

  /// Nothing is running, queued or on its way to or from the dead letters, and nothing will be when the connection or
  /// the ownership that it lacks is back; other messages can only be handed back.
  bool quiescent() const { return active() == 0 && (state_.table.paused().empty() || circuit_open()); }
  /// Only the probe may begin.
  bool circuit_open() const { return state_.failures.breaker().open(); }
  TimePoint next_tick() const;

  /// All messages in flight, in no order, but for those that run since before their stream was created again.
  template <typename Visit>
  void ForEach(Visit visit) const {
    state_.table.ForEach([&](const InFlightMessage& item) { visit(item); });
  }

  std::size_t in_hand() const { return state_.table.size(); }
  /// All that `in_hand` counts, in no order.
  void ForEachInHand(absl::FunctionRef<void(const InFlightMessage&)> visit) const { state_.table.ForEach(visit); }
  /// Dispatched, refused, ready, looked up, or busy with a letter.
  std::size_t active() const { return state_.active(); }
  std::size_t parked() const { return state_.table.count(MessageState::kParked); }
  std::size_t held() const { return state_.table.count(MessageState::kAwaitingRedelivery); }
  std::size_t waiting() const { return state_.table.waiting(); }
  /// Wait until no more urgent one does.
  std::size_t ready() const { return state_.table.count(MessageState::kReady); }
  std::size_t stuck() const { return leases_.stuck(); }
  std::size_t bytes() const { return state_.flow.bytes(); }
  std::size_t window() const { return state_.flow.window(); }
  /// Redeliveries after a Nak of messages that ran from memory meanwhile: not handled, and no duplicates.
  std::uint64_t nak_redeliveries() const { return state_.nak_redeliveries; }
  /// Messages that were requested again and did not come.
  std::uint64_t vanished() const { return state_.vanished; }
  /// Counters, and `lag`. The other gauges are those of `Stats`.
  const SubscriptionStats& counters() const { return state_.counters; }
  /// All that is known here: not the ID and the names, nor what the consumer knows.
  SubscriptionStats Stats() const;

 private:
  // Arrivals.
  bool Recognise(std::unique_ptr<InFlightMessage>& item, Actions& out);
  void Again(InFlightMessage& known, std::unique_ptr<InFlightMessage> copy, Actions& out);
  void TakeOver(InFlightMessage& held, std::unique_ptr<InFlightMessage> redelivered, Actions& out);

  // Ends.
  void DidNotRun(InFlightMessage& item, Actions& out);
  void Succeeded(InFlightMessage& item, Actions& out);
  void Dropped(InFlightMessage& item, Actions& out);
  void IsOver(InFlightMessage& item, Actions& out);
  void Failed(InFlightMessage& item, Actions& out);
  void Conclude(InFlightMessage& item, Actions& out);
  void Forget(InFlightMessage& item, Actions& out);
  void IsGone(InFlightMessage& item, Actions& out);
  void KeepForReuse(std::unique_ptr<InFlightMessage> over);
  void KeepRunningOnly(bool stale);

  // Time.
  void CheckAll(Actions& out);
  void LookForOverdue(Actions& out);
  void Resize(Actions& out);
  bool crowded() const { return state_.options.acknowledges && !state_.closed && state_.flow.IsCrowdedBy(parked()); }

  void SetState(InFlightMessage& item, MessageState state) { state_.table.SetState(item, state); }

  DeliveryState state_;
  TurnScheduler turns_;
  LeaseKeeper leases_;
  std::vector<std::unique_ptr<InFlightMessage>> spares_;  // over; their memory is used again
  TimePoint next_look_{};
};

}  // namespace penstock::eventbus
