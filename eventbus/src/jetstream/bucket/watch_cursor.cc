// SPDX-License-Identifier: Apache-2.0
#include "jetstream/bucket/watch_cursor.h"

#include <chrono>

#include "jetstream/api/consumer_api.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::chrono::seconds kLongestLag(10);  // as `StreamLineage` has it
// The server removes a consumer that nobody has pulled from for so long.
constexpr std::chrono::nanoseconds kInactiveThreshold = std::chrono::minutes(5);

}  // namespace

bool WatchCursor::FoundStream(const std::string& created, std::uint64_t last_sequence, bool clustered, Time now) {
  const bool same_time = created_.empty() || SameTime(created_, created);
  const bool lags = same_time && last_sequence < last_sequence_;
  if (lags && !lags_since_) lags_since_ = now;
  if (lags && clustered && now - *lags_since_ < kLongestLag) return false;
  if (lags || !same_time) *this = WatchCursor();
  if (created_.empty() && changes_only_) last_sequence_ = last_sequence;
  created_ = created;
  lags_since_.reset();
  return true;
}

Json WatchCursor::ConsumerConfig(const std::string& name, const std::string& filter) const {
  const bool behind = up_to_date_ || changes_only_;
  Json config = {{"name", name},
                 {"filter_subject", filter},
                 {"ack_policy", "none"},
                 {"replay_policy", "instant"},
                 {"max_deliver", -1},
                 {"mem_storage", true},
                 {"num_replicas", 1},
                 {"inactive_threshold", kInactiveThreshold.count()},
                 {"deliver_policy", behind ? "by_start_sequence" : "last_per_subject"}};
  if (behind) config["opt_start_seq"] = last_sequence_ + 1;
  return config;
}

void WatchCursor::Began(std::uint64_t pending) {
  last_delivery_ = 0;
  initial_ = pending;
  complete_ = complete_ || pending == 0 || changes_only_;
}

WatchCursor::Verdict WatchCursor::Delivered(const AckSubject& delivery) {
  if (delivery.consumer_sequence != last_delivery_ + 1) return Verdict::kGap;
  last_delivery_ = delivery.consumer_sequence;
  complete_ = complete_ || delivery.pending == 0 || last_delivery_ >= initial_;
  if (delivery.stream_sequence <= last_sequence_) return Verdict::kSkip;
  last_sequence_ = delivery.stream_sequence;
  return Verdict::kReport;
}

bool WatchCursor::TakeUpToDate() {
  if (up_to_date_ || !complete_) return false;
  up_to_date_ = true;
  return true;
}

}  // namespace penstock::eventbus::jetstream
