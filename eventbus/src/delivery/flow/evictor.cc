// SPDX-License-Identifier: Apache-2.0
#include "delivery/flow/evictor.h"

#include <algorithm>
#include <string>
#include <vector>

namespace penstock::eventbus {

// While others wait for room, later messages do not take it from them.
void Evictor::Admit(InFlightMessage& item) {
  const std::size_t budget = flow_.max_bytes();
  const bool alone = flow_.bytes() == 0;
  const auto over = [&] { return !alone && flow_.bytes() > budget; };
  flow_.Charge(item, item.weight);
  if (over()) EvictParked(budget - budget / 8);
  if (over() || !table_.evicted().empty()) Evict(item);
}

void Evictor::Evict(InFlightMessage& item) {
  item.key_storage = std::string(item.key);
  item.key = item.key_storage;
  item.message = item.message->Stub();
  item.evicted = true;
  flow_.Charge(item, 0);
  ++counters_.evicted;
}

// The last ones first: they wait longest anyway.
void Evictor::EvictParked(std::size_t until_bytes) {
  const std::vector<InFlightMessage*> parked = table_.Ascending(MessageState::kParked);
  for (auto item = parked.rbegin(); item != parked.rend() && flow_.bytes() > until_bytes; ++item) {
    if (!(*item)->evicted) Evict(**item);
  }
}

// Room is kept for messages that were requested again. A consumer that was created again sends in stream order, and the
// message needed first must not wait for that room: a later one is evicted once more if it comes and finds none.
void Evictor::GiveUpRoomOfLater(const InFlightMessage& item) {
  const std::vector<InFlightMessage*> held = table_.Ascending(MessageState::kAwaitingRedelivery);
  if (!held.empty() && held.front()->sequence < item.sequence) return;
  for (InFlightMessage* later : held) flow_.Charge(*later, 0);
}

bool Evictor::Reserve(InFlightMessage& item, bool idle) {
  const std::size_t budget = flow_.max_bytes();
  if (!flow_.Fits(item.weight)) EvictParked(budget - std::min(budget, item.weight));
  if (!flow_.Fits(item.weight) && idle) GiveUpRoomOfLater(item);
  if (!flow_.Fits(item.weight)) return false;
  flow_.Charge(item, item.weight);
  return true;
}

}  // namespace penstock::eventbus
