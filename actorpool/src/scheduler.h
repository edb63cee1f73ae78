// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <queue>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "clock.h"
#include "penstock/actorpool/mutex.h"
#include "runnable.h"

namespace penstock::actorpool {

/// Shares the runnables that have work among the workers: a first-come list of those ready now, and a heap of those
/// that pause. It tells runnables apart by address only and never touches one.
///
/// A runnable is *active* from `Add` until a worker gives it back as idle; while active it is added no second time, so
/// it is in one place: the list, the heap, or on one worker.
///
/// **Thread safety:** thread-safe. **Blocking:** `Next` and `AwaitIdle`.
/// **Shutdown:** after `Stop`, `Next` returns null to every worker, whatever is left.
class Scheduler {
 public:
  /// An idle runnable with something to do, though not before that time.
  struct Activation {
    Runnable* runnable = nullptr;
    TimePoint not_before{};
  };

  explicit Scheduler(std::size_t runnables) : ready_(runnables) {}

  /// Makes an idle runnable active: ready at once, or from `not_before` on when that is after `now`. True: the caller
  /// must `WakeOne()`, best after letting go of its own locks.
  [[nodiscard]] bool Add(Runnable* runnable, TimePoint now, TimePoint not_before);

  /// The same for many, by a worker on its way to `Next`: it takes the first of them there and wakes others for more.
  void AddAll(std::span<const Activation> activations);

  void WakeOne() { work_.NotifyOne(); }

  /// For workers: gives `previous` back (null at first) and waits for the next runnable to run. Null when stopped.
  Runnable* Next(Runnable* previous, const Turn& turn);

  /// Waits until no runnable is active, or the scheduler was stopped: true. False when `deadline` came first.
  bool AwaitIdle(TimePoint deadline);

  void Stop();
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

  /// Workers that are asleep in `Next` at this moment.
  std::size_t sleepers() const;

 private:
  /// A queue with room for every runnable, so that it never allocates.
  class Ring {
   public:
    explicit Ring(std::size_t capacity) : slots_(capacity) {}
    bool empty() const { return size_ == 0; }
    void Push(Runnable* runnable);
    Runnable* Pop();

   private:
    std::vector<Runnable*> slots_;
    std::size_t head_ = 0;
    std::size_t size_ = 0;
  };

  struct Pause {
    TimePoint until{};
    Runnable* runnable = nullptr;
    bool operator>(const Pause& other) const { return until > other.until; }
  };

  void GiveBack(Runnable* runnable, const Turn& turn) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddPause(Runnable* runnable, TimePoint until) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndDuePauses() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AwaitReady(MutexLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Seek(MutexLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Sleep(MutexLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool PromiseWake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    any_ready_.store(!ready_.empty(), std::memory_order_relaxed);
  }

  mutable Mutex mutex_;
  Ring ready_ ABSL_GUARDED_BY(mutex_);
  std::priority_queue<Pause, std::vector<Pause>, std::greater<>> pauses_ ABSL_GUARDED_BY(mutex_);
  std::size_t active_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t sleepers_ ABSL_GUARDED_BY(mutex_) = 0;
  /// Wake-ups promised and not yet used. Never more than sleepers on their way up, so a sleeper without one can be
  /// woken.
  std::size_t wakes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool seeking_ ABSL_GUARDED_BY(mutex_) = false;  ///< a worker looks for work a little longer before it sleeps
  CondVar work_;
  CondVar idle_;
  /// Both are written under `mutex_` and read without it as hints, to end a burst or a search early: relaxed is enough.
  std::atomic<bool> stopped_{false};
  std::atomic<bool> any_ready_{false};
};

}  // namespace penstock::actorpool
