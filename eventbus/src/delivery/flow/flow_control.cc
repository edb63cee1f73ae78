// SPDX-License-Identifier: Apache-2.0
#include "delivery/flow/flow_control.h"

#include <algorithm>
#include <string>
#include <vector>

namespace penstock::eventbus {
namespace {

constexpr std::chrono::milliseconds kWidenAgain{20};

}  // namespace

void FlowControl::AddCredit(Actions& out) {
  if (owed_ > 0) {
    --owed_;
  } else {
    ++out.credit;
  }
}

void FlowControl::AddForgottenCredit(Actions& out) {
  for (; forgotten_ > 0; --forgotten_) AddCredit(out);
}

// While others wait for room, later messages do not take it from them.
void FlowControl::Admit(InFlightMessage& item) {
  const bool alone = bytes_ == 0;
  const auto over = [&] { return !alone && bytes_ > max_bytes_; };
  window_.RecordSize(item.weight);
  Charge(item, item.weight);
  if (over()) EvictParked(max_bytes_ - max_bytes_ / 8);
  if (over() || !table_.evicted().empty()) Evict(item);
}

void FlowControl::Evict(InFlightMessage& item) {
  item.key_storage = std::string(item.key);
  item.key = item.key_storage;
  item.message = item.message->Stub();
  item.evicted = true;
  Charge(item, 0);
  ++counters_.evicted;
}

// The last ones first: they wait longest anyway.
void FlowControl::EvictParked(std::size_t until_bytes) {
  const std::vector<InFlightMessage*> parked = table_.Ascending(MessageState::kParked);
  for (auto item = parked.rbegin(); item != parked.rend() && bytes_ > until_bytes; ++item) {
    if (!(*item)->evicted) Evict(**item);
  }
}

// Room is kept for messages that were requested again. A consumer that was created again sends in stream order, and the
// message needed first must not wait for that room: a later one is evicted once more if it comes and finds none.
void FlowControl::GiveUpRoomOfLater(const InFlightMessage& item) {
  const std::vector<InFlightMessage*> held = table_.Ascending(MessageState::kAwaitingRedelivery);
  if (!held.empty() && held.front()->sequence < item.sequence) return;
  for (InFlightMessage* later : held) Charge(*later, 0);
}

bool FlowControl::Reserve(InFlightMessage& item, bool idle) {
  if (!Fits(item.weight)) EvictParked(max_bytes_ - std::min(max_bytes_, item.weight));
  if (!Fits(item.weight) && idle) GiveUpRoomOfLater(item);
  if (!Fits(item.weight)) return false;
  Charge(item, item.weight);
  return true;
}

void FlowControl::Charge(InFlightMessage& item, std::size_t bytes) {
  bytes_ += bytes - item.charged;
  item.charged = bytes;
}

// The transport counts credit message by message, so a change of the window changes the credit by the difference.
void FlowControl::Resize(std::size_t held_up, TimePoint now, Actions& out) {
  next_widening_ = now + kWidenAgain;
  const std::size_t before = window_.size();
  const std::size_t wanted = window_.Resize(held_up, now);
  if (wanted == 0) return;
  out.window = wanted;
  if (wanted < before) {
    owed_ += before - wanted;
    return;
  }
  const std::size_t more = wanted - before;
  const std::size_t settled = std::min(owed_, more);
  owed_ -= settled;
  out.credit += more - settled;
}

}  // namespace penstock::eventbus
