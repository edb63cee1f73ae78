// SPDX-License-Identifier: Apache-2.0
#include "bus/entries/entry_waits.h"

#include <utility>

#include "transport/refusal.h"

namespace penstock::eventbus {
namespace {

absl::Status TimeIsUp() { return absl::DeadlineExceededError(""); }
absl::Status Closed() { return absl::FailedPreconditionError("the bus is closed"); }

}  // namespace

class EntryWaits::Place {
 public:
  Place(EntryWaits& waits, std::string_view event_id, Waiter& waiter) : waits_(waits) {
    MutexLock lock(waits_.mutex_);
    place_ = waits_.waiters_.emplace(event_id, &waiter);
    watched_ = waits_.state_ == WatchState::kRunning;
  }
  ~Place() {
    MutexLock lock(waits_.mutex_);
    waits_.waiters_.erase(place_);
    if (waits_.waiters_.empty()) waits_.idle_since_ = std::chrono::steady_clock::now();
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  /// Whether the watch ran already when the waiter took its place.
  bool watched() const { return watched_; }

 private:
  EntryWaits& waits_;
  Waiters::iterator place_;
  bool watched_ = false;
};

absl::StatusOr<BucketEntry> EntryWaits::Await(std::string_view event_id, TimePoint deadline) {
  Waiter waiter;
  const Place place(*this, event_id, waiter);
  return AwaitAs(waiter, event_id, place.watched(), deadline);
}

// An entry is read after the watch has begun: one that is not there then is going to be reported.
absl::StatusOr<BucketEntry> EntryWaits::AwaitAs(Waiter& waiter, std::string_view event_id, bool watched,
                                                TimePoint deadline) {
  absl::StatusOr<BucketEntry> entry = entries_->Get(event_id, TimeoutUntil(deadline));
  if (!watched && absl::IsNotFound(entry.status()) && !IsStreamMissing(entry.status())) {
    if (std::chrono::steady_clock::now() >= deadline) return TimeIsUp();
    if (absl::Status begun = EnsureWatch(deadline); !begun.ok()) return begun;
    entry = entries_->Get(event_id, TimeoutUntil(deadline));
  }
  if (!absl::IsNotFound(entry.status()) || IsStreamMissing(entry.status())) return entry;
  return AwaitReport(waiter, deadline);
}

// One of the threads that want the watch makes it, without the lock.
absl::Status EntryWaits::EnsureWatch(TimePoint deadline) {
  {
    MutexLock lock(mutex_);
    while (state_ == WatchState::kStarting && !closed_) {
      if (!watch_changed_.WaitUntil(lock, deadline)) return TimeIsUp();
    }
    if (closed_) return Closed();
    if (state_ == WatchState::kRunning) return absl::OkStatus();
    state_ = WatchState::kStarting;
  }
  auto watch = entries_->Watch(
      {.on_entry = [this](const BucketEntry& entry) { OnEntry(entry); }, .begins = BucketWatchBeginning::kChanges});
  MutexLock lock(mutex_);
  state_ = watch.ok() ? WatchState::kRunning : WatchState::kNone;
  watch_changed_.NotifyAll();
  if (!watch.ok()) return watch.status();
  watch_ = *std::move(watch);
  return absl::OkStatus();
}

absl::StatusOr<BucketEntry> EntryWaits::AwaitReport(Waiter& waiter, TimePoint deadline) {
  MutexLock lock(mutex_);
  while (!waiter.entry && !closed_ && waiter.came.WaitUntil(lock, deadline)) {
  }
  if (waiter.entry) return *std::move(waiter.entry);
  return closed_ ? Closed() : TimeIsUp();
}

void EntryWaits::OnEntry(const BucketEntry& entry) {
  if (entry.operation != BucketOperation::kPut) return;
  const std::string event_id = entries_->EventOf(entry.key);
  MutexLock lock(mutex_);
  const auto [first, last] = waiters_.equal_range(event_id);
  for (auto waiting = first; waiting != last; ++waiting) {
    waiting->second->entry = entry;
    waiting->second->came.NotifyOne();
  }
}

void EntryWaits::EndIdleWatch(TimePoint now) {
  std::unique_ptr<BucketWatch> ended;  // outlives the lock
  MutexLock lock(mutex_);
  if (state_ != WatchState::kRunning || !waiters_.empty() || now - idle_since_ < kWatchLinger) return;
  state_ = WatchState::kNone;
  ended = std::move(watch_);
}

void EntryWaits::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  watch_changed_.NotifyAll();
  for (const auto& [event_id, waiter] : waiters_) waiter->came.NotifyAll();
}

}  // namespace penstock::eventbus
