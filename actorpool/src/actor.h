// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "clock.h"
#include "counter.h"
#include "latency_meter.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/internal/mutex.h"
#include "restart_log.h"
#include "restart_window.h"
#include "runnable.h"
#include "scheduler.h"
#include "task.h"

namespace penstock::actorpool {

class Intake;

/// One actor: its queue, the turn that empties it, and its supervision.
///
/// The queue is three vectors that change places. The intake sorts into `staged_`. It hands that over as `batch_` when
/// the actor is idle, and the worker that gets the actor runs from it without a lock; else as `incoming_`, under the
/// lock, and the worker takes it from there when its batch has ended. All keep their memory, so a steady flow allocates
/// nothing.
///
/// **Thread safety:** `Stage` and `AcceptStaged` by the one that has the intake, `Run` and `Abandon` by the one that
/// has the actor, which the scheduler sees to while workers run; the others by any thread.
/// **Ownership:** owns the messages in its queue; refers to what it is made with.
class alignas(64) Actor final : public Runnable {
 public:
  /// `number` is what `intake` knows it by.
  Actor(std::size_t index, const ActorPoolOptions& options, Scheduler& scheduler, RestartLog& log, Intake& intake,
        std::size_t number)
      : index_(index),
        options_(options),
        scheduler_(scheduler),
        log_(log),
        intake_(intake),
        number_(number),
        window_(options.restart) {}
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  /// Lays a message aside. True: it is the first since `AcceptStaged`, which must follow.
  bool Stage(Task&& task);

  /// Puts what was laid aside in the queue. With an answer the actor was idle: the caller must add it to the scheduler,
  /// to be run no sooner than that.
  std::optional<TimePoint> AcceptStaged();

  /// Runs up to a burst of messages, fewer when a handler throws, `enough` has passed or the scheduler is stopped.
  Turn Run(LatencyMeter& meter, TimePoint enough) override;

  /// Settles what is left without running it, and returns how many that were.
  std::size_t Abandon();

  /// Messages that have left the inbox.
  std::uint64_t begun() const { return begun_.value(); }

  /// One thread more, or less, waits for room: the intake's `RoomMade` is called after turns while any does. Relaxed,
  /// since a waiter that is overlooked looks for itself.
  void AddWaiter() { waiters_.fetch_add(1, std::memory_order_relaxed); }
  void RemoveWaiter() { waiters_.fetch_sub(1, std::memory_order_relaxed); }

  /// What is known here: how messages ended. The intake knows the rest.
  ActorStats Stats() const;

 private:
  Turn RunBurst(LatencyMeter& meter, TimePoint enough);

  /// Makes sure that `batch_` has a message to begin. False: there is none, and the actor is idle, to be run again no
  /// sooner than `resume_at`. Its queue belongs to whoever adds it next: the caller must not touch it any more.
  bool Refill(TimePoint resume_at = {});
  Task& Begin();
  std::optional<RestartVerdict> Supervise(const Settlement& settlement, TimePoint now);

  const std::size_t index_;
  const ActorPoolOptions& options_;
  Scheduler& scheduler_;
  RestartLog& log_;
  Intake& intake_;
  const std::size_t number_;

  std::vector<Task> staged_{};

  Mutex mutex_;
  std::vector<Task> incoming_ ABSL_GUARDED_BY(mutex_){};
  bool active_ ABSL_GUARDED_BY(mutex_) = false;    ///< handed to the scheduler, or on a worker
  TimePoint resume_at_ ABSL_GUARDED_BY(mutex_){};  ///< an actor gone idle in its pause is not run before this

  /// From here on: touched by the worker that has the actor, so on cache lines of its own.
  alignas(64) std::vector<Task> batch_{};  ///< of an idle actor it is empty, and the intake's
  std::size_t next_ = 0;                   ///< the first of `batch_` not begun
  Counter begun_;
  std::atomic<std::uint32_t> waiters_{0};
  Counter succeeded_;
  Counter failed_;
  Counter restarts_;
  Counter rests_;
  RestartWindow window_;
};

}  // namespace penstock::actorpool
