// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "clock.h"
#include "measure/latency_meter.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/internal/counter.h"
#include "penstock/actorpool/internal/mutex.h"
#include "scheduler.h"
#include "supervision/restart_log.h"
#include "supervision/restart_window.h"
#include "task.h"

namespace penstock::actorpool {

class IngressQueue;

/// One actor: its queue, the loop that runs its messages, and its supervision.
///
/// The queue consists of three vectors that are swapped. The ingress queue appends to `buffered_`. When the actor is
/// idle, `FlushBuffer` swaps that with `batch_`, from which the actor runs without a lock. Otherwise it adds it to
/// `incoming_`, under the lock, and the actor takes that when its batch is used up. The vectors keep their memory, so a
/// steady flow allocates nothing.
///
/// **Thread safety:** `Buffer` and `FlushBuffer` by the thread that runs the ingress queue; `Run` and `Abandon` by the
/// thread that runs the actor; the scheduler ensures that there is one of each. The others by any thread.
/// **Ownership:** owns the messages in its queue; refers to the constructor's arguments.
class alignas(64) Actor final : public Runnable {
 public:
  /// `ingress_index` is the actor's index in `ingress`.
  Actor(std::size_t index, const ActorPoolOptions& options, Scheduler& scheduler, RestartLog& log,
        IngressQueue& ingress, std::size_t ingress_index)
      : index_(index),
        options_(options),
        scheduler_(scheduler),
        log_(log),
        ingress_(ingress),
        ingress_index_(ingress_index),
        window_(options.restart) {}
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  /// Appends a message to the buffer. True: it is the first since `FlushBuffer`, which must follow.
  bool Buffer(Task&& task);

  /// Moves the buffer to the queue. Returns a time when the actor was idle: the caller must add it to the scheduler, to
  /// run no sooner than that.
  std::optional<TimePoint> FlushBuffer();

  /// Runs up to a burst of messages: fewer when a handler throws, `budget_end` has passed or the scheduler is stopped.
  RunResult Run(LatencyMeter& meter, TimePoint budget_end) override;

  /// Ends the remaining messages as `kAbandoned` and returns their number.
  std::size_t Abandon();

  /// Messages that have left the inbox.
  std::uint64_t begun() const { return begun_.value(); }

  /// Counts the threads that wait for space in the inbox. While there are any, each run ends with
  /// `IngressQueue::OnSpaceAvailable`. Relaxed: a waiter that a run misses polls anyway.
  void AddWaiter() { waiters_.fetch_add(1, std::memory_order_relaxed); }
  void RemoveWaiter() { waiters_.fetch_sub(1, std::memory_order_relaxed); }

  /// The counters kept here: how messages ended. The ingress queue keeps the others.
  ActorStats Stats() const;

 private:
  RunResult RunBurst(LatencyMeter& meter, TimePoint budget_end);

  /// Counts the pending latencies as of now.
  TimePoint ReadClock(LatencyMeter& meter);

  /// Makes sure that `batch_` has a message to begin. False: there is none, and the actor is idle; `FlushBuffer` will
  /// return `resume_at`. From then on the queue belongs to the caller of `FlushBuffer` and must not be touched.
  bool LoadBatch(TimePoint resume_at = {});
  Task& Begin();
  std::optional<RestartDecision> Supervise(const Completion& completion, TimePoint now);

  const std::size_t index_;
  const ActorPoolOptions& options_;
  Scheduler& scheduler_;
  RestartLog& log_;
  IngressQueue& ingress_;
  const std::size_t ingress_index_;

  std::vector<Task> buffered_{};

  Mutex mutex_;
  std::vector<Task> incoming_ ABSL_GUARDED_BY(mutex_){};
  bool active_ ABSL_GUARDED_BY(mutex_) = false;    ///< added to the scheduler, or running
  TimePoint resume_at_ ABSL_GUARDED_BY(mutex_){};  ///< the end of the pause of an idle actor

  /// From here on: written by the thread that runs the actor, so on cache lines of its own.
  alignas(64) std::vector<Task> batch_{};  ///< empty while the actor is idle, and then the ingress queue's
  std::size_t next_ = 0;                   ///< index of the first message of `batch_` that has not begun
  std::size_t messages_per_reading_ = 1;   ///< how many share a reading of the clock
  Counter begun_;
  std::atomic<std::uint32_t> waiters_{0};
  Counter succeeded_;
  Counter failed_;
  Counter restarts_;
  Counter suspensions_;
  RestartWindow window_;
};

}  // namespace penstock::actorpool
