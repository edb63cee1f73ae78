// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/entries/event_entries.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus {

/// Waits for entries of events, of any number of threads at once. An entry that is there costs one request. For those
/// that are not there yet one watch serves all: it begins with the first wait, reports only what is written from then
/// on, and ends when nobody has waited for a while.
///
/// **Thread safety:** thread-safe. **Blocking:** `Await`; `EndIdleWatch` and the destructor for the watch's thread.
/// **Shutdown:** `Close` ends all waits. They are over before the destructor is called.
class EntryWaits {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kWatchLinger{5};

  explicit EntryWaits(std::unique_ptr<EventEntries> entries) : entries_(std::move(entries)) {}

  /// The event's entry, which may have been there before. `kDeadlineExceeded` without a text when there is none by
  /// `deadline`; `kNotFound` (`IsStreamMissing`) when the bucket is found deleted; `kFailedPrecondition` when closed.
  absl::StatusOr<BucketEntry> Await(std::string_view event_id, TimePoint deadline);

  void EndIdleWatch(TimePoint now);
  void Close();

  EventEntries& entries() { return *entries_; }

 private:
  enum class WatchState { kNone, kStarting, kRunning };
  struct Waiter {
    std::optional<BucketEntry> entry{};
    CondVar came{};
  };
  using Waiters = std::multimap<std::string, Waiter*, std::less<>>;

  /// Takes the waiter off the list.
  class Place;

  absl::StatusOr<BucketEntry> AwaitAs(Waiter& waiter, std::string_view event_id, bool watched, TimePoint deadline);
  absl::Status EnsureWatch(TimePoint deadline);
  absl::StatusOr<BucketEntry> AwaitReport(Waiter& waiter, TimePoint deadline);
  void OnEntry(const BucketEntry& entry);

  const std::unique_ptr<EventEntries> entries_;
  Mutex mutex_;
  CondVar watch_changed_;
  Waiters waiters_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  WatchState state_ ABSL_GUARDED_BY(mutex_) = WatchState::kNone;
  TimePoint idle_since_ ABSL_GUARDED_BY(mutex_){};              // while nobody waits
  std::unique_ptr<BucketWatch> watch_ ABSL_GUARDED_BY(mutex_);  // destroyed without the lock, which its callback takes
};

}  // namespace penstock::eventbus
