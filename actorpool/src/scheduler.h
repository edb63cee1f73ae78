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

namespace penstock::actorpool {

class LatencyMeter;

/// The result of one run of a runnable, and the time of its next run.
struct RunResult {
  enum class Next {
    kIdle,   ///< not before it is added to the scheduler again
    kAgain,  ///< as soon as the runnables that are ready now have run
    kPause,  ///< at `resume_at`
  };
  Next next = Next::kIdle;
  TimePoint resume_at{};
  TimePoint ended_at{};  ///< when its last message ended; unset when it ran none
};

/// A unit of scheduling: an actor, or an ingress queue in front of actors.
///
/// **Thread safety:** `Run` by one thread at a time, which the scheduler ensures.
class Runnable {
 public:
  /// Runs once. No message begins after `budget_end`. Messages that end are reported to `meter`.
  virtual RunResult Run(LatencyMeter& meter, TimePoint budget_end) = 0;

  /// Called in place of `Run` for an active one that will not run, since the scheduler was stopped.
  virtual void Discard() {}

 protected:
  ~Runnable() = default;
};

/// Assigns ready runnables to threads: a FIFO queue of those that are ready now, and a heap of those that pause. It
/// never calls a runnable.
///
/// A runnable is *active* from `Add` until a thread returns it as idle. Only an idle runnable is added. So an active
/// one is in one place: the queue, the heap, or on one thread.
///
/// Threads are workers, which wait in `Next`, and inline runners: threads that make runnables ready and then run them
/// themselves. While a thread holds an inline slot and was not abandoned, no worker is woken. Workers and inline
/// runners together never run more than `max_concurrency` runnables at once.
///
/// **Thread safety:** thread-safe. **Blocking:** `Next`, `AwaitIdle` and `AwaitInlineRunners`.
/// **Ordering:** first ready, first run.
/// **Shutdown:** after `Stop`, `Next` and `NextInline` return null whatever is ready.
class Scheduler {
 public:
  /// An idle runnable that has something to do, from that time on.
  struct Activation {
    Runnable* runnable = nullptr;
    TimePoint not_before{};
  };

  /// One for the thread that runs inline, and one for a thread that was abandoned and has not returned.
  static constexpr std::size_t kInlineSlots = 2;

  /// More than `expected` runnables may be active; the first time, that costs memory and a copy of the queue.
  Scheduler(std::size_t expected, std::size_t max_concurrency) : max_concurrency_(max_concurrency), ready_(expected) {}

  /// Makes an idle runnable active: ready at once, or at `not_before` when that is after `now`. True: the caller must
  /// call `WakeOne`, preferably after it has released its own locks.
  [[nodiscard]] bool Add(Runnable* runnable, TimePoint now, TimePoint not_before);

  /// The same for several, by a thread that calls `Next` or `NextInline` next: it runs the first of them, and wakes
  /// workers for the others there.
  void AddAll(std::span<const Activation> activations);

  void WakeOne() { work_.NotifyOne(); }

  /// For workers: returns `previous` (null at first) with the result of its run, and waits for the next runnable. Null
  /// when stopped.
  Runnable* Next(Runnable* previous, const RunResult& result);

  /// Reserves a slot for the calling thread, which must then call `NextInline` until that returns null, and must not
  /// wait for anything before it does. A slot below `kInlineSlots`. Nothing when another thread runs inline, when all
  /// slots are taken, and after `Stop`.
  std::optional<std::size_t> ReserveInline();

  /// As `Next`, but does not wait. Null when no runnable is ready, `max_concurrency` are running, the slot was
  /// abandoned, or the caller has no `budget_left`; the slot is then released, and workers are woken as needed.
  Runnable* NextInline(std::size_t slot, Runnable* previous, const RunResult& result, bool budget_left);

  /// Takes the right to run inline from the thread that has it, since a runnable blocks it. Workers are woken for the
  /// ready runnables. The slot stays taken until that thread calls `NextInline`.
  void AbandonInline();

  /// Waits until all slots are released.
  void AwaitInlineRunners();

  /// Waits until no runnable is active, or the scheduler is stopped: true. False when `deadline` passed first.
  bool AwaitIdle(TimePoint deadline);

  void Stop();

  /// After `Stop`, when no thread runs any: hands over the runnables that are ready or pause, for `Runnable::Discard`.
  std::vector<Runnable*> TakeRemaining();

  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

  /// Workers that are asleep in `Next`.
  std::size_t sleepers() const;

 private:
  /// A queue with space for the runnables that are there from the start. It grows when more are ready at once.
  class Ring {
   public:
    explicit Ring(std::size_t capacity) : slots_(capacity) {}
    bool empty() const { return size_ == 0; }
    void Push(Runnable* runnable);
    Runnable* Pop();

   private:
    void Grow();

    std::vector<Runnable*> slots_;
    std::size_t head_ = 0;
    std::size_t size_ = 0;
  };

  struct Pause {
    TimePoint until{};
    Runnable* runnable = nullptr;
    bool operator>(const Pause& other) const { return until > other.until; }
  };

  void Return(Runnable* runnable, const RunResult& result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddPause(Runnable* runnable, TimePoint until) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndDuePauses() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AwaitReady(MutexLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SpinForWork(MutexLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Sleep(MutexLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool PromiseWake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayTake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !ready_.empty() && running_ < max_concurrency_; }
  Runnable* Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PublishReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    any_ready_.store(!ready_.empty(), std::memory_order_relaxed);
  }

  const std::size_t max_concurrency_;
  mutable Mutex mutex_;
  Ring ready_ ABSL_GUARDED_BY(mutex_);
  std::priority_queue<Pause, std::vector<Pause>, std::greater<>> pauses_ ABSL_GUARDED_BY(mutex_);
  std::size_t active_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t running_ ABSL_GUARDED_BY(mutex_) = 0;  ///< runnables on workers and inline runners
  std::size_t sleepers_ ABSL_GUARDED_BY(mutex_) = 0;
  /// Wake-ups that were promised and have not arrived. A sleeper uses one up as it wakes, so the difference to
  /// `sleepers_` is the number of workers that can still be woken.
  std::size_t promised_wakes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool spinning_ ABSL_GUARDED_BY(mutex_) = false;                       ///< a worker is in `SpinForWork`
  std::optional<std::size_t> inline_runner_ ABSL_GUARDED_BY(mutex_){};  ///< the slot that was not abandoned
  std::array<bool, kInlineSlots> slot_taken_ ABSL_GUARDED_BY(mutex_){};
  CondVar work_;
  CondVar idle_;  ///< notified when no runnable is active, and when a slot is released
  /// Both are written under `mutex_` and read without it as hints that end a burst or a spin early: relaxed is enough.
  std::atomic<bool> stopped_{false};
  std::atomic<bool> any_ready_{false};
};

}  // namespace penstock::actorpool
