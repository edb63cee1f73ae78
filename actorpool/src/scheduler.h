// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <queue>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "clock.h"
#include "penstock/actorpool/internal/mutex.h"
#include "runnable.h"

namespace penstock::actorpool {

/// Shares the runnables that have work among the workers: a first-come list of those ready now, and a heap of those
/// that pause. It tells runnables apart by address only and never touches one.
///
/// A runnable is *active* from `Add` until a worker gives it back as idle; while active it is added no second time, so
/// it is in one place: the list, the heap, or on one worker.
///
/// A thread that makes runnables ready may help: it runs them itself, in a worker's place, and while it does nobody is
/// woken. There are never more that run than seats, helpers among them.
///
/// **Thread safety:** thread-safe. **Blocking:** `Next`, `AwaitIdle` and `AwaitHelpers`.
/// **Shutdown:** after `Stop`, `Next` and `NextForHelper` return null to everybody, whatever is left.
class Scheduler {
 public:
  /// An idle runnable with something to do, though not before that time.
  struct Activation {
    Runnable* runnable = nullptr;
    TimePoint not_before{};
  };

  /// Helpers at once: one that helps, and one that was relieved while it ran something and has not come back.
  static constexpr std::size_t kHelpers = 2;

  /// `seats`: how many may run at once.
  Scheduler(std::size_t runnables, std::size_t seats) : seats_(seats), ready_(runnables) {}

  /// Makes an idle runnable active: ready at once, or from `not_before` on when that is after `now`. True: the caller
  /// must `WakeOne()`, best after letting go of its own locks.
  [[nodiscard]] bool Add(Runnable* runnable, TimePoint now, TimePoint not_before);

  /// The same for many, by a worker on its way to `Next`: it takes the first of them there and wakes others for more.
  void AddAll(std::span<const Activation> activations);

  void WakeOne() { work_.NotifyOne(); }

  /// For workers: gives `previous` back (null at first) and waits for the next runnable to run. Null when stopped.
  Runnable* Next(Runnable* previous, const Turn& turn);

  /// Announces a thread that is about to make runnables ready and then calls `NextForHelper` until that is null,
  /// without waiting for anything in between: until then nobody is woken. Its number, below `kHelpers`; nothing when
  /// another helps, or after `Stop`.
  std::optional<std::size_t> BeginHelp();

  /// As `Next`, but does not wait: null, and the end of that help, when none is ready, all seats are taken, the helper
  /// was relieved or does not `go_on`. Who is needed for what is left is woken.
  Runnable* NextForHelper(std::size_t helper, Runnable* previous, const Turn& turn, bool go_on);

  /// The helper is kept by what it runs: others are woken for what it would have run next.
  void RelieveHelper();

  /// Waits until all help has ended.
  void AwaitHelpers();

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
  bool MayTake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !ready_.empty() && running_ < seats_; }
  Runnable* Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    any_ready_.store(!ready_.empty(), std::memory_order_relaxed);
  }

  const std::size_t seats_;
  mutable Mutex mutex_;
  Ring ready_ ABSL_GUARDED_BY(mutex_);
  std::priority_queue<Pause, std::vector<Pause>, std::greater<>> pauses_ ABSL_GUARDED_BY(mutex_);
  std::size_t active_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t running_ ABSL_GUARDED_BY(mutex_) = 0;  ///< runnables on workers and helpers
  std::size_t sleepers_ ABSL_GUARDED_BY(mutex_) = 0;
  /// Wake-ups promised and not yet used. Never more than sleepers on their way up, so a sleeper without one can be
  /// woken.
  std::size_t wakes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool seeking_ ABSL_GUARDED_BY(mutex_) = false;  ///< a worker looks for work a little longer before it sleeps
  std::optional<std::size_t> helping_ ABSL_GUARDED_BY(mutex_){};  ///< who helps and was not relieved
  std::array<bool, kHelpers> helpers_ ABSL_GUARDED_BY(mutex_){};  ///< numbers that are taken
  CondVar work_;
  CondVar idle_;  ///< also told when a help ends
  /// Both are written under `mutex_` and read without it as hints, to end a burst or a search early: relaxed is enough.
  std::atomic<bool> stopped_{false};
  std::atomic<bool> any_ready_{false};
};

}  // namespace penstock::actorpool
