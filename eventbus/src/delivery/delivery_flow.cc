// SPDX-License-Identifier: Apache-2.0
#include "delivery/delivery_flow.h"

#include <algorithm>
#include <utility>

namespace penstock::eventbus {
namespace {

constexpr std::chrono::seconds kLetterPause{1};
constexpr std::size_t kMostSpares = 512;

}  // namespace

DeliveryFlow::DeliveryFlow(const FlowOptions& options) : state_(options), turns_(state_), leases_(options) {}

// Arrivals.

void DeliveryFlow::Arrived(std::unique_ptr<Item> item, TimePoint now, Actions& out) {
  state_.now = now;
  ++state_.counters.received;
  if (item->message->delivery_count() > 1) ++state_.counters.redelivered;
  state_.counters.last_pending = item->message->pending();
  item->lease_from = now;
  if (Recognise(item, out)) return;
  item->deliveries_before = item->message->delivery_count() - 1;
  Item& admitted = state_.table.Add(std::move(item));
  admitted.weight = admitted.message->size_bytes();
  if (state_.options.acknowledges) {
    state_.flow.Weighed(admitted.weight);
    state_.evictor.Admit(admitted);
  }
  if (state_.flow.ripe() && !state_.closed) Resize(out);
  turns_.Admit(admitted, out);
}

// Whether it was in hand or over already.
bool DeliveryFlow::Recognise(std::unique_ptr<Item>& item, Actions& out) {
  if (Item* const known = state_.table.Find(item->sequence); known != nullptr) {
    Again(*known, std::move(item), out);
    return true;
  }
  if (!state_.options.acknowledges || !IsOver(*item)) return false;
  ++(item->foreign ? state_.counters.skipped : state_.counters.duplicates);
  state_.flow.Grant(out);
  out.list.push_back({.kind = Action::Kind::kAck, .message = std::move(item->message)});
  return true;
}

bool DeliveryFlow::IsOver(const Item& item) const { return item.foreign || state_.processed.Contains(item.sequence); }

void DeliveryFlow::Again(Item& known, std::unique_ptr<Item> copy, Actions& out) {
  known.taken.store(false, std::memory_order_relaxed);
  if (known.stage == Stage::kHeld) return TakeOver(known, std::move(copy), out);
  ++state_.counters.duplicates;
  state_.flow.Grant(out);
  known.lease_from = state_.now;
  known.latest = copy->message->Stub();
}

void DeliveryFlow::TakeOver(Item& held, std::unique_ptr<Item> redelivered, Actions& out) {
  held.message = std::move(redelivered->message);
  held.TakeKeyFrom(*redelivered);
  held.latest.reset();
  held.put_down = false;
  held.lease_from = state_.now;
  state_.flow.Charge(held, held.message->size_bytes());
  if (state_.flow.IsOverBudget(held)) state_.evictor.PutDown(held);
  state_.closed ? SetStage(held, Stage::kParked) : turns_.Turn(&held, out);
}

// Turns.

void DeliveryFlow::Refused(Item& item, TimePoint now, Actions& out) {
  state_.now = now;
  ++state_.counters.refused;
  if (item.stale) return Forget(item, out);
  if (state_.closed) return SetStage(item, Stage::kParked);
  turns_.Refused(item);
}

// Ends.

void DeliveryFlow::Finished(Item& item, TimePoint now, Actions& out) {
  state_.now = now;
  leases_.Finished(item);
  const Verdict::Kind kind = item.verdict.kind;
  if (kind == Verdict::Kind::kAbandoned || kind == Verdict::Kind::kPostponed) return DidNotRun(item, out);
  turns_.RoomInInbox(item, out);
  if (kind == Verdict::Kind::kHandled) {
    Succeeded(item, out);
  } else {
    Failed(item, out);
  }
  if (!state_.table.put_down().empty()) turns_.AskForPutDown(out);
}

void DeliveryFlow::DidNotRun(Item& item, Actions& out) {
  OutageWatch& outage = state_.failures.outage();
  if (std::exchange(item.probe, false) && outage.on()) outage.ProbeAgain(state_.now);
  if (item.stale || item.taken.load(std::memory_order_relaxed)) return Forget(item, out);
  const bool over = state_.closed || item.verdict.kind == Verdict::Kind::kAbandoned;
  SetStage(item, over ? Stage::kParked : Stage::kPaused);
}

void DeliveryFlow::Succeeded(Item& item, Actions& out) {
  ++state_.counters.handled;
  item.probe = false;
  if (state_.failures.outage().Succeeded()) turns_.ResumePaused(out);
  // Dead letters are of no epoch.
  if (item.letter != 0 && state_.options.acknowledges) return turns_.BeginLetter(item, Stage::kRemovingLetter, out);
  if (item.stale || !state_.options.acknowledges) return Forget(item, out);
  Conclude(item, out);
}

void DeliveryFlow::Failed(Item& item, Actions& out) {
  const Verdict::Kind kind = item.verdict.kind;
  ++state_.counters.failed;
  ++item.failures;
  if (kind == Verdict::Kind::kUndecodable) ++state_.counters.undecodable;
  if (item.stale || !state_.options.acknowledges) return Forget(item, out);
  if (state_.failures.NoteFailure(item, state_.now)) ++state_.counters.outages;
  if (item.taken.load(std::memory_order_relaxed)) return Forget(item, out);
  const FailurePolicy::Decision decision = state_.failures.Decide(item);
  switch (decision.kind) {
    case FailurePolicy::Decision::Kind::kRetry:
      return turns_.Wait(item, decision.delay, out);
    case FailurePolicy::Decision::Kind::kPause:
      return SetStage(item, state_.closed ? Stage::kParked : Stage::kPaused);
    case FailurePolicy::Decision::Kind::kDeadLetter:
      return turns_.BeginLetter(item, Stage::kDeadLettering, out);
  }
}

void DeliveryFlow::DeadLettered(Item& item, bool stored, TimePoint now, Actions& out) {
  state_.now = now;
  if (item.stale) return Forget(item, out);
  if (!stored) {
    item.due = now + kLetterPause;
    if (state_.closed) SetStage(item, Stage::kParked);
    return;
  }
  ++state_.counters.dead_lettered;
  if (state_.quarantines() && item.keyed()) state_.quarantine.Add(item.key_hash, item.origin);
  if (item.letter != 0) return turns_.BeginLetter(item, Stage::kRemovingLetter, out);
  Conclude(item, out);
}

void DeliveryFlow::LetterRemoved(Item& item, bool removed, TimePoint now, Actions& out) {
  state_.now = now;
  if (removed) {
    state_.removed_letters.Add(item.letter);
    if (item.verdict.kind == Verdict::Kind::kHandled) state_.quarantine.Release(item.key_hash, item.origin);
    return item.stale ? Forget(item, out) : Conclude(item, out);
  }
  if (state_.closed && item.stale) return Forget(item, out);
  item.due = now + kLetterPause;
  if (state_.closed) SetStage(item, Stage::kParked);
}

void DeliveryFlow::Conclude(Item& item, Actions& out) {
  const bool handled = item.verdict.kind == Verdict::Kind::kHandled;
  ++(handled ? state_.counters.acked : state_.counters.terminated);
  state_.processed.Add(item.sequence);
  state_.flow.Grant(out);
  turns_.ReleaseKey(item, out);
  std::unique_ptr<Item> over = turns_.Remove(item);
  out.list.push_back({.kind = handled ? Action::Kind::kAck : Action::Kind::kTerm, .message = over->TakeAnswerable()});
  Spare(std::move(over));
}

// Items are made by one thread and end on others, which costs an allocator more than anything else here.
void DeliveryFlow::Spare(std::unique_ptr<Item> over) {
  over->message.reset();
  over->latest.reset();
  if (spares_.size() < kMostSpares) spares_.push_back(std::move(over));
}

void DeliveryFlow::Forget(Item& item, Actions& out) {
  state_.flow.Grant(out);
  turns_.ReleaseKey(item, out);
  turns_.Remove(item);
}

// Time.

TimePoint DeliveryFlow::next_tick() const {
  const TimePoint next = std::min(next_look_, turns_.next_tick());
  return crowded() ? std::min(next, state_.flow.next_widening()) : next;
}

void DeliveryFlow::Tick(TimePoint now, Actions& out) {
  state_.now = now;
  state_.flow.GrantForgotten(out);
  if (state_.table.size() == 0) spares_.clear();
  if (!state_.closed) turns_.Tick(out);
  const bool look = state_.closed || now >= next_look_;
  if (look) next_look_ = now + leases_.interval();
  if (look && state_.options.acknowledges) CheckAll(out);
  if (look ? state_.options.acknowledges && !state_.closed : crowded() && now >= state_.flow.next_widening())
    Resize(out);
}

// Those that vanished are removed last: that may end others that are still to be checked.
void DeliveryFlow::CheckAll(Actions& out) {
  std::vector<Item*> vanished;
  for (Item* item : state_.table.Ascending()) {
    if (item->stage == Stage::kHeld) {
      if (!state_.closed && item->due <= state_.now) vanished.push_back(item);
      continue;
    }
    if (item->at_letter() && !state_.closed && item->due <= state_.now) turns_.BeginLetter(*item, item->stage, out);
    leases_.Check(*item, state_.now, state_.counters, out);
  }
  for (const auto& item : state_.table.stale()) {
    if (!state_.closed && item->at_letter() && item->due <= state_.now) turns_.BeginLetter(*item, item->stage, out);
  }
  for (Item* item : vanished) {
    ++state_.counters.vanished;
    turns_.ReleaseKey(*item, out);
    turns_.Remove(*item);
  }
}

// Messages parked behind one that merely waits for a worker do not count: a slow pool is no reason for a wider window.
void DeliveryFlow::Resize(Actions& out) {
  std::size_t held_up = 0;
  state_.table.ForEach([&](const Item& item) {
    if (item.keyed() && leases_.HoldsUp(item, state_.now)) held_up += turns_.Behind(item);
  });
  state_.flow.Resize(held_up, state_.now, out);
}

// Changes of ownership, and the end.

void DeliveryFlow::NewEpoch() {
  state_.processed.Clear();
  KeepRunningOnly(/*stale=*/true);
}

void DeliveryFlow::TakenAway() {
  KeepRunningOnly(/*stale=*/false);
  state_.letters_known = !state_.quarantines();
}

// A message that runs keeps its key's turn, so that redeliveries wait for it. A dead letter that is to be removed still
// has to be: its message would be redriven once more.
void DeliveryFlow::KeepRunningOnly(bool stale) {
  turns_.Clear();
  const auto keep = [](const Item& item) { return item.under_way() || item.stage == Stage::kRemovingLetter; };
  state_.table.KeepOnly(keep, stale, [this](Item& dropped) {
    if (dropped.stage != Stage::kHeld) state_.flow.Forget();
    if (dropped.probe && state_.failures.outage().on()) state_.failures.outage().ProbeAgain(state_.now);
    state_.flow.Charge(dropped, 0);
  });
  const auto keeps_its_turn = [this](Item& item) {
    item.taken.store(true, std::memory_order_relaxed);
    turns_.KeepTurn(item);
  };
  state_.table.ForEach(keeps_its_turn);
  for (const auto& item : state_.table.stale()) keeps_its_turn(*item);
}

void DeliveryFlow::Close() {
  state_.closed = true;
  turns_.Clear();
  state_.table.ForEach([this](Item& item) {
    if (!item.under_way() && item.stage != Stage::kHeld) SetStage(item, Stage::kParked);
  });
  state_.table.KeepOnlyStale([](const Item& item) { return item.under_way(); },
                             [this](Item& dropped) { state_.flow.Charge(dropped, 0); });
}

std::vector<std::unique_ptr<Item>> DeliveryFlow::HandBack() {
  std::vector<std::unique_ptr<Item>> handed_back;
  for (Item* item : state_.table.Ascending(Stage::kParked)) handed_back.push_back(turns_.Remove(*item));
  return handed_back;
}

}  // namespace penstock::eventbus
