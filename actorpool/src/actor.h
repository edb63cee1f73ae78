// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "clock.h"
#include "counter.h"
#include "latency_histogram.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/mutex.h"
#include "restart_log.h"
#include "restart_window.h"
#include "scheduler.h"

namespace penstock::actorpool {

/// One actor: a bounded inbox, the turn that empties it, and its supervision.
///
/// The inbox is a pair of vectors. Producers append to `incoming_` under the lock; the worker that has the actor swaps
/// it with the empty `batch_` and runs from that without a lock. Both keep their memory, so a steady flow allocates
/// nothing.
///
/// **Thread safety:** `Offer`, `Close` and `Stats` by any thread; `Run` and `Abandon` by the one that has the actor,
/// which the scheduler sees to while workers run.
/// **Ownership:** owns accepted messages; refers to what it is made with.
/// **Blocking:** `Offer` with a deadline. Takes the scheduler's lock while it holds its own, never the other way round.
class alignas(64) Actor {
 public:
  Actor(std::size_t index, const ActorPoolOptions& options, Scheduler& scheduler, RestartLog& log)
      : index_(index), options_(options), scheduler_(scheduler), log_(log), window_(options.restart) {}
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  /// Accepts `message`, or leaves it as it was. With a deadline it waits for room until then.
  Admission Offer(Message& message, std::optional<TimePoint> deadline);

  /// Runs up to a burst of messages, fewer when a handler throws or the scheduler is stopped.
  Turn Run(LatencyHistogram& latency);

  /// Refuses messages from now on. Those accepted before are known to the scheduler when this returns.
  void Close();

  /// Settles what is left without running it, and returns how many that were.
  std::size_t Abandon();

  ActorStats Stats() const;

 private:
  struct Task {
    absl::AnyInvocable<absl::Status()> work{};
    absl::AnyInvocable<void(const Settlement&)> settled{};
    TimePoint accepted{};
  };

  bool AwaitRoom(MutexLock& lock, TimePoint deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Full() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Append(Message& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteDepth() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  /// Makes sure that `batch_` has a message to begin. False: there is none, and the actor is idle, to be run again no
  /// sooner than `resume_at`. It belongs to whoever adds it next: the caller must not touch it any more.
  bool Refill(TimePoint resume_at = {});
  Task& Begin();
  std::optional<RestartVerdict> Supervise(const Settlement& settlement, TimePoint now);

  const std::size_t index_;
  const ActorPoolOptions& options_;
  Scheduler& scheduler_;
  RestartLog& log_;

  mutable Mutex mutex_;
  std::vector<Task> incoming_ ABSL_GUARDED_BY(mutex_);
  bool active_ ABSL_GUARDED_BY(mutex_) = false;  ///< handed to the scheduler, or on a worker
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::uint64_t sent_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t inbox_full_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t depth_highest_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t begun_seen_ ABSL_GUARDED_BY(mutex_) =
      0;                                           ///< an earlier `begun_`, to leave the worker's cache line alone
  TimePoint resume_at_ ABSL_GUARDED_BY(mutex_){};  ///< an actor gone idle in its pause is not run before this
  CondVar room_;

  /// From here on: touched by the worker that has the actor, so on cache lines of its own.
  alignas(64) std::vector<Task> batch_;
  std::size_t next_ = 0;  ///< the first of `batch_` not begun
  /// Messages begun, and producers that wait for room. Either side writes its own and then reads the other's, both in
  /// sequentially consistent order: so a waiter sees the room, or the worker sees the waiter.
  std::atomic<std::uint64_t> begun_{0};
  std::atomic<std::uint32_t> waiters_{0};
  Counter succeeded_;
  Counter failed_;
  Counter restarts_;
  Counter rests_;
  RestartWindow window_;
};

}  // namespace penstock::actorpool
