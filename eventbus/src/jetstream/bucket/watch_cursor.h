// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "jetstream/message/ack_subject.h"
#include "jetstream/protocol/json.h"
#include "penstock/eventbus/bucket.h"

namespace penstock::eventbus::jetstream {

/// The reports of a watch so far, and what follows from them: where its next consumer begins, which deliveries are
/// reported, when it is up to date. Pure: no I/O, no clock.
///
/// **Thread safety:** thread-compatible.
class WatchCursor {
 public:
  using Time = std::chrono::steady_clock::time_point;

  WatchCursor() = default;
  explicit WatchCursor(BucketWatchBeginning begins) : changes_only_(begins == BucketWatchBeginning::kChanges) {}

  /// The stream, as it is found before a consumer is made. Another one than before, which was created at another time
  /// or has fewer messages than were reported, is reported from its beginning. A server of a cluster may lag behind:
  /// for 10 s the latter is false, and it is to be asked again.
  bool FoundStream(const std::string& created, std::uint64_t last_sequence, bool clustered, Time now);

  /// The configuration of the next consumer. Until the watch is up to date: the last message of each subject, or, where
  /// only changes are reported, everything behind the stream's last message as it was found first; then everything
  /// behind the last one reported.
  Json ConsumerConfig(const std::string& name, const std::string& filter) const;

  /// The consumer was made and has `pending` messages to deliver.
  void Began(std::uint64_t pending);

  enum class Verdict {
    kReport,
    kSkip,  ///< reported before
    kGap,   ///< a delivery before it is missing: a new consumer is needed
  };
  Verdict Delivered(const AckSubject& delivery);

  /// True once, when everything that was there at the beginning has been reported.
  bool TakeUpToDate();
  bool up_to_date() const { return up_to_date_; }
  std::uint64_t last_sequence() const { return last_sequence_; }

 private:
  bool changes_only_ = false;
  std::string created_{};
  std::uint64_t last_sequence_ = 0;  // of the stream, reported
  std::uint64_t last_delivery_ = 0;  // of the consumer
  std::uint64_t initial_ = 0;        // messages that were pending when the consumer began
  bool complete_ = false;            // all of them came
  bool up_to_date_ = false;          // and it was told
  std::optional<Time> lags_since_{};
};

}  // namespace penstock::eventbus::jetstream
