// SPDX-License-Identifier: Apache-2.0
#include "delivery/delivery_flow.h"

#include <algorithm>
#include <utility>

namespace penstock::eventbus {
namespace {

constexpr std::chrono::seconds kDeadLetterPause{1};
// How much longer than its delay and two lapsed leases a redelivery may take before it is believed gone from the
// stream.
constexpr std::chrono::seconds kRedeliveryPatience{60};

bool Active(Stage stage) {
  return stage == Stage::kDispatched || stage == Stage::kRefused || stage == Stage::kDeadLettering;
}

}  // namespace

DeliveryFlow::DeliveryFlow(const FlowOptions& options) : options_(options), retry_(options.retry, options.seed) {}

std::chrono::milliseconds DeliveryFlow::TickInterval() const {
  return std::clamp(options_.ack_wait / 6, std::chrono::milliseconds{10}, std::chrono::milliseconds{250});
}

void DeliveryFlow::Arrived(std::unique_ptr<Item> item, TimePoint now, Actions& out) {
  ++counters_.received;
  if (item->message->delivery_count() > 1) ++counters_.redelivered;
  counters_.last_pending = item->message->pending();
  item->lease_from = now;
  if (Recognise(item, out)) return;
  Item& admitted = *item;
  items_.emplace(admitted.sequence, std::move(item));
  closed_ ? SetStage(admitted, Stage::kParked) : Admit(admitted, out);
}

bool DeliveryFlow::Recognise(std::unique_ptr<Item>& item, Actions& out) {
  if (auto known = items_.find(item->sequence); known != items_.end()) {
    if (known->second->stage == Stage::kHeld) {
      TakeOver(known->second, std::move(item), out);
    } else {
      ++counters_.duplicates;
      ++out.grant;
      known->second->latest = std::move(item->message);
    }
    return true;
  }
  if (!options_.acknowledges || !processed_.Contains(item->sequence)) return false;
  ++counters_.duplicates;
  ++out.grant;
  out.list.push_back({.kind = Action::Kind::kAck, .message = std::move(item->message)});
  return true;
}

void DeliveryFlow::TakeOver(std::unique_ptr<Item>& held, std::unique_ptr<Item> redelivered, Actions& out) {
  SetStage(*held, Stage::kNew);
  if (held->keyed() && !closed_) keys_[held->key_hash].head = redelivered.get();
  held = std::move(redelivered);
  closed_ ? SetStage(*held, Stage::kParked) : Dispatch(*held, out);
}

void DeliveryFlow::Admit(Item& item, Actions& out) {
  if (!item.keyed()) {
    Dispatch(item, out);
    return;
  }
  KeyLine& line = keys_[item.key_hash];
  if (line.head != nullptr) {
    Park(line, item);
    return;
  }
  line.head = &item;
  Dispatch(item, out);
}

// Almost always at the end: only a redelivery comes out of order.
void DeliveryFlow::Park(KeyLine& line, Item& item) {
  SetStage(item, Stage::kParked);
  if (line.parked_last == nullptr || line.parked_last->sequence < item.sequence) {
    (line.parked_last == nullptr ? line.parked_first : line.parked_last->next_of_key) = &item;
    line.parked_last = &item;
    return;
  }
  Item** link = &line.parked_first;
  while ((*link)->sequence < item.sequence) link = &(*link)->next_of_key;
  item.next_of_key = *link;
  *link = &item;
}

void DeliveryFlow::Dispatch(Item& item, Actions& out) {
  SetStage(item, Stage::kDispatched);
  out.list.push_back({.kind = Action::Kind::kDispatch, .item = &item});
}

void DeliveryFlow::Refused(Item& item) {
  ++counters_.refused;
  if (closed_) {
    SetStage(item, Stage::kParked);
    return;
  }
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

void DeliveryFlow::Finished(Item& item, TimePoint now, Actions& out) {
  const Verdict::Kind kind = item.verdict.kind;
  if (kind == Verdict::Kind::kAbandoned) {
    SetStage(item, Stage::kParked);
    return;
  }
  if (refused_count_ > 0) {
    OfferRefused(item.lane, out);
    if (item.keyed()) OfferRefused(Item::kAnyLane, out);
  }
  ++(kind == Verdict::Kind::kHandled ? counters_.handled : counters_.failed);
  if (kind == Verdict::Kind::kUndecodable) ++counters_.undecodable;
  if (item.stale || !options_.acknowledges) {
    ++out.grant;
    ReleaseKey(item, out);
    Remove(item);
  } else if (kind == Verdict::Kind::kHandled) {
    ++counters_.acked;
    Conclude(item, Action::Kind::kAck, out);
  } else if (kind == Verdict::Kind::kRetry && !retry_.Exhausted(item.message->delivery_count())) {
    Retry(item, now, out);
  } else {
    BeginDeadLetter(item, out);
  }
}

void DeliveryFlow::Retry(Item& item, TimePoint now, Actions& out) {
  const auto delay =
      item.verdict.delay.count() >= 0 ? item.verdict.delay : retry_.DelayAfter(item.message->delivery_count());
  ++counters_.naked;
  ++out.grant;
  item.due = now + delay + 2 * options_.ack_wait + kRedeliveryPatience;
  SetStage(item, Stage::kHeld);
  out.list.push_back({.kind = Action::Kind::kNak, .message = TakeAnswerable(item), .delay = delay});
}

void DeliveryFlow::BeginDeadLetter(Item& item, Actions& out) {
  SetStage(item, Stage::kDeadLettering);
  item.due = TimePoint::max();
  out.list.push_back({.kind = Action::Kind::kDeadLetter, .item = &item});
}

void DeliveryFlow::DeadLettered(Item& item, bool stored, TimePoint now, Actions& out) {
  if (item.stale) {
    ReleaseKey(item, out);
    Remove(item);
  } else if (stored) {
    ++counters_.dead_lettered;
    ++counters_.terminated;
    Conclude(item, Action::Kind::kTerm, out);
  } else {
    item.due = now + kDeadLetterPause;
    if (closed_) SetStage(item, Stage::kParked);
  }
}

void DeliveryFlow::Conclude(Item& item, Action::Kind kind, Actions& out) {
  processed_.Add(item.sequence);
  ++out.grant;
  ReleaseKey(item, out);
  out.list.push_back({.kind = kind, .message = TakeAnswerable(*Remove(item))});
}

std::unique_ptr<StoredMessage> DeliveryFlow::TakeAnswerable(Item& item) {
  return item.latest ? std::move(item.latest) : std::move(item.message);
}

void DeliveryFlow::ReleaseKey(Item& item, Actions& out) {
  if (!item.keyed() || closed_) return;
  auto line = keys_.find(item.key_hash);
  Item* next = line->second.parked_first;
  if (next == nullptr) {
    keys_.erase(line);
    return;
  }
  line->second.head = next;
  line->second.parked_first = next->next_of_key;
  if (line->second.parked_first == nullptr) line->second.parked_last = nullptr;
  next->next_of_key = nullptr;
  Dispatch(*next, out);
}

std::unique_ptr<Item> DeliveryFlow::Remove(Item& item) {
  SetStage(item, Stage::kNew);
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

void DeliveryFlow::SetStage(Item& item, Stage stage) {
  active_ += static_cast<std::size_t>(Active(stage)) - static_cast<std::size_t>(Active(item.stage));
  parked_ += static_cast<std::size_t>(stage == Stage::kParked) - static_cast<std::size_t>(item.stage == Stage::kParked);
  held_ += static_cast<std::size_t>(stage == Stage::kHeld) - static_cast<std::size_t>(item.stage == Stage::kHeld);
  item.stage = stage;
}

void DeliveryFlow::Tick(TimePoint now, Actions& out) {
  if (closed_) return;
  if (refused_count_ > 0) {
    std::vector<std::size_t> lanes;
    for (const auto& [lane, waiting] : refused_) lanes.push_back(lane);
    for (const std::size_t lane : lanes) OfferRefused(lane, out);
  }
  if (!options_.acknowledges || now < next_look_) return;
  next_look_ = now + TickInterval();
  std::vector<Item*> all;
  all.reserve(items_.size());
  for (const auto& [sequence, item] : items_) all.push_back(item.get());
  for (Item* item : all) LookAt(*item, now, out);
}

void DeliveryFlow::LookAt(Item& item, TimePoint now, Actions& out) {
  if (item.stage == Stage::kHeld) {
    if (now < item.due) return;
    ++counters_.vanished;
    ReleaseKey(item, out);
    Remove(item);
    return;
  }
  if (item.stage == Stage::kDeadLettering && item.due <= now) BeginDeadLetter(item, out);
  if (now - item.lease_from < options_.ack_wait / 3) return;
  item.lease_from = now;
  out.list.push_back({.kind = Action::Kind::kExtend, .item = &item});
}

void DeliveryFlow::NewEpoch() {
  processed_.Clear();
  refused_.clear();
  refused_count_ = 0;
  for (auto& [sequence, item] : items_) {
    item->next_of_key = nullptr;
    const bool running =
        item->stage == Stage::kDispatched || (item->stage == Stage::kDeadLettering && item->due == TimePoint::max());
    if (running) {
      item->stale = true;
      stale_.push_back(std::move(item));
    } else {
      SetStage(*item, Stage::kNew);
    }
  }
  items_.clear();
  keys_.clear();
  // What runs still shuts its key, so that the new epoch's copy of the message waits for it.
  for (const auto& item : stale_) {
    if (item->keyed()) keys_[item->key_hash].head = item.get();
  }
}

void DeliveryFlow::Close() {
  closed_ = true;
  keys_.clear();
  refused_.clear();
  refused_count_ = 0;
  for (const auto& [sequence, item] : items_) {
    const bool failed_letter = item->stage == Stage::kDeadLettering && item->due != TimePoint::max();
    if (item->stage == Stage::kRefused || failed_letter) SetStage(*item, Stage::kParked);
  }
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
