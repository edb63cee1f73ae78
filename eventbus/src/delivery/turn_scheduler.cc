// SPDX-License-Identifier: Apache-2.0
#include "delivery/turn_scheduler.h"

#include <algorithm>
#include <utility>

#include "penstock/actorpool/internal/deadline.h"

namespace penstock::eventbus {
namespace {

constexpr std::chrono::milliseconds kOfferAgain{2};
constexpr std::chrono::milliseconds kResume{50};
// How much longer than two lapsed leases a redelivery may take before it is looked for in the stream.
constexpr std::chrono::seconds kRedeliveryPatience{60};
constexpr std::chrono::seconds kUnderWay{1};  // the same where the server has said that it is settled
// More than these run without being looked up: in an outage of what handlers need, thousands may be tried again.
constexpr std::size_t kMostLookUps = 64;

}  // namespace

void TurnScheduler::Admit(InFlightMessage& item, Actions& out) {
  const bool waits = state_.closed || (item.keyed() && !queues_.Enqueue(item));
  if (priority_.enabled() && item.keyed() && !state_.closed) priority_.Queued(item, queues_.First(item.key_hash));
  if (waits) {
    SetState(item, MessageState::kParked);
  } else {
    Turn(&item, out);
  }
}

// Null: nobody's. What was redriven or stored twice may be over by now, and what was asked for may stay away.
void TurnScheduler::Turn(InFlightMessage* item, Actions& out) {
  while (item != nullptr) {
    const bool stays_away = StaysAway(*item);
    if (!stays_away && !IsOver(*item)) break;
    InFlightMessage& over = *item;
    item = over.keyed() ? Dequeue(over) : nullptr;
    state_.flow.AddCredit(out);
    stays_away ? Vanish(over, out) : Acknowledge(over, out);
  }
  if (item != nullptr) state_.letters_known ? Start(*item, out) : SetState(*item, MessageState::kPaused);
}

void TurnScheduler::Acknowledge(InFlightMessage& over, Actions& out) {
  ++state_.counters.acked;
  state_.processed.Add(over.sequence);
  out.list.push_back({.kind = Action::Kind::kAck, .message = Remove(over)->TakeAnswerable()});
}

void TurnScheduler::Vanish(InFlightMessage& item, Actions& out) {
  ++state_.vanished;
  out.vanished.push_back(item.sequence);
  Remove(item);
}

// As long as is waited for the one whose turn it is; what was asked for long before has to be asked for again.
bool TurnScheduler::StaysAway(const InFlightMessage& item) const {
  if (!item.asked_for() || item.sequence > state_.settled_elsewhere) return false;
  const auto waited = state_.now - item.asked_for_at;
  return waited >= kUnderWay && waited < 2 * kUnderWay;
}

InFlightMessage* TurnScheduler::Dequeue(const InFlightMessage& item) {
  if (priority_.enabled()) priority_.Left(item);
  return queues_.Dequeue(item);
}

// Told only when the message's turn has come: before, the first copy may still be in hand.
bool TurnScheduler::IsOver(const InFlightMessage& item) {
  if (item.letter != 0 && state_.removed_letters.Contains(item.letter, item.origin)) return true;
  if (!state_.finished_events.enabled() || !state_.finished_events.HasCopyOf(*item.message)) return false;
  ++state_.counters.stored_twice;
  return true;
}

void TurnScheduler::Start(InFlightMessage& item, Actions& out) {
  if (item.evicted) {
    SetState(item, MessageState::kEvicted);
    RequestEvicted(out);
  } else if (MayBeObsolete(item)) {
    CheckLetter(item, out);
  } else if (MayRun(item, out) && !IsPaced(item)) {
    Dispatch(item, out);
  }
}

// Else it follows others to the dead letters, or waits for the end of an outage.
bool TurnScheduler::MayRun(InFlightMessage& item, Actions& out) {
  if (Follows(item, out)) return false;
  if (!state_.failures.breaker().open()) return true;
  SetState(item, MessageState::kPaused);
  return false;
}

// Whether it waits for its place in the rate.
bool TurnScheduler::IsPaced(InFlightMessage& item) {
  if (!state_.pacing.enabled()) return false;
  // By priority, a place in the rate of all is taken by what begins, not by what is ready.
  const TimePoint at =
      priority_.enabled() ? state_.pacing.TakeOfKey(item, state_.now) : state_.pacing.Take(item, state_.now);
  if (at <= state_.now) return false;
  SetState(item, MessageState::kParked);  // it may wait already, and is indexed by when that is over
  item.due = at;
  item.paced = true;
  SetState(item, MessageState::kWaiting);
  return true;
}

bool TurnScheduler::IsCrowded() const {
  return state_.options.max_concurrent > 0 &&
         state_.table.count(MessageState::kDispatched) >= state_.options.max_concurrent;
}

// One has left its handler. By priority only probes are here.
void TurnScheduler::BeginCrowded(Actions& out) {
  while (!crowded_.empty() && !IsCrowded()) {
    InFlightMessage& next = *crowded_.front();
    crowded_.pop_front();
    Dispatch(next, out);
  }
  BeginReady(out);
}

bool TurnScheduler::MayBeginReady() const { return !IsCrowded() && state_.pacing.NextOfAll(state_.now) <= state_.now; }

void TurnScheduler::BeginReady(Actions& out) {
  if (!priority_.enabled() || state_.closed) return;
  while (state_.failures.breaker().open() && !priority_.empty()) SetState(*priority_.TakeAny(), MessageState::kPaused);
  while (MayBeginReady()) {
    InFlightMessage* const next = priority_.Next(state_.now);
    if (next == nullptr) return;
    state_.pacing.TakeOfAll(state_.now);
    HandOut(*next, out);
  }
  priority_.Withdraw();
}

// Of a letter that is no obstacle to its key, as far as is known: what it stands for may have been handled. Told only
// when the message's turn has come: before, the letter may still be under way. Who shares the consumer does not know of
// the letters of others.
bool TurnScheduler::MayBeObsolete(const InFlightMessage& item) const {
  const bool knows_all = state_.quarantines() && !state_.options.retries_in_place;
  return knows_all && item.letter != 0 && item.keyed() && !state_.quarantine.Has(item);
}

// The letters were read from a server that may have lacked the last ones, and others store some after that. One of a
// message that was handled here is of an owner before us, whose word came too late.
void TurnScheduler::CheckLetter(InFlightMessage& item, Actions& out) {
  const bool handled = state_.handled_redeliveries.Contains(item.origin, item.key_hash);
  if (handled) item.result = {.kind = HandlerResult::Kind::kHandled};
  BeginLetter(item, handled ? MessageState::kRemovingLetter : MessageState::kLookingUpLetter, out);
}

// Whether it has to follow others of its key to the dead letters; then it does.
bool TurnScheduler::Follows(InFlightMessage& item, Actions& out) {
  if (!state_.quarantines() || !state_.quarantine.Follows(item)) return false;
  item.result = {.kind = HandlerResult::Kind::kQuarantined, .reason = "messages of its key before it are dead letters"};
  BeginLetter(item, MessageState::kDeadLettering, out);
  return true;
}

// Messages that did not fail run as they came: that costs no request.
bool TurnScheduler::MayBeGone(const InFlightMessage& item) const {
  const std::chrono::milliseconds after = state_.options.look_up_after;
  if (after.count() == 0 || item.failures == 0 || state_.now - item.seen_at < after) return false;
  return state_.table.count(MessageState::kLookingUp) < kMostLookUps;
}

void TurnScheduler::Seen(InFlightMessage& item, Actions& out) {
  item.seen_at = state_.now;
  if (item.evicted) return Start(item, out);
  if (item.probe || MayRun(item, out)) Dispatch(item, out);  // it has its place in the rate
}

void TurnScheduler::LetterIsThere(InFlightMessage& item, Actions& out) {
  state_.quarantine.Add(item.key_hash, item.origin);
  state_.closed ? SetState(item, MessageState::kParked) : Start(item, out);
}

void TurnScheduler::Dispatch(InFlightMessage& item, Actions& out) {
  if (MayBeGone(item)) {
    SetState(item, MessageState::kLookingUp);
    out.list.push_back({.kind = Action::Kind::kLookUp, .item = &item});
    return;
  }
  if (priority_.enabled() && !item.probe) {
    SetState(item, MessageState::kReady);
    priority_.Ready(item, state_.now);
    return BeginReady(out);
  }
  if (IsCrowded()) {
    SetState(item, MessageState::kRefused);
    return crowded_.push_back(&item);
  }
  HandOut(item, out);
}

// By priority few messages are with the pool: it is to be given the next one at once.
void TurnScheduler::HandOut(InFlightMessage& item, Actions& out) {
  if (priority_.enabled()) item.urgent.store(true, std::memory_order_relaxed);
  item.started_at.store(0, std::memory_order_relaxed);
  SetState(item, MessageState::kDispatched);
  out.list.push_back({.kind = Action::Kind::kDispatch, .item = &item});
}

void TurnScheduler::Refused(InFlightMessage& item) {
  SetState(item, MessageState::kRefused);
  refused_.Add(item);
}

void TurnScheduler::RoomInInbox(const InFlightMessage& left, Actions& out) {
  if (refused_.empty()) return;
  OfferRefused(left.actor, out);
  if (left.keyed()) OfferRefused(InFlightMessage::kAnyActor, out);
}

void TurnScheduler::OfferRefused(std::size_t actor, Actions& out) {
  if (InFlightMessage* const item = refused_.Take(actor); item != nullptr) Dispatch(*item, out);
}

void TurnScheduler::ReleaseKey(InFlightMessage& item, Actions& out) {
  if (!item.keyed() || state_.closed) return;
  Turn(Dequeue(item), out);
}

void TurnScheduler::GiveUp(InFlightMessage& item, Actions& out) {
  ReleaseKey(item, out);
  Vanish(item, out);
}

void TurnScheduler::BeginLetter(InFlightMessage& item, MessageState state, Actions& out) {
  SetState(item, state);
  item.due = TimePoint::max();
  Action::Kind kind = Action::Kind::kDeadLetter;
  if (state == MessageState::kRemovingLetter) kind = Action::Kind::kRemoveLetter;
  if (state == MessageState::kLookingUpLetter) kind = Action::Kind::kLookUpLetter;
  out.list.push_back({.kind = kind, .item = &item});
}

void TurnScheduler::Wait(InFlightMessage& item, std::chrono::milliseconds delay, Actions& out) {
  if (state_.closed) return SetState(item, MessageState::kParked);
  if (delay.count() == 0) return RetryNow(item, out);
  item.due = LaterBy(state_.now, delay);
  SetState(item, MessageState::kWaiting);
}

// The retry does not wait for the redelivery, which is behind everything that is on its way to us and is recognised
// when it comes.
void TurnScheduler::RetryNow(InFlightMessage& item, Actions& out) {
  if (!state_.options.retries_in_place) NakFromMemory(item, out);
  Start(item, out);
}

// The latest is kept: should nothing come any more, it is the one to answer in the end.
void TurnScheduler::NakFromMemory(InFlightMessage& item, Actions& out) {
  ++state_.counters.naks;
  ++item.naks_unanswered;
  out.list.push_back({.kind = Action::Kind::kNak, .message = item.answerable().Stub()});
}

// Another process that shares the consumer may get the message then: it has no place in the order of this one any more.
void TurnScheduler::RequestEvicted(Actions& out) {
  while (!state_.table.evicted().empty() && !state_.closed) {
    InFlightMessage& item = *state_.table.evicted().begin()->second;
    if (!state_.flow.Reserve(item, /*idle=*/state_.active() == 0)) return;
    const bool ours = !state_.options.retries_in_place;
    SendNak(item, out);
    if (ours) continue;
    ReleaseKey(item, out);
    Remove(item);
  }
}

// The bytes stay charged, so that there is room for the redelivery.
void TurnScheduler::SendNak(InFlightMessage& item, Actions& out) {
  ++state_.counters.naks;
  state_.flow.AddCredit(out);
  item.key = {};
  SetState(item, MessageState::kAwaitingRedelivery);
  item.due = OverdueAt(item, state_.now);
  out.list.push_back({.kind = Action::Kind::kNak, .message = item.TakeAnswerable()});
  item.message.reset();
  if (item.keyed() && item.sequence <= state_.settled_elsewhere) AskForFollowers(item, out);
}

// What the server counts as settled does not come, as a rule: the key does not wait for each of them by itself.
void TurnScheduler::AskForFollowers(const InFlightMessage& first, Actions& out) {
  queues_.ForEachBehind(first, [&](InFlightMessage& item) {
    const bool asked_for = item.asked_for() && state_.now - item.asked_for_at < 2 * kUnderWay;
    if (asked_for || !item.evicted || item.sequence > state_.settled_elsewhere) return;
    item.asked_for_at = state_.now;
    NakFromMemory(item, out);
  });
}

TimePoint TurnScheduler::OverdueAt(const InFlightMessage& item, TimePoint now) const {
  if (item.sequence <= state_.settled_elsewhere) return now + kUnderWay;
  return LaterBy(LaterBy(now, 2 * state_.options.ack_wait), kRedeliveryPatience);
}

void TurnScheduler::Tick(Actions& out) {
  WakeWaiting(out);
  BeginCrowded(out);
  for (const std::size_t actor : refused_.Actors()) OfferRefused(actor, out);
  if (!state_.table.paused().empty() && state_.letters_known) {
    state_.failures.breaker().open() ? Probe(out) : ResumePaused(out);
  }
  if (!state_.table.evicted().empty()) RequestEvicted(out);
}

TimePoint TurnScheduler::next_tick() const {
  TimePoint next = TimePoint::max();
  if (state_.table.waiting() > 0) next = state_.table.next_due();
  if (!refused_.empty()) next = std::min(next, state_.now + kOfferAgain);
  if (priority_.enabled() && !priority_.empty()) next = std::min(next, NextOfReady());
  if (state_.table.paused().empty() || !state_.letters_known) return next;
  const CircuitBreaker& breaker = state_.failures.breaker();
  return std::min(next, breaker.open() ? breaker.next_probe() : state_.now + kResume);
}

// A slot or a handler that ends is told; time and the actors of other subscriptions are not.
TimePoint TurnScheduler::NextOfReady() const {
  const TimePoint allowed = state_.pacing.NextOfAll(state_.now);
  if (allowed > state_.now) return allowed;
  return priority_.awaits_room(state_.now) ? state_.now + kOfferAgain : TimePoint::max();
}

// An evicted one is requested again, and takes another place in the rate when it comes.
void TurnScheduler::WakeUp(InFlightMessage& item, bool paced, Actions& out) {
  if (!paced) return RetryNow(item, out);
  item.evicted ? Start(item, out) : Dispatch(item, out);
}

void TurnScheduler::WakeWaiting(Actions& out) {
  while (state_.table.waiting() > 0 && state_.table.next_due() <= state_.now) {
    InFlightMessage& item = state_.table.next_waiting();
    const bool paced = std::exchange(item.paced, false);
    if (state_.failures.breaker().open()) {
      SetState(item, MessageState::kPaused);
    } else {
      WakeUp(item, paced, out);
    }
  }
}

void TurnScheduler::ResumePaused(Actions& out) {
  if (!state_.letters_known) return;
  for (const auto& [sequence, item] : InFlightTable::BySequence(state_.table.paused())) Turn(item, out);
}

// One after the other has its turn, so that a message that can never succeed does not stand for all.
void TurnScheduler::Probe(Actions& out) {
  if (state_.now < state_.failures.breaker().next_probe()) return;
  auto next = state_.table.paused().upper_bound(last_probed_);
  if (next == state_.table.paused().end()) next = state_.table.paused().begin();
  InFlightMessage& item = *next->second;
  last_probed_ = item.sequence;
  if (MayBeObsolete(item)) return CheckLetter(item, out);
  if (Follows(item, out)) return;
  item.probe = true;
  state_.failures.breaker().Probe();
  Dispatch(item, out);
}

void TurnScheduler::Clear() {
  refused_.Clear();
  crowded_.clear();
  queues_.Clear();
  if (priority_.enabled()) priority_.Clear();
}

void TurnScheduler::KeepTurn(InFlightMessage& item) {
  item.next_of_key = nullptr;
  if (!item.keyed()) return;
  queues_.Block(item);
  if (priority_.enabled()) priority_.Queued(item, item);
}

std::unique_ptr<InFlightMessage> TurnScheduler::Remove(InFlightMessage& item) {
  state_.flow.Charge(item, 0);
  if (item.probe && state_.failures.breaker().open()) state_.failures.breaker().ProbeAgain(state_.now);
  return state_.table.Remove(item);
}

}  // namespace penstock::eventbus
