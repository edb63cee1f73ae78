// SPDX-License-Identifier: Apache-2.0
#include "chaos/cluster/recovery_watch.h"

#include <algorithm>
#include <utility>

namespace penstock::chaos {
namespace {

constexpr double kNanosecondsPerMillisecond = 1e6;

}  // namespace

void RecoveryWatch::Note(const Record& record, std::optional<std::size_t> life) {
  if (record.kind == Entry::kAcked) stored_ = std::max(stored_, record.stream_sequence);
  if (record.kind == Entry::kStart) begun_ = std::max(begun_, record.stream_sequence);
  const bool over = record.result == Result::kDone || record.result == Result::kRejected;
  if (record.kind != Entry::kEnd || !over) return;
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    const bool cut_off =
        life && std::find(waiting.cut_off.begin(), waiting.cut_off.end(), *life) != waiting.cut_off.end();
    if (cut_off || record.time_ns < waiting.from_ns || record.stream_sequence <= waiting.beyond) return false;
    const auto time = static_cast<double>(record.time_ns - waiting.from_ns);
    recoveries_.push_back({waiting.fault, time / kNanosecondsPerMillisecond});
    return true;
  });
}

void RecoveryWatch::Await(std::string fault, std::int64_t from_ns) {
  waiting_.push_back({std::move(fault), from_ns, stored_, {}});
}

void RecoveryWatch::AwaitOutside(std::string fault, std::int64_t from_ns, std::vector<std::size_t> cut_off) {
  waiting_.push_back({std::move(fault), from_ns, begun_, std::move(cut_off)});
}

void RecoveryWatch::Healed() {
  for (Waiting& waiting : waiting_) waiting.cut_off.clear();
}

}  // namespace penstock::chaos
