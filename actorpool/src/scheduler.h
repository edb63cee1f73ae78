// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <queue>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "clock.h"
#include "penstock/actorpool/mutex.h"

namespace penstock::actorpool {

class Actor;

/// What an actor wants after its turn on a worker.
struct Turn {
  enum class Next {
    kIdle,   ///< nothing: it is added again when a message comes
    kAgain,  ///< another turn, behind the others
    kPause,  ///< another turn at `resume_at`
  };
  Next next = Next::kIdle;
  TimePoint resume_at{};
};

/// Shares the actors that have work among the workers: a first-come list of those ready now, and a heap of those that
/// pause. It tells actors apart by address only and never touches one.
///
/// An actor is *active* from `Add` until a worker gives it back as idle; while active it is added no second time, so it
/// is in one place: the list, the heap, or on one worker.
///
/// **Thread safety:** thread-safe. **Blocking:** `Next` and `AwaitIdle`.
/// **Shutdown:** after `Stop`, `Next` returns null to every worker, whatever is left.
class Scheduler {
 public:
  explicit Scheduler(std::size_t actors) : ready_(actors) {}

  /// Makes an idle actor active: ready at once, or from `not_before` on when that is after `now`. True: the caller must
  /// `WakeOne()`, best after letting go of its own locks.
  [[nodiscard]] bool Add(Actor* actor, TimePoint now, TimePoint not_before);
  void WakeOne() { work_.NotifyOne(); }

  /// For workers: gives `previous` back (null at first) and waits for the next actor to run. Null when stopped.
  Actor* Next(Actor* previous, const Turn& turn);

  /// Waits until no actor is active, or the scheduler was stopped: true. False when `deadline` came first.
  bool AwaitIdle(TimePoint deadline);

  void Stop();
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

  /// Workers that are asleep in `Next` at this moment.
  std::size_t sleepers() const;

 private:
  /// A queue with room for every actor, so that it never allocates.
  class Ring {
   public:
    explicit Ring(std::size_t capacity) : slots_(capacity) {}
    bool empty() const { return size_ == 0; }
    void Push(Actor* actor);
    Actor* Pop();

   private:
    std::vector<Actor*> slots_;
    std::size_t head_ = 0;
    std::size_t size_ = 0;
  };

  struct Pause {
    TimePoint until{};
    Actor* actor = nullptr;
    bool operator>(const Pause& other) const { return until > other.until; }
  };

  void GiveBack(Actor* actor, const Turn& turn) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddPause(Actor* actor, TimePoint until) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
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
