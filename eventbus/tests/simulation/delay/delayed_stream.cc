// SPDX-License-Identifier: Apache-2.0
#include "simulation/delay/delayed_stream.h"

#include <algorithm>
#include <utility>

#include "simulation/delay/model_relay.h"

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds kUpkeep{50};

}  // namespace

// The stream.

void DelayedStream::Store(const DelayedEntry& entry) {
  if (const DelayedEntry* const before = OfEvent(entry.event)) Delete(before->sequence);
  of_event_[entry.event] = last_ + 1;
  trace_.Note(entry.called_off ? "called off, delayed" : "delayed", last_ + 1, "event", entry.event);
  Add(entry);
}

std::uint64_t DelayedStream::StoreMark() {
  Delete(mark_);
  Add({.mark = true});
  return mark_ = last_;
}

void DelayedStream::Add(const DelayedEntry& entry) {
  DelayedEntry& stored = entries_[++last_] = entry;
  stored.generation = generation_;
  stored.sequence = last_;
  stored.stored_at = event_queue_.now();
  unacknowledged_.insert(last_);
  Deliver({stored});
}

std::map<std::uint64_t, DelayedEntry> DelayedStream::Reading() const {
  if (event_queue_.now() >= lags_until_) return entries_;
  return {entries_.begin(), entries_.upper_bound(replica_has_)};
}

const DelayedEntry* DelayedStream::Find(std::uint64_t sequence) const {
  const auto found = entries_.find(sequence);
  return found == entries_.end() ? nullptr : &found->second;
}

const DelayedEntry* DelayedStream::OfEvent(std::size_t event) const {
  const auto found = of_event_.find(event);
  return found == of_event_.end() ? nullptr : Find(found->second);
}

void DelayedStream::Delete(std::uint64_t sequence) {
  const auto found = entries_.find(sequence);
  if (found == entries_.end()) return;
  if (!found->second.mark) of_event_.erase(found->second.event);
  unacknowledged_.erase(sequence);
  entries_.erase(found);
  ledger_.Progress();
}

bool DelayedStream::PutForward(const DelayedEntry& entry) {
  if (refuses_) return false;
  if (!forwarded_.insert(entry.event).second) return true;
  trace_.Note("put forward, delayed", entry.sequence, "event", entry.event);
  ledger_.IsDue(entry.event, entry.due);
  network_.Publish({.event = entry.event, .bytes = entry.bytes});
  return true;
}

void DelayedStream::MakeAgain() {
  trace_.Note("fault: the stream of delayed messages created again");
  for (const auto& [sequence, entry] : entries_) {
    if (!entry.mark) ledger_.Excuse(entry.event);
  }
  entries_.clear();
  of_event_.clear();
  unacknowledged_.clear();
  last_ = replica_has_ = mark_ = 0;
  ++generation_;
  // What was on its way to the owner comes from a consumer that is gone.
  if (owner_ != nullptr) Vacate(random_.Between(milliseconds{1}, milliseconds{600}));
  for (ModelRelay* relay : relays_) relay->StreamMadeAgain();
}

void DelayedStream::LagBehind(microseconds duration) {
  trace_.Note("fault: a replica of the delayed messages lags behind");
  replica_has_ = last_ - std::min(last_, random_.Below(8));
  lags_until_ = event_queue_.now() + duration;
}

// The durable.

void DelayedStream::Upkeep() {
  if (!network_.reachable()) {
    broken_ = true;
  } else if (owner_ != nullptr) {
    if (std::exchange(broken_, false)) DeliverUnacknowledged();
    ToOwner([this, sent = event_queue_.now()] { owner_->Proven(sent); });
  } else if (event_queue_.now() >= vacant_until_ && !relays_.empty()) {
    Own(*relays_[random_.Below(relays_.size())]);
  }
  event_queue_.After(kUpkeep, [this] { Upkeep(); });
}

void DelayedStream::Own(ModelRelay& relay) {
  trace_.Note("relays, process", static_cast<std::uint64_t>(relay.process()));
  owner_ = &relay;
  ++link_;
  for (ModelRelay* each : relays_) each->Owns(each == &relay);
  DeliverUnacknowledged();
  ToOwner([this, sent = event_queue_.now()] { owner_->Proven(sent); });
}

void DelayedStream::Vacate(microseconds pause) {
  owner_ = nullptr;
  ++link_;
  vacant_until_ = event_queue_.now() + pause;
}

void DelayedStream::LoseOwner() {
  if (owner_ == nullptr) return;
  trace_.Note("fault: the relay is cut off, process", static_cast<std::uint64_t>(owner_->process()));
  Vacate(random_.Between(milliseconds{550}, milliseconds{1000}));
}

void DelayedStream::Leave(const ModelRelay& relay, bool released) {
  std::erase(relays_, &relay);
  if (owner_ != &relay) return;
  Vacate(released ? milliseconds{25} : random_.Between(milliseconds{550}, milliseconds{1000}));
}

void DelayedStream::ToOwner(Answer what) {
  to_owner_ = std::max(to_owner_, event_queue_.now() + network_.Delay());
  event_queue_.At(to_owner_, [this, link = link_, what = std::move(what)] {
    if (link == link_) what();
  });
}

void DelayedStream::Deliver(std::vector<DelayedEntry> entries) {
  if (owner_ != nullptr) ToOwner([this, entries = std::move(entries)] { owner_->Arrived(entries); });
}

void DelayedStream::DeliverUnacknowledged() {
  std::vector<DelayedEntry> entries;
  for (const std::uint64_t sequence : unacknowledged_) entries.push_back(entries_.at(sequence));
  if (!entries.empty()) Deliver(std::move(entries));
}

// What is not told is sent again.
void DelayedStream::Acknowledge(const ModelRelay& relay, std::uint64_t sequence) {
  event_queue_.After(network_.Delay(), [this, &relay, sequence, generation = generation_] {
    if (owner_ != &relay || generation != generation_ || !network_.reachable()) return;
    unacknowledged_.erase(unacknowledged_.begin(), unacknowledged_.upper_bound(sequence));
  });
}

}  // namespace penstock::eventbus::simulation
