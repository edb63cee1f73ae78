// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "bus/cancel/cancel_entry.h"
#include "bus/cancel/cancel_judge.h"
#include "bus/entries/event_entries.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/log.h"
#include "penstock/eventbus/cancel.h"

namespace penstock::eventbus {

/// Honours the requests to cancel events of one subscription: watches its durable's entries in the bucket, asks
/// handlers to stop, and answers.
///
/// **Thread safety:** thread-safe. **Ownership:** owns its watch and the watch's thread, on which stop callbacks run.
/// **Blocking:** `Open`, `Answer`, `LookUp`; `Stop` for a callback that runs.
/// **Shutdown:** `Stop`, before what `in_hand` uses is destroyed. Idempotent.
class CancelWatch {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  struct Parts {
    std::string_view topic{};
    std::string_view durable{};
    CancelOptions options{};
    LogSink log{};
    /// Whether the event was handled, as far as is known; may be empty. Blocks.
    std::function<bool(std::string_view event_id)> was_handled{};
  };

  /// Returns when all requests that the bucket has are known. Errors as `EventBus::Bucket`, and `kDeadlineExceeded`.
  static absl::StatusOr<std::shared_ptr<CancelWatch>> Open(EventBus& bus, Parts parts);
  ~CancelWatch() { Stop(); }
  CancelWatch(const CancelWatch&) = delete;
  CancelWatch& operator=(const CancelWatch&) = delete;

  /// `in_hand` tells where an event is; called on the watch's thread, until `Stop`.
  void Attach(std::function<InHand(std::string_view event_id)> in_hand);
  void Stop();

  /// Asks the bucket for the event's request: another process may have promised what its watch has and this one's has
  /// not. False: that is not needed. Takes up to 500 ms, after which nobody knows who owns the durable. A bucket that
  /// did not answer is not asked for 5 s, unless the consumer receives since another time by then.
  bool LookUp(std::string_view event_id, SteadyTime receives_since);
  CancelledEvents& events() { return judge_.events(); }
  /// The event was acknowledged as cancelled: says so to who waits for it.
  void Answer(std::string_view event_id);

 private:
  CancelWatch(std::unique_ptr<EventEntries> entries, Parts parts);

  absl::Status Start();
  void OnEntry(const BucketEntry& entry);
  /// Takes note of an entry; the request that is to be answered.
  std::optional<CancelledEvents::Request> Take(std::string_view event_id, const BucketEntry& entry);
  InHand WhereIs(std::string_view event_id);
  void Write(std::string_view event_id, CancelState state, std::uint64_t revision);
  void Warn(std::string_view what, std::string_view event_id, const absl::Status& why) const;

  const std::unique_ptr<EventEntries> entries_;
  const std::chrono::milliseconds time_to_live_;
  const LogSink log_;
  const std::function<bool(std::string_view event_id)> was_handled_;
  CancelJudge judge_{};
  Mutex mutex_;
  CondVar reported_;
  bool up_to_date_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<InHand(std::string_view event_id)> in_hand_ ABSL_GUARDED_BY(mutex_);
  SteadyTime look_up_from_ ABSL_GUARDED_BY(mutex_){};      // not before: the bucket did not answer
  SteadyTime unanswered_since_ ABSL_GUARDED_BY(mutex_){};  // since when the consumer received then
  std::unique_ptr<BucketWatch> watch_{};                   // set once, before anything else
};

}  // namespace penstock::eventbus
