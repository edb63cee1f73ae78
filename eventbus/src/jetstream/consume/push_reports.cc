// SPDX-License-Identifier: Apache-2.0
// What an owner leaves in the bucket for its successor, and learns from owners before it.
#include "jetstream/consume/push_consumer.h"
#include "jetstream/recovery/settled_report.h"

namespace penstock::eventbus::jetstream {

void PushConsumer::ReportSettled() {
  if (!claim_) return;
  const SettledReport report{.stream_created = stream().created,
                             .consumer_created = consumer_created(),
                             .mark = runs_.mark(),
                             .runs = runs_.Longest(SettledReport::kMostRuns)};
  if (report.runs.empty() || report.runs.back().second > report.mark.sequence) return;
  lease_.Report(claim_name_, Encode(report));
}

// A report is of one stream and one consumer: whoever deleted the consumer may want all of it once more.
absl::Status PushConsumer::LearnSettled(const ConsumerFacts& facts) {
  if (!claim_ || claim_->revision == learned_of_) return absl::OkStatus();
  for (const std::string& text : claim_->reports) {
    const std::optional<SettledReport> report = DecodeSettledReport(text);
    if (!report || !SameTime(report->consumer_created, facts.created)) continue;
    const absl::StatusOr<bool> same = IsSameStream(report->stream_created, report->mark);
    if (!same.ok()) return same.status();
    if (!*same) continue;
    runs_.Learn(report->runs, report->mark);
    learned_.insert(learned_.end(), report->runs.begin(), report->runs.end());
  }
  learned_of_ = claim_->revision;
  return absl::OkStatus();
}

void PushConsumer::TellLearned() { Tell(std::exchange(learned_, {})); }

}  // namespace penstock::eventbus::jetstream
