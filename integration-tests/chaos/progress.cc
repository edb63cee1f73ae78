// SPDX-License-Identifier: Apache-2.0
#include "chaos/progress.h"

#include <algorithm>
#include <utility>

#include "chaos/event_plan.h"

namespace penstock::chaos {
namespace {

constexpr double kNanosecondsPerMillisecond = 1e6;

}  // namespace

Progress::Progress() : over_(EventPlan::kKeys) {}

void Progress::Note(const Record& record) {
  if (record.kind == Entry::kAcked) ++acked_;
  if (record.kind == Entry::kStart) begun_ = std::max(begun_, record.stream_sequence);
  const bool over = record.result == Result::kDone || record.result == Result::kRejected;
  if (record.kind == Entry::kEnd && over && record.event.key < over_.size()) {
    std::vector<bool>& key = over_[record.event.key];
    if (key.size() <= record.event.n) key.resize(record.event.n + 1);
    if (!key[record.event.n]) ++ended_;
    key[record.event.n] = true;
  }
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    if (!Shows(record, waiting)) return false;
    recoveries_.push_back(
        {waiting.fault, static_cast<double>(record.time_ns - waiting.ended_ns) / kNanosecondsPerMillisecond});
    return true;
  });
}

bool Progress::Shows(const Record& record, const Waiting& waiting) {
  if (record.time_ns < waiting.ended_ns) return false;
  if (waiting.of_publisher) return record.kind == Entry::kAcked;
  return record.kind == Entry::kEnd && record.stream_sequence > waiting.begun;
}

void Progress::AwaitRecovery(std::string fault, bool of_publisher, std::int64_t ended_ns) {
  waiting_.push_back({std::move(fault), of_publisher, ended_ns, begun_});
}

}  // namespace penstock::chaos
