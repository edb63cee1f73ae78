// SPDX-License-Identifier: Apache-2.0
#include "jetstream/recovery/settled_runs.h"

#include <algorithm>
#include <iterator>

namespace penstock::eventbus::jetstream {

void SettledRuns::Settled(std::span<const std::uint64_t> sequences, std::uint64_t epoch) {
  MutexLock lock(mutex_);
  if (epoch != epoch_) return;
  for (const std::uint64_t sequence : sequences) Add({sequence, sequence});
  Bound();
}

void SettledRuns::Delivered(const StreamMarks::Mark& mark) {
  MutexLock lock(mutex_);
  if (mark.sequence > mark_.sequence) mark_ = mark;
}

void SettledRuns::Learn(std::span<const Run> runs, const StreamMarks::Mark& mark) {
  MutexLock lock(mutex_);
  for (const Run& run : runs) Add(run);
  if (mark.sequence > mark_.sequence) mark_ = mark;
  Bound();
}

void SettledRuns::BeginEpoch(std::uint64_t epoch) {
  MutexLock lock(mutex_);
  epoch_ = epoch;
}

void SettledRuns::EndAt(std::uint64_t last) {
  MutexLock lock(mutex_);
  epoch_ = 0;
  runs_.erase(runs_.upper_bound(last), runs_.end());
  if (!runs_.empty()) runs_.rbegin()->second = std::min(runs_.rbegin()->second, last);
  if (mark_.sequence > last) mark_ = {};
}

std::uint64_t SettledRuns::FirstUnsettledFrom(std::uint64_t sequence) const {
  MutexLock lock(mutex_);
  const auto after = runs_.upper_bound(sequence);
  if (after == runs_.begin()) return sequence;
  return std::max(sequence, std::prev(after)->second + 1);
}

std::vector<SettledRuns::Run> SettledRuns::Longest(std::size_t most) const {
  MutexLock lock(mutex_);
  std::vector<Run> runs(runs_.begin(), runs_.end());
  if (runs.size() <= most) return runs;
  const auto longer = [](const Run& a, const Run& b) { return a.second - a.first > b.second - b.first; };
  std::ranges::nth_element(runs, runs.begin() + static_cast<std::ptrdiff_t>(most), longer);
  runs.resize(most);
  std::ranges::sort(runs);
  return runs;
}

StreamMarks::Mark SettledRuns::mark() const {
  MutexLock lock(mutex_);
  return mark_;
}

void SettledRuns::Add(Run run) {
  auto next = runs_.upper_bound(run.first);
  if (next != runs_.begin() && std::prev(next)->second + 1 >= run.first) {
    --next;
    run.first = next->first;
    run.second = std::max(run.second, next->second);
  }
  while (next != runs_.end() && next->first <= run.second + 1) {
    run.second = std::max(run.second, next->second);
    next = runs_.erase(next);
  }
  runs_.emplace_hint(next, run.first, run.second);
}

// Half of them at once, so that this is rare; of equals the first, which a server is least likely to have forgotten.
void SettledRuns::Bound() {
  if (runs_.size() <= kMost) return;
  std::vector<Run> by_length;  // length and first
  for (const auto& [first, last] : runs_) by_length.emplace_back(last - first, first);
  std::ranges::nth_element(by_length, by_length.begin() + kMost / 2);
  by_length.resize(kMost / 2);
  for (const auto& [length, first] : by_length) runs_.erase(first);
}

}  // namespace penstock::eventbus::jetstream
