// SPDX-License-Identifier: Apache-2.0
// What the delivery flow does as time passes, to stay within its bytes, and to end.
#include <algorithm>
#include <utility>

#include "delivery/delivery_flow.h"

namespace penstock::eventbus {
namespace {

constexpr std::chrono::milliseconds kOfferAgain{2};
constexpr std::chrono::milliseconds kResume{50};
constexpr std::chrono::milliseconds kWidenAgain{20};

bool IsAtLetter(const Item& item) {
  return item.stage == Stage::kDeadLettering || item.stage == Stage::kRemovingLetter;
}

// Somebody else will tell of its end.
bool UnderWay(const Item& item) {
  return item.stage == Stage::kDispatched || (IsAtLetter(item) && item.due == TimePoint::max());
}

}  // namespace

// Bytes.

// One message alone may exceed the budget. While others wait for room, later ones do not take it from them.
void DeliveryFlow::Weigh(Item& item) {
  item.weight = item.message->size_bytes();
  if (!options_.acknowledges) return;
  window_.Weighed(item.weight);
  const bool alone = bytes_ == 0;
  Charge(item, item.weight);
  if (bytes_ > options_.max_bytes && !alone) PutDownParked(options_.max_bytes - options_.max_bytes / 8);
  if ((bytes_ > options_.max_bytes && !alone) || !put_down_.empty()) PutDown(item);
}

void DeliveryFlow::PutDown(Item& item) {
  item.key_storage = std::string(item.key);
  item.key = item.key_storage;
  item.message = item.message->Stub();
  item.put_down = true;
  Charge(item, 0);
  ++counters_.put_down;
}

// The last ones first: theirs is the longest wait.
void DeliveryFlow::PutDownParked(std::size_t until) {
  std::vector<Item*> parked;
  for (const auto& [sequence, item] : items_) {
    if (item->stage == Stage::kParked && !item->put_down) parked.push_back(item.get());
  }
  std::sort(parked.begin(), parked.end(), [](Item* a, Item* b) { return a->sequence > b->sequence; });
  for (Item* item : parked) {
    if (bytes_ <= until) return;
    PutDown(*item);
  }
}

// Room is kept for what is held. A consumer that was made again brings messages in stream order, and one that is needed
// first must not wait for that room: what is held is put down once more when it comes and finds none.
void DeliveryFlow::GiveUpRoomForWhatComesLater(const Item& item) {
  std::vector<Item*> later;
  for (const auto& [sequence, other] : items_) {
    if (other->stage != Stage::kHeld) continue;
    if (sequence < item.sequence) return;
    later.push_back(other.get());
  }
  for (Item* held : later) Charge(*held, 0);
}

// Whoever shares the consumer may get it then: in the order of this process it has no place any more.
void DeliveryFlow::AskForPutDown(Actions& out) {
  while (!put_down_.empty() && !closed_) {
    Item& item = *put_down_.begin()->second;
    const auto fits = [&] { return bytes_ == 0 || bytes_ + item.weight <= options_.max_bytes; };
    if (!fits()) PutDownParked(options_.max_bytes - std::min(options_.max_bytes, item.weight));
    if (!fits() && active() == 0) GiveUpRoomForWhatComesLater(item);
    if (!fits()) return;
    Charge(item, item.weight);
    const bool ours = !options_.retries_in_place;
    SendNak(item, out);
    if (ours) continue;
    ReleaseKey(item, out);
    Remove(item);
  }
}

void DeliveryFlow::Charge(Item& item, std::size_t bytes) {
  bytes_ += bytes - item.charged;
  item.charged = bytes;
}

// Upkeep.

std::chrono::milliseconds DeliveryFlow::LookInterval() const {
  return std::clamp(options_.ack_wait / 6, std::chrono::milliseconds{10}, std::chrono::milliseconds{250});
}

TimePoint DeliveryFlow::next_tick() const {
  TimePoint next = next_look_;
  if (!waiting_.empty()) next = std::min(next, waiting_.begin()->first);
  if (refused_count_ > 0) next = std::min(next, now_ + kOfferAgain);
  if (!paused_.empty() && letters_known_) next = std::min(next, outage_.on() ? outage_.next_probe() : now_ + kResume);
  if (crowded()) next = std::min(next, next_widening_);
  return next;
}

void DeliveryFlow::Tick(TimePoint now, Actions& out) {
  now_ = now;
  for (; forgotten_ > 0; --forgotten_) Grant(out);
  if (items_.empty()) spares_.clear();
  if (closed_) {
    next_look_ = now + LookInterval();
    if (options_.acknowledges) LookAtAll(out);
    return;
  }
  WakeWaiting(out);
  if (refused_count_ > 0) {
    std::vector<std::size_t> lanes;
    for (const auto& [lane, waiting] : refused_) lanes.push_back(lane);
    std::sort(lanes.begin(), lanes.end());
    for (const std::size_t lane : lanes) OfferRefused(lane, out);
  }
  if (!paused_.empty() && letters_known_) outage_.on() ? Probe(out) : ResumePaused(out);
  if (!put_down_.empty()) AskForPutDown(out);
  if (now >= next_look_) {
    next_look_ = now + LookInterval();
    if (!options_.acknowledges) return;
    LookAtAll(out);
    Resize(out);
  } else if (crowded() && now >= next_widening_) {
    Resize(out);
  }
}

void DeliveryFlow::WakeWaiting(Actions& out) {
  while (!waiting_.empty() && waiting_.begin()->first <= now_) {
    Item& item = *items_.at(waiting_.begin()->second);
    outage_.on() ? SetStage(item, Stage::kPaused) : RetryNow(item, out);
  }
}

// One after the other has its turn, so that a message which can never succeed does not stand for all.
void DeliveryFlow::Probe(Actions& out) {
  if (now_ < outage_.next_probe()) return;
  auto next = paused_.upper_bound(last_probed_);
  if (next == paused_.end()) next = paused_.begin();
  Item& item = *next->second;
  last_probed_ = item.sequence;
  if (Follows(item, out)) return;
  item.probe = true;
  outage_.Probe();
  Dispatch(item, out);
}

void DeliveryFlow::ResumePaused(Actions& out) {
  if (!letters_known_) return;
  for (const auto& [sequence, item] : BySequence(paused_)) Turn(item, out);
}

void DeliveryFlow::LookAtAll(Actions& out) {
  std::vector<Item*> all;
  all.reserve(items_.size());
  for (const auto& [sequence, item] : items_) all.push_back(item.get());
  std::sort(all.begin(), all.end(), [](Item* a, Item* b) { return a->sequence < b->sequence; });
  for (Item* item : all) LookAt(*item, out);
  for (const auto& item : stale_) {
    if (IsAtLetter(*item) && item->due <= now_) BeginLetter(*item, item->stage, out);
  }
}

void DeliveryFlow::LookAt(Item& item, Actions& out) {
  if (item.stage == Stage::kHeld) {
    if (closed_ || now_ < item.due) return;
    ++counters_.vanished;
    ReleaseKey(item, out);
    Remove(item);
    return;
  }
  if (IsAtLetter(item) && !closed_ && item.due <= now_) BeginLetter(item, item.stage, out);
  if (item.stage == Stage::kDispatched) LookAtRunning(item, out);
  const bool given_up = item.stuck && options_.retries_in_place;
  if (given_up || now_ - item.lease_from < options_.ack_wait / 3) return;
  item.lease_from = now_;
  out.list.push_back({.kind = Action::Kind::kExtend, .item = &item});
}

void DeliveryFlow::LookAtRunning(Item& item, Actions& out) {
  const TimePoint begun{TimePoint::duration(item.begun.load(std::memory_order_relaxed))};
  if (options_.stuck_after.count() == 0 || begun == TimePoint{} || item.stuck) return;
  if (now_ - begun < options_.stuck_after) return;
  item.stuck = true;
  ++stuck_;
  ++counters_.stuck;
  out.list.push_back({.kind = Action::Kind::kStuck, .item = &item});
}

bool DeliveryFlow::HoldsUp(const Item& item) const {
  if (item.stage == Stage::kWaiting || item.stage == Stage::kHeld || IsAtLetter(item)) return true;
  const TimePoint begun{TimePoint::duration(item.begun.load(std::memory_order_relaxed))};
  return item.stage == Stage::kDispatched && begun != TimePoint{} && now_ - begun >= LookInterval();
}

// What is parked behind a message that merely waits for its worker does not count: a slow pool is no reason for more.
std::size_t DeliveryFlow::HeldUp() const {
  std::size_t held_up = 0;
  for (const auto& [sequence, item] : items_) {
    if (item->keyed() && HoldsUp(*item)) held_up += lines_.Behind(*item);
  }
  return held_up;
}

// A feed that is told what it may send, message by message, is told here of the difference.
void DeliveryFlow::Resize(Actions& out) {
  next_widening_ = now_ + kWidenAgain;
  const std::size_t before = window_.size();
  const std::size_t wanted = window_.Resize(HeldUp(), now_);
  if (wanted == 0) return;
  out.window = wanted;
  if (wanted < before) {
    owed_ += before - wanted;
    return;
  }
  const std::size_t more = wanted - before;
  const std::size_t settled = std::min(owed_, more);
  owed_ -= settled;
  out.grant += more - settled;
}

// Ends.

void DeliveryFlow::NewEpoch() {
  processed_.Clear();
  KeepRunningOnly(/*stale=*/true);
}

void DeliveryFlow::TakenAway() {
  KeepRunningOnly(/*stale=*/false);
  letters_known_ = options_.after_dead_letter != AfterDeadLetter::kQuarantine;
}

// What runs still has its key's turn, so that what comes anew waits for it. A letter that is to go has to: it would be
// redriven once more.
void DeliveryFlow::KeepRunningOnly(bool stale) {
  refused_.clear();
  refused_count_ = 0;
  lines_.Clear();
  for (auto entry = items_.begin(); entry != items_.end();) {
    std::unique_ptr<Item>& item = entry->second;
    item->next_of_key = nullptr;
    if (!UnderWay(*item) && item->stage != Stage::kRemovingLetter) {
      if (item->stage != Stage::kHeld) ++forgotten_;
      if (item->probe && outage_.on()) outage_.ProbeAgain(now_);
      SetStage(*item, Stage::kNew);
      Charge(*item, 0);
      items_.erase(entry++);
      continue;
    }
    item->taken.store(true, std::memory_order_relaxed);
    if (stale) {
      item->stale = true;
      stale_.push_back(std::move(item));
      items_.erase(entry++);
      continue;
    }
    if (item->keyed()) lines_.Occupy(*item);
    ++entry;
  }
  for (const auto& item : stale_) {
    if (item->keyed()) lines_.Occupy(*item);
  }
}

void DeliveryFlow::Close() {
  closed_ = true;
  lines_.Clear();
  refused_.clear();
  refused_count_ = 0;
  for (const auto& [sequence, item] : items_) {
    if (!UnderWay(*item) && item->stage != Stage::kHeld) SetStage(*item, Stage::kParked);
  }
  std::erase_if(stale_, [this](const std::unique_ptr<Item>& item) {
    if (UnderWay(*item)) return false;
    SetStage(*item, Stage::kNew);
    Charge(*item, 0);
    return true;
  });
}

std::vector<std::unique_ptr<Item>> DeliveryFlow::HandBack() {
  std::vector<Item*> parked;
  for (const auto& [sequence, item] : items_) {
    if (item->stage == Stage::kParked) parked.push_back(item.get());
  }
  std::sort(parked.begin(), parked.end(), [](Item* a, Item* b) { return a->sequence < b->sequence; });
  std::vector<std::unique_ptr<Item>> handed_back;
  handed_back.reserve(parked.size());
  for (Item* item : parked) handed_back.push_back(Remove(*item));
  return handed_back;
}

}  // namespace penstock::eventbus
