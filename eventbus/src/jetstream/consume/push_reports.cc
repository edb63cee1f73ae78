// SPDX-License-Identifier: Apache-2.0
// What an owner leaves in the bucket for its successor, and learns from owners before it.
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/connection/log_line.h"
#include "jetstream/consume/push_consumer.h"
#include "jetstream/recovery/settled_report.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::chrono::seconds kLongestLag(10);  // as `StreamLineage` has it

}  // namespace

void PushConsumer::ReportSettled() {
  if (!claim_) return;
  const std::size_t room = lease_.RoomToReport(claim_name_, connection_.max_payload_bytes());
  for (std::size_t runs = SettledReport::kMostRuns; runs > 0; runs /= 2) {
    SettledRuns::Excerpt some = runs_.Some(runs);
    if (some.runs.empty()) return;
    std::string report = Encode({.stream_created = stream().created,
                                 .consumer_created = consumer().created,
                                 .consumer_tag = consumer().tag,
                                 .mark = some.mark,
                                 .runs = std::move(some.runs)});
    if (report.size() <= room) return lease_.Report(claim_name_, std::move(report));
  }
}

// A report is of one stream and one consumer: whoever deleted the consumer may want all of it once more.
absl::Status PushConsumer::LearnSettled(const ConsumerFacts& facts) {
  if (!claim_ || claim_->revision == learned_of_) return absl::OkStatus();
  bool believed = claim_->reports.empty();
  for (const std::string& text : claim_->reports) {
    const std::optional<SettledReport> report = DecodeSettledReport(text);
    if (!report || !SameConsumer({report->consumer_created, report->consumer_tag}, facts.identity())) continue;
    if (absl::Status there = AwaitMark(report->mark); !there.ok()) return there;
    const absl::StatusOr<bool> same = IsSameStream(report->stream_created, report->mark);
    if (!same.ok()) return same.status();
    if (!*same) continue;
    believed = true;
    runs_.Learn(report->runs, report->mark);
    learned_.insert(learned_.end(), report->runs.begin(), report->runs.end());
  }
  learned_of_ = claim_->revision;
  if (!believed) LogLine(log_, LogLevel::kInfo, Describe("what owners before it left word of is of another consumer"));
  return absl::OkStatus();
}

// A server that has just become the stream's leader may lack what was delivered: it has it soon, or never.
absl::Status PushConsumer::AwaitMark(const StreamMarks::Mark& mark) {
  if (absl::Status looked = LookAtStream(); !looked.ok()) return looked;
  const Clock::time_point now = Clock::now();
  if (stream().last_sequence >= mark.sequence) {
    lags_since_.reset();
    return absl::OkStatus();
  }
  if (!lags_since_) lags_since_ = now;
  if (now - *lags_since_ >= kLongestLag) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the server has the stream up to message ", stream().last_sequence,
                                             ", and an owner before was sent ", mark.sequence));
}

void PushConsumer::TellLearned() { Tell(std::exchange(learned_, {})); }

}  // namespace penstock::eventbus::jetstream
