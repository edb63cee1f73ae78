// SPDX-License-Identifier: Apache-2.0
#include "jetstream/recovery/stream_lineage.h"

#include <algorithm>

namespace penstock::eventbus::jetstream {

void StreamLineage::Delivered(std::uint64_t sequence, std::chrono::system_clock::time_point stored_at) {
  highest_ = std::max(highest_, sequence);
  marks_.Delivered(sequence, stored_at);
}

std::optional<StreamMarks::Mark> StreamLineage::Doubts(bool same_time, std::uint64_t last) const {
  if (!same_time || last >= highest_) return std::nullopt;
  return marks_.UpTo(last);
}

// A replica that leads has something of its stream.
StreamLineage::Verdict StreamLineage::Saw(bool same_time, std::uint64_t last, std::optional<bool> as_it_was, Time now) {
  if (same_time && last >= highest_) return Verdict::kSame;
  if (!same_time || last == 0 || as_it_was == false) return BeginAt(0, Verdict::kMadeAgain);
  if (!lags_since_) lags_since_ = now;
  if (now - *lags_since_ < kLongestLag) return Verdict::kLags;
  return as_it_was ? BeginAt(last, Verdict::kLostItsEnd) : BeginAt(0, Verdict::kMadeAgain);
}

StreamLineage::Verdict StreamLineage::BeginAt(std::uint64_t last, Verdict verdict) {
  highest_ = last;
  marks_.Clear();
  return verdict;
}

}  // namespace penstock::eventbus::jetstream
