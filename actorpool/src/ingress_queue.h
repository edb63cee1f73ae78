// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "clock.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/internal/pool_access.h"
#include "scheduler.h"
#include "task.h"

namespace penstock::actorpool {

using internal::Admission;

/// The queue in front of a group of actors. It bounds their inboxes and passes accepted messages on to them.
///
/// Producers append to a chunk, in order of acceptance, whichever actor a message is for. A worker takes a whole chunk
/// and distributes it to the actors' queues. So a producer's core and a worker's exchange memory, and take the
/// scheduler's lock, once for a chunk instead of once for a message, and each actor is made ready once for all its
/// messages in it.
///
/// **Thread safety:** `TryEnqueue`, `OnSpaceAvailable`, `Close` and `Stats` by any thread; `Run` and `Flush` by one
/// thread at a time, which the scheduler ensures while workers run; `AddActor` before all the others.
/// **Ownership:** owns messages until they are distributed; refers to the constructor's arguments and to its actors.
/// **Blocking:** `TryEnqueue` with a timeout. Lock order: its own lock, then the scheduler's.
class alignas(64) IngressQueue final : public Runnable {
 public:
  IngressQueue(std::size_t inbox_capacity, Scheduler& scheduler)
      : inbox_capacity_(inbox_capacity), scheduler_(scheduler) {}
  IngressQueue(const IngressQueue&) = delete;
  IngressQueue& operator=(const IngressQueue&) = delete;

  /// Adds an actor. Its index is 0 for the first, then 1, and so on.
  void AddActor(Actor& actor);

  /// Accepts `message` for the actor of that index, or leaves it as it was. With a timeout above zero it waits that
  /// long for space. Sets `wake` when the caller must call `Scheduler::WakeOne`.
  Admission TryEnqueue(std::size_t index, Message& message, std::chrono::milliseconds timeout, bool& wake);

  /// Called after a run in which messages left that inbox. Wakes the waiting producers once half of the inbox is free,
  /// so that each wake-up is worth it. Until then they poll.
  void OnSpaceAvailable(std::size_t index);

  /// Distributes one chunk to the actors.
  RunResult Run(LatencyMeter& meter, TimePoint budget_end) override;

  /// Refuses messages from now on. The scheduler knows of those accepted before when this returns.
  void Close();

  /// Distributes all remaining chunks.
  void Flush();

  ActorStats Stats(std::size_t index) const;

 private:
  /// Vectors keep their memory, so a steady flow allocates nothing.
  using Chunk = std::vector<Task>;

  /// How full one inbox is, on one cache line.
  struct alignas(64) InboxQuota {
    Actor* actor = nullptr;
    std::uint64_t sent = 0;
    std::uint64_t begun_seen = 0;  ///< an earlier value of `Actor::begun`, to spare that actor's cache line
    std::size_t depth_highest = 0;
    std::uint64_t inbox_full = 0;
    std::unique_ptr<CondVar> space = std::make_unique<CondVar>();  ///< not in this line: only waiters touch it
  };

  bool IsFull(InboxQuota& quota) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AwaitSpace(MutexLock& lock, InboxQuota& quota, TimePoint deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Append(InboxQuota& quota, Message& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// The acceptance time of a message appended now: up to `kMessagesPerReading` messages and one tick old.
  TimePoint AcceptanceTime() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartChunk() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DequeueChunk();
  void DistributeToActors();
  /// Keeps the memory of the distributed chunk. False: there is no other chunk, and the queue is idle.
  bool RecycleChunk();

  const std::size_t inbox_capacity_;
  Scheduler& scheduler_;

  mutable Mutex mutex_;
  bool active_ ABSL_GUARDED_BY(mutex_) = false;  ///< added to the scheduler, or running
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  TimePoint read_at_ ABSL_GUARDED_BY(mutex_){};  ///< the last reading of the clock, within tick `tick_`
  std::int64_t tick_ ABSL_GUARDED_BY(mutex_) = 0;
  Chunk open_ ABSL_GUARDED_BY(mutex_){};              ///< where producers append
  std::deque<Chunk> full_ ABSL_GUARDED_BY(mutex_){};  ///< the chunks before it, oldest first
  std::vector<Chunk> spare_ ABSL_GUARDED_BY(mutex_){};
  std::vector<InboxQuota> quotas_ ABSL_GUARDED_BY(mutex_){};

  /// From here on: written by the thread that runs the queue, so on cache lines of its own.
  alignas(64) Chunk batch_{};
  std::vector<Actor*> buffering_{};                   ///< actors that have messages of the batch in their buffers
  std::vector<Scheduler::Activation> activations_{};  ///< those of them that were idle
};

}  // namespace penstock::actorpool
