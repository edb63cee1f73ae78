// SPDX-License-Identifier: Apache-2.0
#include "delivery/delivery_state_machine.h"

#include <algorithm>
#include <utility>

namespace penstock::eventbus {
namespace {

constexpr std::chrono::seconds kLetterPause{1};
constexpr std::size_t kMostSpares = 512;

}  // namespace

DeliveryStateMachine::DeliveryStateMachine(const DeliveryOptions& options, PoolSlots* slots, PoolSlots::Member* member)
    : state_(options), turns_(state_, slots, member), leases_(options) {}

// Arrivals.

void DeliveryStateMachine::Arrived(std::unique_ptr<InFlightMessage> item, TimePoint now, Actions& out) {
  state_.now = now;
  ++state_.counters.received;
  if (item->message->delivery_count() > 1) ++state_.counters.redelivered;
  state_.counters.lag = item->message->pending();
  item->Delivered(now);
  item->fence.store(item->message->fence(), std::memory_order_relaxed);
  if (Recognise(item, out)) return;
  item->deliveries_before = item->message->delivery_count() - 1;
  InFlightMessage& admitted = state_.table.Add(std::move(item));
  admitted.weight = admitted.message->size_bytes();
  if (state_.options.acknowledges) state_.flow.Admit(admitted);
  if (state_.flow.can_grow() && !state_.closed) Resize(out);
  turns_.Admit(admitted, out);
}

// Whether it was in hand or over already.
bool DeliveryStateMachine::Recognise(std::unique_ptr<InFlightMessage>& item, Actions& out) {
  if (InFlightMessage* const known = state_.table.Find(item->sequence); known != nullptr) {
    Again(*known, std::move(item), out);
    return true;
  }
  if (!state_.options.acknowledges) return false;
  if (!item->for_other_consumer && !state_.processed.Contains(item->sequence)) return false;
  if (item->for_other_consumer) {
    ++state_.counters.skipped;
  } else {
    ++(state_.late_redeliveries.Take(item->sequence) ? state_.nak_redeliveries : state_.counters.duplicates);
  }
  state_.flow.AddCredit(out);
  out.list.push_back({.kind = Action::Kind::kAck, .message = std::move(item->message)});
  return true;
}

void DeliveryStateMachine::Again(InFlightMessage& known, std::unique_ptr<InFlightMessage> copy, Actions& out) {
  known.ownership_lost.store(false, std::memory_order_relaxed);
  known.fence.store(copy->message->fence(), std::memory_order_relaxed);
  if (known.state == MessageState::kAwaitingRedelivery) return TakeOver(known, std::move(copy), out);
  const bool awaited = known.naks_unanswered > 0;
  if (awaited) --known.naks_unanswered;
  ++(awaited ? state_.nak_redeliveries : state_.counters.duplicates);
  state_.flow.AddCredit(out);
  known.Delivered(state_.now);
  known.latest = copy->message->Stub();
}

void DeliveryStateMachine::TakeOver(InFlightMessage& held, std::unique_ptr<InFlightMessage> redelivered, Actions& out) {
  held.message = std::move(redelivered->message);
  held.TakeKeyFrom(*redelivered);
  held.latest.reset();
  held.evicted = false;
  held.Delivered(state_.now);
  state_.flow.Charge(held, held.message->size_bytes());
  if (state_.flow.IsOverBudget(held)) state_.flow.Evict(held);
  state_.closed ? SetState(held, MessageState::kParked) : turns_.Turn(&held, out);
}

// Turns.

void DeliveryStateMachine::Refused(InFlightMessage& item, TimePoint now, Actions& out) {
  state_.now = now;
  ++state_.counters.inbox_full;
  turns_.Ended(item);
  if (item.stale) {
    Forget(item, out);
  } else {
    state_.closed ? SetState(item, MessageState::kParked) : turns_.Refused(item);
  }
  turns_.BeginReady(out);
}

// Ends.

void DeliveryStateMachine::Finished(InFlightMessage& item, TimePoint now, Actions& out) {
  state_.now = now;
  leases_.Finished(item);
  turns_.Ended(item);
  const HandlerResult::Kind kind = item.result.kind;
  const bool ran = kind != HandlerResult::Kind::kAbandoned && kind != HandlerResult::Kind::kPostponed;
  if (ran) turns_.RoomInInbox(item, out);
  if (!ran) {
    DidNotRun(item, out);
  } else if (kind == HandlerResult::Kind::kHandled) {
    Succeeded(item, out);
  } else if (item.result.acknowledges()) {
    Dropped(item, out);
  } else {
    Failed(item, out);
  }
  turns_.BeginCrowded(out);
  if (ran && !state_.table.evicted().empty()) turns_.RequestEvicted(out);
}

void DeliveryStateMachine::DidNotRun(InFlightMessage& item, Actions& out) {
  CircuitBreaker& breaker = state_.failures.breaker();
  if (std::exchange(item.probe, false) && breaker.open()) breaker.ProbeAgain(state_.now);
  if (item.stale || item.ownership_lost.load(std::memory_order_relaxed)) return Forget(item, out);
  const bool over = state_.closed || item.result.kind == HandlerResult::Kind::kAbandoned;
  SetState(item, over ? MessageState::kParked : MessageState::kPaused);
}

void DeliveryStateMachine::Succeeded(InFlightMessage& item, Actions& out) {
  ++state_.counters.handled;
  item.probe = false;
  if (state_.failures.breaker().Succeeded()) turns_.ResumePaused(out);
  IsOver(item, out);
}

// Nothing is learned of what handlers need.
void DeliveryStateMachine::Dropped(InFlightMessage& item, Actions& out) {
  ++(item.result.kind == HandlerResult::Kind::kCancelled ? state_.counters.cancelled : state_.counters.expired);
  state_.failures.NoteFailure(item, state_.now);
  IsOver(item, out);
}

void DeliveryStateMachine::IsOver(InFlightMessage& item, Actions& out) {
  // Also when its stream was created again: dead letters are in another stream.
  const bool was_redriven = item.letter != 0 && state_.options.acknowledges;
  if (was_redriven) return turns_.BeginLetter(item, MessageState::kRemovingLetter, out);
  if (item.stale || !state_.options.acknowledges) return Forget(item, out);
  Conclude(item, out);
}

void DeliveryStateMachine::Failed(InFlightMessage& item, Actions& out) {
  const HandlerResult::Kind kind = item.result.kind;
  if (kind == HandlerResult::Kind::kExpired) {
    ++state_.counters.expired;
  } else {
    ++state_.counters.failed;
    ++item.failures;
  }
  if (kind == HandlerResult::Kind::kTimedOut) ++state_.counters.timed_out;
  if (kind == HandlerResult::Kind::kUndecodable) ++state_.counters.undecodable;
  if (item.stale || !state_.options.acknowledges) return Forget(item, out);
  if (state_.failures.NoteFailure(item, state_.now)) ++state_.counters.circuit_opened;
  if (item.ownership_lost.load(std::memory_order_relaxed)) return Forget(item, out);
  const FailurePolicy::Decision decision = state_.failures.Decide(item);
  switch (decision.kind) {
    case FailurePolicy::Decision::Kind::kRetry:
      return turns_.Wait(item, decision.delay, out);
    case FailurePolicy::Decision::Kind::kPause:
      return SetState(item, state_.closed ? MessageState::kParked : MessageState::kPaused);
    case FailurePolicy::Decision::Kind::kDeadLetter:
      return turns_.BeginLetter(item, MessageState::kDeadLettering, out);
  }
}

void DeliveryStateMachine::DeadLettered(InFlightMessage& item, bool stored, TimePoint now, Actions& out) {
  state_.now = now;
  if (item.stale) return Forget(item, out);
  if (!stored) {
    item.due = now + kLetterPause;
    if (state_.closed) SetState(item, MessageState::kParked);
    return;
  }
  ++state_.counters.dead_lettered;
  if (state_.quarantines() && item.keyed()) state_.quarantine.Add(item.key_hash, item.origin);
  if (item.letter != 0) return turns_.BeginLetter(item, MessageState::kRemovingLetter, out);
  Conclude(item, out);
}

// A letter that stays is as good as removed to this process: its message is not to be handled again.
void DeliveryStateMachine::LetterRemoved(InFlightMessage& item, LetterRemoval removal, TimePoint now, Actions& out) {
  state_.now = now;
  if (removal == LetterRemoval::kRefused) ++state_.counters.letters_kept;
  if (removal != LetterRemoval::kFailed) {
    state_.removed_letters.Add(item.letter, item.origin);
    if (item.result.acknowledges()) state_.quarantine.Release(item.key_hash, item.origin);
    return item.stale ? Forget(item, out) : Conclude(item, out);
  }
  if (state_.closed && item.stale) return Forget(item, out);
  item.due = now + kLetterPause;
  if (state_.closed) SetState(item, MessageState::kParked);
}

void DeliveryStateMachine::LetterLookedUp(InFlightMessage& item, LetterPresence presence, TimePoint now, Actions& out) {
  state_.now = now;
  if (item.stale || item.ownership_lost.load(std::memory_order_relaxed)) return Forget(item, out);
  switch (presence) {
    case LetterPresence::kThere:
      return turns_.LetterIsThere(item, out);
    case LetterPresence::kGone:
      item.result = {.kind = HandlerResult::Kind::kHandled};
      state_.removed_letters.Add(item.letter, item.origin);
      return Conclude(item, out);
    case LetterPresence::kUnknown:
      item.due = now + kLetterPause;
      if (state_.closed) SetState(item, MessageState::kParked);
      return;
  }
}

void DeliveryStateMachine::LookedUp(InFlightMessage& item, bool gone, TimePoint now, Actions& out) {
  state_.now = now;
  if (item.stale || item.ownership_lost.load(std::memory_order_relaxed)) return Forget(item, out);
  if (gone) return IsGone(item, out);
  state_.closed ? SetState(item, MessageState::kParked) : turns_.Seen(item, out);
}

// Acknowledged, so that the server, which cannot deliver it any more, waits for it no longer.
void DeliveryStateMachine::IsGone(InFlightMessage& item, Actions& out) {
  ++state_.counters.gone;
  state_.processed.Add(item.sequence);
  state_.flow.AddCredit(out);
  turns_.ReleaseKey(item, out);
  out.list.push_back({.kind = Action::Kind::kAck, .message = turns_.Remove(item)->TakeAnswerable()});
}

void DeliveryStateMachine::Conclude(InFlightMessage& item, Actions& out) {
  const bool acks = item.result.acknowledges();
  ++(acks ? state_.counters.acked : state_.counters.terminated);
  state_.processed.Add(item.sequence);
  const bool handled = item.result.kind == HandlerResult::Kind::kHandled;
  if (handled && item.deliveries_before > 0) state_.handled_redeliveries.Add(item.origin, item.key_hash);
  state_.late_redeliveries.Expect(item.sequence, item.naks_unanswered);
  if (state_.finished_events.enabled()) state_.finished_events.Add(*item.message);
  state_.flow.AddCredit(out);
  turns_.ReleaseKey(item, out);
  std::unique_ptr<InFlightMessage> over = turns_.Remove(item);
  out.list.push_back({.kind = acks ? Action::Kind::kAck : Action::Kind::kTerm, .message = over->TakeAnswerable()});
  KeepForReuse(std::move(over));
}

// Items are made by one thread and end on others, which costs an allocator more than anything else here.
void DeliveryStateMachine::KeepForReuse(std::unique_ptr<InFlightMessage> over) {
  over->message.reset();
  over->latest.reset();
  if (spares_.size() < kMostSpares) spares_.push_back(std::move(over));
}

void DeliveryStateMachine::Forget(InFlightMessage& item, Actions& out) {
  state_.flow.AddCredit(out);
  turns_.ReleaseKey(item, out);
  turns_.Remove(item);
}

// Time.

TimePoint DeliveryStateMachine::next_tick() const {
  const TimePoint next = std::min(next_look_, turns_.next_tick());
  return crowded() ? std::min(next, state_.flow.next_widening()) : next;
}

void DeliveryStateMachine::Tick(TimePoint now, Actions& out) {
  state_.now = now;
  state_.flow.AddForgottenCredit(out);
  if (state_.table.size() == 0) spares_.clear();
  if (!state_.closed) turns_.Tick(out);
  const bool look = state_.closed || now >= next_look_;
  if (look) next_look_ = now + leases_.interval();
  if (look && state_.options.acknowledges) CheckAll(out);
  if (look ? state_.options.acknowledges && !state_.closed : crowded() && now >= state_.flow.next_widening())
    Resize(out);
}

void DeliveryStateMachine::CheckAll(Actions& out) {
  if (!state_.closed && held() > 0) LookForOverdue(out);
  for (InFlightMessage* item : state_.table.Ascending()) {
    if (item->state == MessageState::kAwaitingRedelivery || item->asked_for()) continue;
    if (item->at_letter() && !state_.closed && item->due <= state_.now) turns_.BeginLetter(*item, item->state, out);
    leases_.Check(*item, state_.now, out);
  }
  for (const auto& item : state_.table.stale()) {
    if (!state_.closed && item->at_letter() && item->due <= state_.now) turns_.BeginLetter(*item, item->state, out);
  }
}

// Before the others are checked: it may end some of them. What the server may still send, however late, its key waits
// for.
void DeliveryStateMachine::LookForOverdue(Actions& out) {
  for (InFlightMessage* item : state_.table.Ascending(MessageState::kAwaitingRedelivery)) {
    if (item->due > state_.now) continue;
    if (item->sequence <= state_.settled_elsewhere) {
      turns_.GiveUp(*item, out);
    } else {
      item->due = TimePoint::max();
      out.overdue.push_back(item->sequence);
    }
  }
}

void DeliveryStateMachine::OverdueLookedUp(std::uint64_t sequence, bool gone, TimePoint now, Actions& out) {
  state_.now = now;
  InFlightMessage* const item = state_.table.Find(sequence);
  const bool awaited = item != nullptr && item->state == MessageState::kAwaitingRedelivery;
  if (!awaited || item->due != TimePoint::max()) return;
  if (gone) return turns_.GiveUp(*item, out);
  item->due = turns_.OverdueAt(*item, now);
}

void DeliveryStateMachine::SettledElsewhere(std::uint64_t last, TimePoint now) {
  state_.settled_elsewhere = last;
  state_.table.ForEach([&](InFlightMessage& item) {
    if (item.state == MessageState::kAwaitingRedelivery) item.due = std::min(item.due, turns_.OverdueAt(item, now));
  });
}

// Messages parked behind one that merely waits for a worker do not count: a slow pool is no reason for a wider window.
void DeliveryStateMachine::Resize(Actions& out) {
  std::size_t held_up = 0;
  state_.table.ForEach([&](const InFlightMessage& item) {
    if (item.keyed() && leases_.HoldsUp(item, state_.now)) held_up += turns_.QueuedBehind(item);
  });
  state_.flow.Resize(held_up, state_.now, out);
}

// Changes of ownership, and the end.

void DeliveryStateMachine::StreamRecreated() {
  state_.processed.Clear();
  state_.finished_events.Clear();
  state_.late_redeliveries.Clear();
  state_.removed_letters.Clear();
  state_.handled_redeliveries.Clear();
  KeepRunningOnly(/*stale=*/true);
}

void DeliveryStateMachine::OwnershipLost() {
  KeepRunningOnly(/*stale=*/false);
  state_.letters_known = !state_.quarantines();
}

// A message that runs keeps its key's turn, so that redeliveries wait for it. A dead letter that is to be removed still
// has to be: its message would be redriven once more.
void DeliveryStateMachine::KeepRunningOnly(bool stale) {
  turns_.Clear();
  state_.settled_elsewhere = 0;
  const auto keep = [](const InFlightMessage& item) {
    return item.under_way() || item.state == MessageState::kRemovingLetter;
  };
  state_.table.KeepOnly(keep, stale, [this](InFlightMessage& dropped) {
    if (dropped.state != MessageState::kAwaitingRedelivery) state_.flow.Forget();
    if (dropped.probe && state_.failures.breaker().open()) state_.failures.breaker().ProbeAgain(state_.now);
    state_.flow.Charge(dropped, 0);
  });
  const auto keeps_its_turn = [this](InFlightMessage& item) {
    item.ownership_lost.store(true, std::memory_order_relaxed);
    turns_.KeepTurn(item);
  };
  state_.table.ForEach(keeps_its_turn);
  for (const auto& item : state_.table.stale()) keeps_its_turn(*item);
}

void DeliveryStateMachine::Close() {
  state_.closed = true;
  turns_.Clear();
  state_.table.ForEach([this](InFlightMessage& item) {
    if (!item.under_way() && item.state != MessageState::kAwaitingRedelivery) SetState(item, MessageState::kParked);
  });
  state_.table.KeepOnlyStale([](const InFlightMessage& item) { return item.under_way(); },
                             [this](InFlightMessage& dropped) { state_.flow.Charge(dropped, 0); });
}

std::vector<std::unique_ptr<InFlightMessage>> DeliveryStateMachine::HandBack() {
  std::vector<std::unique_ptr<InFlightMessage>> handed_back;
  for (InFlightMessage* item : state_.table.Ascending(MessageState::kParked))
    handed_back.push_back(turns_.Remove(*item));
  return handed_back;
}

SubscriptionStats DeliveryStateMachine::Stats() const {
  SubscriptionStats stats = state_.counters;
  stats.in_flight = in_hand();
  stats.in_flight_bytes = bytes();
  stats.window = window();
  stats.parked = parked();
  stats.held_keys = held() + waiting();
  stats.quarantined_keys = state_.quarantine.keys();
  stats.stuck_handlers = stuck();
  stats.degraded = circuit_open();
  return stats;
}

}  // namespace penstock::eventbus
