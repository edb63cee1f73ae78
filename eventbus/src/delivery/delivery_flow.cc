// SPDX-License-Identifier: Apache-2.0
#include "delivery/delivery_flow.h"

#include <algorithm>
#include <utility>

namespace penstock::eventbus {
namespace {

constexpr std::chrono::seconds kLetterPause{1};
constexpr std::size_t kMostSpares = 512;
// How much longer than two lapsed leases a redelivery may take before it is believed gone from the stream.
constexpr std::chrono::seconds kRedeliveryPatience{60};

bool IsListed(Stage stage) { return stage == Stage::kPaused || stage == Stage::kPutDown || stage == Stage::kWaiting; }

bool CountsAsAttempt(Verdict::Kind kind) { return kind == Verdict::Kind::kRetry || kind == Verdict::Kind::kThrew; }

// The key goes where its text is: into the message, which stays where it was, or into `key_storage`, which does not.
void MoveKey(Item& from, Item& to) {
  const bool stored = from.key.data() == from.key_storage.data();
  to.key = from.key;
  to.key_storage = std::move(from.key_storage);
  if (stored) to.key = to.key_storage;
}

std::unique_ptr<StoredMessage> TakeAnswerable(Item& item) {
  return item.latest ? std::move(item.latest) : std::move(item.message);
}

}  // namespace

DeliveryFlow::DeliveryFlow(const FlowOptions& options)
    : options_(options),
      retry_(options.retry, options.seed),
      outage_(options.outage_after, options.retry),
      window_(options.max_in_flight, options.max_bytes, options.largest_message) {}

// Arrivals.

void DeliveryFlow::Arrived(std::unique_ptr<Item> item, TimePoint now, Actions& out) {
  now_ = now;
  ++counters_.received;
  if (item->message->delivery_count() > 1) ++counters_.redelivered;
  counters_.last_pending = item->message->pending();
  item->lease_from = now;
  if (Recognise(item, out)) return;
  item->deliveries_before = item->message->delivery_count() - 1;
  Item& admitted = *item;
  items_.emplace(admitted.sequence, std::move(item));
  Weigh(admitted);
  if (window_.ripe() && !closed_) Resize(out);
  if (closed_ || (admitted.keyed() && !lines_.Join(admitted))) {
    SetStage(admitted, Stage::kParked);
  } else {
    Turn(&admitted, out);
  }
}

// Whether it was in hand or over already.
bool DeliveryFlow::Recognise(std::unique_ptr<Item>& item, Actions& out) {
  if (auto known = items_.find(item->sequence); known != items_.end()) {
    Again(*known->second, std::move(item), out);
    return true;
  }
  if (!options_.acknowledges || !IsOver(*item)) return false;
  ++(item->foreign ? counters_.skipped : counters_.duplicates);
  Grant(out);
  out.list.push_back({.kind = Action::Kind::kAck, .message = std::move(item->message)});
  return true;
}

bool DeliveryFlow::IsOver(const Item& item) const { return item.foreign || processed_.Contains(item.sequence); }

// Of a letter that is no obstacle to its key any more: what it stands for was handled. Told only when the message's
// turn has come: before, the letter may still be under way. Who shares the consumer does not know of the letters of
// others.
bool DeliveryFlow::IsObsolete(const Item& item) const {
  const bool knows_all = options_.after_dead_letter == AfterDeadLetter::kQuarantine && !options_.retries_in_place;
  return knows_all && item.letter != 0 && item.keyed() && !quarantine_.Has(item);
}

void DeliveryFlow::Again(Item& known, std::unique_ptr<Item> copy, Actions& out) {
  known.taken.store(false, std::memory_order_relaxed);
  if (known.stage == Stage::kHeld) return TakeOver(known, std::move(copy), out);
  ++counters_.duplicates;
  Grant(out);
  known.lease_from = now_;
  known.latest = copy->message->Stub();
}

void DeliveryFlow::TakeOver(Item& held, std::unique_ptr<Item> redelivered, Actions& out) {
  held.message = std::move(redelivered->message);
  MoveKey(*redelivered, held);
  held.latest.reset();
  held.put_down = false;
  held.lease_from = now_;
  Charge(held, held.message->size_bytes());
  const bool alone = bytes_ == held.charged;
  if (bytes_ > options_.max_bytes && !alone) PutDown(held);
  closed_ ? SetStage(held, Stage::kParked) : Turn(&held, out);
}

// Turns.

// Null: nobody's. What was redriven twice may be over by now.
void DeliveryFlow::Turn(Item* item, Actions& out) {
  while (item != nullptr && item->letter != 0 && removed_letters_.Contains(item->letter)) {
    Item& over = *item;
    item = over.keyed() ? lines_.Leave(over) : nullptr;
    ++counters_.acked;
    processed_.Add(over.sequence);
    Grant(out);
    out.list.push_back({.kind = Action::Kind::kAck, .message = TakeAnswerable(*Remove(over))});
  }
  if (item != nullptr) letters_known_ ? Start(*item, out) : SetStage(*item, Stage::kPaused);
}

void DeliveryFlow::Start(Item& item, Actions& out) {
  if (item.put_down) {
    SetStage(item, Stage::kPutDown);
    AskForPutDown(out);
  } else if (IsObsolete(item)) {
    item.verdict = {.kind = Verdict::Kind::kHandled};
    BeginLetter(item, Stage::kRemovingLetter, out);
  } else if (Follows(item, out)) {
    return;
  } else if (outage_.on()) {
    SetStage(item, Stage::kPaused);
  } else {
    Dispatch(item, out);
  }
}

// Whether it has to follow others of its key to the dead letters; then it does.
bool DeliveryFlow::Follows(Item& item, Actions& out) {
  if (options_.after_dead_letter != AfterDeadLetter::kQuarantine || !quarantine_.Follows(item)) return false;
  item.verdict = {.kind = Verdict::Kind::kQuarantined, .reason = "messages of its key before it are dead letters"};
  BeginLetter(item, Stage::kDeadLettering, out);
  return true;
}

void DeliveryFlow::Dispatch(Item& item, Actions& out) {
  item.begun.store(0, std::memory_order_relaxed);
  SetStage(item, Stage::kDispatched);
  out.list.push_back({.kind = Action::Kind::kDispatch, .item = &item});
}

void DeliveryFlow::Refused(Item& item, TimePoint now, Actions& out) {
  now_ = now;
  ++counters_.refused;
  if (item.stale) return Forget(item, out);
  if (closed_) return SetStage(item, Stage::kParked);
  SetStage(item, Stage::kRefused);
  refused_[item.lane].push_back(&item);
  ++refused_count_;
}

void DeliveryFlow::OfferRefused(std::size_t lane, Actions& out) {
  auto waiting = refused_.find(lane);
  if (waiting == refused_.end()) return;
  Item& item = *waiting->second.front();
  waiting->second.pop_front();
  if (waiting->second.empty()) refused_.erase(waiting);
  --refused_count_;
  Dispatch(item, out);
}

// Ends.

void DeliveryFlow::Finished(Item& item, TimePoint now, Actions& out) {
  now_ = now;
  if (std::exchange(item.stuck, false)) --stuck_;
  const Verdict::Kind kind = item.verdict.kind;
  if (kind == Verdict::Kind::kAbandoned || kind == Verdict::Kind::kPostponed) {
    if (std::exchange(item.probe, false) && outage_.on()) outage_.ProbeAgain(now);
    const bool over = closed_ || kind == Verdict::Kind::kAbandoned;
    if (item.stale || item.taken.load(std::memory_order_relaxed)) return Forget(item, out);
    return SetStage(item, over ? Stage::kParked : Stage::kPaused);
  }
  if (refused_count_ > 0) {
    OfferRefused(item.lane, out);
    if (item.keyed()) OfferRefused(Item::kAnyLane, out);
  }
  if (kind == Verdict::Kind::kHandled) {
    Succeeded(item, out);
  } else {
    Failed(item, out);
  }
  if (!put_down_.empty()) AskForPutDown(out);
}

void DeliveryFlow::Succeeded(Item& item, Actions& out) {
  ++counters_.handled;
  item.probe = false;
  if (outage_.Succeeded()) ResumePaused(out);
  // Dead letters are of no epoch.
  if (item.letter != 0 && options_.acknowledges) return BeginLetter(item, Stage::kRemovingLetter, out);
  if (item.stale || !options_.acknowledges) return Forget(item, out);
  Conclude(item, out);
}

void DeliveryFlow::Failed(Item& item, Actions& out) {
  const Verdict::Kind kind = item.verdict.kind;
  ++counters_.failed;
  ++item.failures;
  if (kind == Verdict::Kind::kUndecodable) ++counters_.undecodable;
  if (item.stale || !options_.acknowledges) return Forget(item, out);
  NoteFailure(item);
  if (item.taken.load(std::memory_order_relaxed)) return Forget(item, out);
  if (CountsAsAttempt(kind)) {
    const auto asked = item.verdict.delay;
    if (outage_.on() && asked.count() <= 0) return SetStage(item, closed_ ? Stage::kParked : Stage::kPaused);
    if (outage_.on() || !GivesUp(item)) {
      return Wait(item, asked.count() >= 0 ? asked : retry_.DelayAfter(item.attempts()), out);
    }
  }
  if (options_.after_dead_letter == AfterDeadLetter::kBlock) {
    return Wait(item, std::max(item.verdict.delay, options_.retry.max_backoff), out);
  }
  BeginLetter(item, Stage::kDeadLettering, out);
}

// Whoever has the message by now: its handler failed here.
void DeliveryFlow::NoteFailure(Item& item) {
  const bool probe = std::exchange(item.probe, false);
  if (!CountsAsAttempt(item.verdict.kind)) {
    if (probe) outage_.ProbeAgain(now_);
    return;
  }
  const bool before = outage_.on();
  outage_.Failed(item.sequence, probe, now_);
  if (outage_.on() && !before) ++counters_.outages;
}

// What other processes saw of the message is known by the server's count only, which also counts what was never begun:
// it may shorten the attempts here, to two at the least.
bool DeliveryFlow::GivesUp(const Item& item) const {
  return retry_.Exhausted(item.attempts()) && item.failures >= std::min<std::uint64_t>(options_.retry.max_attempts, 2);
}

void DeliveryFlow::Wait(Item& item, std::chrono::milliseconds delay, Actions& out) {
  if (closed_) return SetStage(item, Stage::kParked);
  if (delay.count() == 0) return RetryNow(item, out);
  item.due = now_ + delay;
  SetStage(item, Stage::kWaiting);
}

// The retry does not wait for the redelivery, which is behind everything that is on its way to us and is recognised
// when it comes.
void DeliveryFlow::RetryNow(Item& item, Actions& out) {
  if (!options_.retries_in_place) {
    ++counters_.naked;
    // The latest is kept: should nothing come any more, it is the one to answer in the end.
    out.list.push_back({.kind = Action::Kind::kNak, .message = item.answerable().Stub()});
  }
  Start(item, out);
}

// The bytes stay charged, so that there is room for the redelivery.
void DeliveryFlow::SendNak(Item& item, Actions& out) {
  ++counters_.naked;
  Grant(out);
  item.key = {};
  SetStage(item, Stage::kHeld);
  item.due = now_ + 2 * options_.ack_wait + kRedeliveryPatience;
  out.list.push_back({.kind = Action::Kind::kNak, .message = TakeAnswerable(item)});
  item.message.reset();
}

void DeliveryFlow::BeginLetter(Item& item, Stage stage, Actions& out) {
  SetStage(item, stage);
  item.due = TimePoint::max();
  const bool storing = stage == Stage::kDeadLettering;
  out.list.push_back({.kind = storing ? Action::Kind::kDeadLetter : Action::Kind::kRemoveLetter, .item = &item});
}

void DeliveryFlow::DeadLettered(Item& item, bool stored, TimePoint now, Actions& out) {
  now_ = now;
  if (item.stale) return Forget(item, out);
  if (!stored) {
    item.due = now + kLetterPause;
    if (closed_) SetStage(item, Stage::kParked);
    return;
  }
  ++counters_.dead_lettered;
  if (options_.after_dead_letter == AfterDeadLetter::kQuarantine && item.keyed()) {
    quarantine_.Add(item.key_hash, item.origin);
  }
  if (item.letter != 0) return BeginLetter(item, Stage::kRemovingLetter, out);
  Conclude(item, out);
}

void DeliveryFlow::LetterRemoved(Item& item, bool removed, TimePoint now, Actions& out) {
  now_ = now;
  if (removed) {
    removed_letters_.Add(item.letter);
    if (item.verdict.kind == Verdict::Kind::kHandled) quarantine_.Release(item.key_hash, item.origin);
    return item.stale ? Forget(item, out) : Conclude(item, out);
  }
  if (closed_ && item.stale) return Forget(item, out);
  item.due = now + kLetterPause;
  if (closed_) SetStage(item, Stage::kParked);
}

void DeliveryFlow::Conclude(Item& item, Actions& out) {
  const bool handled = item.verdict.kind == Verdict::Kind::kHandled;
  ++(handled ? counters_.acked : counters_.terminated);
  processed_.Add(item.sequence);
  Grant(out);
  ReleaseKey(item, out);
  std::unique_ptr<Item> over = Remove(item);
  out.list.push_back({.kind = handled ? Action::Kind::kAck : Action::Kind::kTerm, .message = TakeAnswerable(*over)});
  Spare(std::move(over));
}

// Items are made by one thread and end on others, which costs an allocator more than anything else here.
void DeliveryFlow::Spare(std::unique_ptr<Item> over) {
  over->message.reset();
  over->latest.reset();
  if (spares_.size() < kMostSpares) spares_.push_back(std::move(over));
}

void DeliveryFlow::Forget(Item& item, Actions& out) {
  Grant(out);
  ReleaseKey(item, out);
  Remove(item);
}

void DeliveryFlow::ReleaseKey(Item& item, Actions& out) {
  if (!item.keyed() || closed_) return;
  Turn(lines_.Leave(item), out);
}

std::unique_ptr<Item> DeliveryFlow::Remove(Item& item) {
  SetStage(item, Stage::kNew);
  Charge(item, 0);
  if (item.probe && outage_.on()) outage_.ProbeAgain(now_);
  if (item.stale) {
    auto found = std::find_if(stale_.begin(), stale_.end(), [&](const auto& other) { return other.get() == &item; });
    std::unique_ptr<Item> owned = std::move(*found);
    stale_.erase(found);
    return owned;
  }
  auto found = items_.find(item.sequence);
  std::unique_ptr<Item> owned = std::move(found->second);
  items_.erase(found);
  return owned;
}

void DeliveryFlow::Grant(Actions& out) {
  if (owed_ > 0) {
    --owed_;
  } else {
    ++out.grant;
  }
}

// Keeps counts and queues in step with the stages.
void DeliveryFlow::SetStage(Item& item, Stage stage) {
  if (item.stage == stage) return;
  --in_stage_[static_cast<std::size_t>(item.stage)];
  ++in_stage_[static_cast<std::size_t>(stage)];
  if (IsListed(item.stage)) Unlist(item);
  item.stage = stage;
  if (IsListed(stage)) List(item);
}

void DeliveryFlow::List(Item& item) {
  if (item.stage == Stage::kWaiting) {
    waiting_.emplace(item.due, item.sequence);
  } else {
    (item.stage == Stage::kPaused ? paused_ : put_down_).emplace(item.sequence, &item);
  }
}

void DeliveryFlow::Unlist(const Item& item) {
  if (item.stage == Stage::kWaiting) {
    waiting_.erase({item.due, item.sequence});
  } else {
    (item.stage == Stage::kPaused ? paused_ : put_down_).erase(item.sequence);
  }
}

}  // namespace penstock::eventbus
