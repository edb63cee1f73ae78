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
  const Bidder* const best = Best();
  if (best == nullptr || best->member != &member) return std::nullopt;
  const Turn turn = next_turn();
  Forget(member);
  --free_;
  ++given_;
  if (member.group_) ++member.group_->at_once_;
  return turn;
}

void PoolSlots::Withdraw(const Member& member) {
  MutexLock lock(mutex_);
  Forget(member);
}

void PoolSlots::Release(std::size_t actor) {
  MutexLock lock(mutex_);
  if (actor < of_actor_.size()) {
    of_actor_[actor].fetch_sub(1, std::memory_order_relaxed);
    if (lent_[actor] > 0) {
      --lent_[actor];
      return;
    }
  }
  ++free_;
}

void PoolSlots::Pause(std::size_t actor, TimePoint until) {
  if (actor >= of_actor_.size()) return;
  MutexLock lock(mutex_);
  paused_until_[actor].store(until.time_since_epoch().count(), std::memory_order_relaxed);
  const std::uint32_t has = of_actor_[actor].load(std::memory_order_relaxed);
  free_ += has - lent_[actor];
  lent_[actor] = has;
}

void PoolSlots::Ended(const Member& member) {
  if (!member.group_) return;
  MutexLock lock(mutex_);
  --member.group_->at_once_;
}

void PoolSlots::GiveTurns() {
  while (true) {
    Member* next = nullptr;
    {
      MutexLock lock(mutex_);
      const Bidder* const best = Best();
      if (best == nullptr) return;
      next = best->member;
      next->Reserve();
    }
    next->TakeTurn();
  }
}

const PoolSlots::Bidder* PoolSlots::Best() const {
  const Bidder* best = nullptr;
  for (const Bidder& each : bidders_) {
    const bool may = free_ > 0 && !(each.member->group_ && each.member->group_->full());
    if (may && (best == nullptr || IsBetter(each.bid, best->bid, next_turn()))) best = &each;
  }
  return best;
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
