// SPDX-License-Identifier: Apache-2.0
#include "delivery/processed_set.h"

#include <algorithm>
#include <iterator>

namespace penstock::eventbus {

void ProcessedSet::Add(std::uint64_t sequence) {
  auto next = intervals_.upper_bound(sequence);
  if (next != intervals_.begin()) {
    auto before = std::prev(next);
    if (sequence <= before->second) return;
    if (before->second + 1 == sequence) {
      before->second = sequence;
      if (next != intervals_.end() && next->first == sequence + 1) {
        before->second = next->second;
        intervals_.erase(next);
      }
      return;
    }
  }
  if (next != intervals_.end() && next->first == sequence + 1) {
    auto node = intervals_.extract(next);
    node.key() = sequence;
    intervals_.insert(std::move(node));
    return;
  }
  intervals_.emplace_hint(next, sequence, sequence);
  if (intervals_.size() > kMaxIntervals) {
    auto lowest = intervals_.begin();
    auto second = std::next(lowest);
    lowest->second = second->second;
    intervals_.erase(second);
  }
}

void ProcessedSet::Add(std::uint64_t first, std::uint64_t last) {
  auto interval = intervals_.upper_bound(first);
  if (interval != intervals_.begin() && std::prev(interval)->second + 1 >= first) --interval;
  while (interval != intervals_.end() && interval->first <= last + 1) {
    first = std::min(first, interval->first);
    last = std::max(last, interval->second);
    interval = intervals_.erase(interval);
  }
  intervals_.emplace_hint(interval, first, last);
}

bool ProcessedSet::Contains(std::uint64_t sequence) const {
  auto next = intervals_.upper_bound(sequence);
  return next != intervals_.begin() && sequence <= std::prev(next)->second;
}

}  // namespace penstock::eventbus
