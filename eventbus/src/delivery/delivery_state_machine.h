// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "delivery/actions.h"
#include "delivery/delivery_state.h"
#include "delivery/in_flight_message.h"
#include "delivery/lease_keeper.h"
#include "delivery/turn_scheduler.h"

namespace penstock::eventbus {

/// The delivery logic of one subscription: events in, actions out. It keeps the order of each key, holds a key whose
/// message failed until that is settled, recognises what it has in hand or has finished, keeps leases, and keeps what
/// is in hand within its credit.
///
/// No threads, no clock, no I/O: the caller passes the time, serialises the calls and carries out the actions in order.
/// **Thread safety:** thread-compatible. **Ownership:** owns every item in hand.
/// **Ordering:** of one key, at most one item is past `kParked` at a time; the next, by stream sequence, follows when
/// it is settled.
class DeliveryStateMachine {
 public:
  explicit DeliveryStateMachine(const FlowOptions& options);

  /// A message came. `item` has its message, sequence, origin, letter, key, hash and lane set.
  void Arrived(std::unique_ptr<InFlightMessage> item, TimePoint now, Actions& out);
  /// A dispatch found the inbox full.
  void Refused(InFlightMessage& item, TimePoint now, Actions& out);
  /// A dispatched item left its handler, or will not enter it; `item.result` says how.
  void Finished(InFlightMessage& item, TimePoint now, Actions& out);
  /// A dead letter was stored, or not.
  void DeadLettered(InFlightMessage& item, bool stored, TimePoint now, Actions& out);
  /// The letter of a redriven message was removed, or not.
  void LetterRemoved(InFlightMessage& item, bool removed, TimePoint now, Actions& out);
  /// Time passed. Call at `next_tick()`.
  void Tick(TimePoint now, Actions& out);
  /// Which messages are in the dead letters already. Before anything arrives, and after `OwnershipLost`; only with
  /// `kQuarantine`.
  void Quarantined(Quarantine letters) {
    state_.quarantine = std::move(letters);
    state_.letters_known = true;
  }
  /// The stream was made anew and its sequences begin again: what is not running is forgotten, what is running will not
  /// be settled. (A consumer made anew on the same stream is no new epoch: copies of what is in hand are recognised.)
  void StreamRecreated();
  /// What comes of these sequences, and is not in hand, was settled before: it is acknowledged, not run.
  void AckStateRecovered(std::uint64_t first, std::uint64_t last) { state_.processed.Add(first, last); }
  /// Another process has, or had, the consumer: what is not running is forgotten, since that process may have settled
  /// it; what is not settled comes again. What runs may finish.
  void OwnershipLost();
  /// The consumer was made again, to begin with the first message that is not settled: what is not running is
  /// forgotten, since it comes again, in stream order. (A message that was asked for could not come otherwise: the one
  /// asked is gone.) What runs may finish.
  void ConsumerRecreated() { KeepRunningOnly(/*stale=*/false); }
  /// From now on nothing is dispatched any more; what runs may finish.
  void Close();
  /// Takes away everything that has not begun, ascending by sequence. Only after `Close`, when nothing arrives any
  /// more.
  std::vector<std::unique_ptr<InFlightMessage>> HandBack();

  /// Exchanges what is left of `spares` for the memory of items that are over since: to be made anew, those that were
  /// over last before others, since they are still in the caches, and given to `Arrived`.
  void ExchangeSpares(std::vector<std::unique_ptr<InFlightMessage>>& spares) {
    if (!spares_.empty()) spares.swap(spares_);
  }

  /// Nothing is running, queued or on its way to or from the dead letters; what is left can only be handed back.
  bool quiescent() const { return active() == 0; }
  /// Nothing but the probe is to begin.
  bool circuit_open() const { return state_.failures.breaker().open(); }
  TimePoint next_tick() const;

  std::size_t in_hand() const { return state_.table.size(); }
  /// Dispatched, refused, or busy with a letter.
  std::size_t active() const { return state_.active(); }
  std::size_t parked() const { return state_.table.count(MessageState::kParked); }
  std::size_t held() const { return state_.table.count(MessageState::kAwaitingRedelivery); }
  std::size_t waiting() const { return state_.table.waiting(); }
  std::size_t stuck() const { return leases_.stuck(); }
  std::size_t bytes() const { return state_.flow.bytes(); }
  std::size_t window() const { return state_.flow.window(); }
  std::size_t quarantined_keys() const { return state_.quarantine.keys(); }
  const FlowCounters& counters() const { return state_.counters; }

 private:
  // Arrivals.
  bool Recognise(std::unique_ptr<InFlightMessage>& item, Actions& out);
  bool IsOver(const InFlightMessage& item) const;
  void Again(InFlightMessage& known, std::unique_ptr<InFlightMessage> copy, Actions& out);
  void TakeOver(InFlightMessage& held, std::unique_ptr<InFlightMessage> redelivered, Actions& out);

  // Ends.
  void DidNotRun(InFlightMessage& item, Actions& out);
  void Succeeded(InFlightMessage& item, Actions& out);
  void Failed(InFlightMessage& item, Actions& out);
  void Conclude(InFlightMessage& item, Actions& out);
  void Forget(InFlightMessage& item, Actions& out);
  void Spare(std::unique_ptr<InFlightMessage> over);
  void KeepRunningOnly(bool stale);

  // Time.
  void CheckAll(Actions& out);
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
