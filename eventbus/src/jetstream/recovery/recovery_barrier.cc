// SPDX-License-Identifier: Apache-2.0
#include "jetstream/recovery/recovery_barrier.h"

#include <algorithm>

namespace penstock::eventbus::jetstream {

RecoveryBarrier::Ranges RecoveryBarrier::Restart(std::uint64_t floor, std::uint64_t delivered, std::uint64_t pending,
                                                 bool insists) {
  floor_ = floor;
  delivered_ = delivered;
  pending_ = pending;
  insists_ = insists;
  came_.clear();
  up_ = pending > 0;
  known_ = pending == 0;
  const std::uint64_t last = known_ ? delivered : floor;
  return last == 0 ? Ranges{} : Ranges{{1, last}};
}

RecoveryBarrier::Verdict RecoveryBarrier::Arrived(std::uint64_t sequence) {
  if (!up_) {
    if (!known_ && sequence <= delivered_) came_.insert(sequence);
    return Verdict::kPass;
  }
  if (sequence <= delivered_) {
    came_.insert(sequence);
    if (came_.size() < pending_) return Verdict::kHold;
  } else if (insists_) {
    return Verdict::kIncomplete;
  }
  up_ = false;
  return Verdict::kRelease;
}

RecoveryBarrier::Ranges RecoveryBarrier::SettledBefore(std::uint64_t sequence) {
  if (known_ || sequence <= delivered_ || came_.size() < pending_) return {};
  known_ = true;
  return Gaps(std::exchange(came_, {}));
}

RecoveryBarrier::Ranges RecoveryBarrier::Gaps(const std::set<std::uint64_t>& came) const {
  Ranges gaps;
  std::uint64_t next = floor_ + 1;
  for (const std::uint64_t sequence : came) {
    if (sequence > next) gaps.emplace_back(next, sequence - 1);
    next = std::max(next, sequence + 1);
  }
  if (next <= delivered_) gaps.emplace_back(next, delivered_);
  return gaps;
}

}  // namespace penstock::eventbus::jetstream
