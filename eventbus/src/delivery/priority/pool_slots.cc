// SPDX-License-Identifier: Apache-2.0
#include "delivery/priority/pool_slots.h"

#include <algorithm>

namespace penstock::eventbus {
namespace {

bool IsBetter(const PoolSlots::Bid& one, const PoolSlots::Bid& other, PoolSlots::Turn turn) {
  if (turn == PoolSlots::Turn::kOldest) return one.oldest < other.oldest;
  return one.rank != other.rank ? one.rank > other.rank : one.since < other.since;
}

}  // namespace

std::optional<PoolSlots::Turn> PoolSlots::Take(Member& member, const Bid& bid) {
  MutexLock lock(mutex_);
  Record(member, bid);
  if (free_ == 0 || Best()->member != &member) return std::nullopt;
  const Turn turn = next_turn();
  Forget(member);
  --free_;
  ++given_;
  return turn;
}

void PoolSlots::Withdraw(const Member& member) {
  MutexLock lock(mutex_);
  Forget(member);
}

void PoolSlots::Release(std::size_t actor) {
  if (actor < of_actor_.size()) of_actor_[actor].fetch_sub(1, std::memory_order_relaxed);
  MutexLock lock(mutex_);
  ++free_;
}

void PoolSlots::GiveTurns() {
  while (true) {
    Member* next = nullptr;
    {
      MutexLock lock(mutex_);
      if (free_ == 0 || bidders_.empty()) return;
      next = Best()->member;
      next->Reserve();
    }
    next->TakeTurn();
  }
}

const PoolSlots::Bidder* PoolSlots::Best() const {
  const Turn turn = next_turn();
  return &*std::ranges::min_element(
      bidders_, [turn](const Bidder& one, const Bidder& other) { return IsBetter(one.bid, other.bid, turn); });
}

// Who bids anew stays where it was, so that of equals none is always first.
void PoolSlots::Record(Member& member, const Bid& bid) {
  const auto known = std::ranges::find(bidders_, &member, &Bidder::member);
  if (known == bidders_.end()) {
    bidders_.push_back({&member, bid});
  } else {
    known->bid = bid;
  }
}

void PoolSlots::Forget(const Member& member) {
  std::erase_if(bidders_, [&](const Bidder& bidder) { return bidder.member == &member; });
}

}  // namespace penstock::eventbus
