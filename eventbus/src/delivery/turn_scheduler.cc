// SPDX-License-Identifier: Apache-2.0
#include "delivery/turn_scheduler.h"

#include <algorithm>
#include <utility>

namespace penstock::eventbus {
namespace {

constexpr std::chrono::milliseconds kOfferAgain{2};
constexpr std::chrono::milliseconds kResume{50};
// How much longer than two lapsed leases a redelivery may take before it is believed gone from the stream.
constexpr std::chrono::seconds kRedeliveryPatience{60};

}  // namespace

void TurnScheduler::Admit(Item& item, Actions& out) {
  if (state_.closed || (item.keyed() && !lines_.Join(item))) {
    SetStage(item, Stage::kParked);
  } else {
    Turn(&item, out);
  }
}

// Null: nobody's. What was redriven twice may be over by now.
void TurnScheduler::Turn(Item* item, Actions& out) {
  while (item != nullptr && item->letter != 0 && state_.removed_letters.Contains(item->letter)) {
    Item& over = *item;
    item = over.keyed() ? lines_.Leave(over) : nullptr;
    ++state_.counters.acked;
    state_.processed.Add(over.sequence);
    state_.flow.Grant(out);
    out.list.push_back({.kind = Action::Kind::kAck, .message = Remove(over)->TakeAnswerable()});
  }
  if (item != nullptr) state_.letters_known ? Start(*item, out) : SetStage(*item, Stage::kPaused);
}

void TurnScheduler::Start(Item& item, Actions& out) {
  if (item.put_down) {
    SetStage(item, Stage::kPutDown);
    AskForPutDown(out);
  } else if (IsObsolete(item)) {
    item.verdict = {.kind = Verdict::Kind::kHandled};
    BeginLetter(item, Stage::kRemovingLetter, out);
  } else if (Follows(item, out)) {
    return;
  } else if (state_.failures.outage().on()) {
    SetStage(item, Stage::kPaused);
  } else {
    Dispatch(item, out);
  }
}

// Of a letter that is no obstacle to its key any more: what it stands for was handled. Told only when the message's
// turn has come: before, the letter may still be under way. Who shares the consumer does not know of the letters of
// others.
bool TurnScheduler::IsObsolete(const Item& item) const {
  const bool knows_all = state_.quarantines() && !state_.options.retries_in_place;
  return knows_all && item.letter != 0 && item.keyed() && !state_.quarantine.Has(item);
}

// Whether it has to follow others of its key to the dead letters; then it does.
bool TurnScheduler::Follows(Item& item, Actions& out) {
  if (!state_.quarantines() || !state_.quarantine.Follows(item)) return false;
  item.verdict = {.kind = Verdict::Kind::kQuarantined, .reason = "messages of its key before it are dead letters"};
  BeginLetter(item, Stage::kDeadLettering, out);
  return true;
}

void TurnScheduler::Dispatch(Item& item, Actions& out) {
  item.begun.store(0, std::memory_order_relaxed);
  SetStage(item, Stage::kDispatched);
  out.list.push_back({.kind = Action::Kind::kDispatch, .item = &item});
}

void TurnScheduler::Refused(Item& item) {
  SetStage(item, Stage::kRefused);
  refused_.Add(item);
}

void TurnScheduler::RoomInInbox(const Item& left, Actions& out) {
  if (refused_.empty()) return;
  OfferRefused(left.lane, out);
  if (left.keyed()) OfferRefused(Item::kAnyLane, out);
}

void TurnScheduler::OfferRefused(std::size_t lane, Actions& out) {
  if (Item* const item = refused_.Take(lane); item != nullptr) Dispatch(*item, out);
}

void TurnScheduler::ReleaseKey(Item& item, Actions& out) {
  if (!item.keyed() || state_.closed) return;
  Turn(lines_.Leave(item), out);
}

void TurnScheduler::BeginLetter(Item& item, Stage stage, Actions& out) {
  SetStage(item, stage);
  item.due = TimePoint::max();
  const bool storing = stage == Stage::kDeadLettering;
  out.list.push_back({.kind = storing ? Action::Kind::kDeadLetter : Action::Kind::kRemoveLetter, .item = &item});
}

void TurnScheduler::Wait(Item& item, std::chrono::milliseconds delay, Actions& out) {
  if (state_.closed) return SetStage(item, Stage::kParked);
  if (delay.count() == 0) return RetryNow(item, out);
  item.due = state_.now + delay;
  SetStage(item, Stage::kWaiting);
}

// The retry does not wait for the redelivery, which is behind everything that is on its way to us and is recognised
// when it comes.
void TurnScheduler::RetryNow(Item& item, Actions& out) {
  if (!state_.options.retries_in_place) {
    ++state_.counters.naked;
    // The latest is kept: should nothing come any more, it is the one to answer in the end.
    out.list.push_back({.kind = Action::Kind::kNak, .message = item.answerable().Stub()});
  }
  Start(item, out);
}

// Another process that shares the consumer may get the message then: it has no place in the order of this one any more.
void TurnScheduler::AskForPutDown(Actions& out) {
  while (!state_.table.put_down().empty() && !state_.closed) {
    Item& item = *state_.table.put_down().begin()->second;
    if (!state_.evictor.Reserve(item, /*idle=*/state_.active() == 0)) return;
    const bool ours = !state_.options.retries_in_place;
    SendNak(item, out);
    if (ours) continue;
    ReleaseKey(item, out);
    Remove(item);
  }
}

// The bytes stay charged, so that there is room for the redelivery.
void TurnScheduler::SendNak(Item& item, Actions& out) {
  ++state_.counters.naked;
  state_.flow.Grant(out);
  item.key = {};
  SetStage(item, Stage::kHeld);
  item.due = state_.now + 2 * state_.options.ack_wait + kRedeliveryPatience;
  out.list.push_back({.kind = Action::Kind::kNak, .message = item.TakeAnswerable()});
  item.message.reset();
}

void TurnScheduler::Tick(Actions& out) {
  WakeWaiting(out);
  for (const std::size_t lane : refused_.Lanes()) OfferRefused(lane, out);
  if (!state_.table.paused().empty() && state_.letters_known) {
    state_.failures.outage().on() ? Probe(out) : ResumePaused(out);
  }
  if (!state_.table.put_down().empty()) AskForPutDown(out);
}

TimePoint TurnScheduler::next_tick() const {
  TimePoint next = TimePoint::max();
  if (state_.table.waiting() > 0) next = state_.table.next_due();
  if (!refused_.empty()) next = std::min(next, state_.now + kOfferAgain);
  if (state_.table.paused().empty() || !state_.letters_known) return next;
  const OutageWatch& outage = state_.failures.outage();
  return std::min(next, outage.on() ? outage.next_probe() : state_.now + kResume);
}

void TurnScheduler::WakeWaiting(Actions& out) {
  while (state_.table.waiting() > 0 && state_.table.next_due() <= state_.now) {
    Item& item = state_.table.next_waiting();
    state_.failures.outage().on() ? SetStage(item, Stage::kPaused) : RetryNow(item, out);
  }
}

void TurnScheduler::ResumePaused(Actions& out) {
  if (!state_.letters_known) return;
  for (const auto& [sequence, item] : InFlightTable::BySequence(state_.table.paused())) Turn(item, out);
}

// One after the other has its turn, so that a message that can never succeed does not stand for all.
void TurnScheduler::Probe(Actions& out) {
  if (state_.now < state_.failures.outage().next_probe()) return;
  auto next = state_.table.paused().upper_bound(last_probed_);
  if (next == state_.table.paused().end()) next = state_.table.paused().begin();
  Item& item = *next->second;
  last_probed_ = item.sequence;
  if (Follows(item, out)) return;
  item.probe = true;
  state_.failures.outage().Probe();
  Dispatch(item, out);
}

void TurnScheduler::Clear() {
  refused_.Clear();
  lines_.Clear();
}

void TurnScheduler::KeepTurn(Item& item) {
  item.next_of_key = nullptr;
  if (item.keyed()) lines_.Occupy(item);
}

std::unique_ptr<Item> TurnScheduler::Remove(Item& item) {
  state_.flow.Charge(item, 0);
  if (item.probe && state_.failures.outage().on()) state_.failures.outage().ProbeAgain(state_.now);
  return state_.table.Remove(item);
}

}  // namespace penstock::eventbus
