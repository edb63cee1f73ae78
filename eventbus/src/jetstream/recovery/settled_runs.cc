// SPDX-License-Identifier: Apache-2.0
#include "jetstream/recovery/settled_runs.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace penstock::eventbus::jetstream {
namespace {

// Leaves of ascending runs the last ones, and as many of the others, which are the longest.
void Choose(std::vector<SettledRuns::Run>& runs, std::size_t most) {
  if (runs.size() <= most) return;
  const auto last = runs.end() - static_cast<std::ptrdiff_t>(most / 2);
  const auto longest = runs.begin() + static_cast<std::ptrdiff_t>(most - most / 2);
  const auto longer = [](const SettledRuns::Run& a, const SettledRuns::Run& b) {
    return a.second - a.first > b.second - b.first;
  };
  std::nth_element(runs.begin(), longest, last, longer);
  runs.erase(longest, last);
  std::ranges::sort(runs);
}

}  // namespace

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

SettledRuns::Excerpt SettledRuns::Some(std::size_t most) const {
  MutexLock lock(mutex_);
  Excerpt some{.mark = mark_, .runs = {runs_.begin(), runs_.upper_bound(mark_.sequence)}};
  if (!some.runs.empty()) some.runs.back().second = std::min(some.runs.back().second, mark_.sequence);
  Choose(some.runs, most);
  return some;
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

// Half of them at once, so that this is rare.
void SettledRuns::Bound() {
  if (runs_.size() <= kMost) return;
  std::vector<Run> kept(runs_.begin(), runs_.end());
  Choose(kept, kMost / 2);
  runs_ = {kept.begin(), kept.end()};
}

}  // namespace penstock::eventbus::jetstream
