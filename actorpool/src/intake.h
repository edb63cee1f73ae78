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
#include "runnable.h"
#include "scheduler.h"
#include "task.h"

namespace penstock::actorpool {

/// The entrance to some of the actors. It keeps their inboxes within their bound and hands accepted messages on.
///
/// Producers append to a chunk, one message behind the other in memory whichever actor it is for; a worker takes a
/// chunk and sorts it into the actors' queues. So what passes between a producer's core and a worker's, and the
/// scheduler's lock with it, is paid once for a chunk, and each actor is made ready once for all it has in there.
///
/// **Thread safety:** `Offer`, `RoomMade`, `Close` and `Stats` by any thread; `Run` and `Flush` by the one that has the
/// intake, which the scheduler sees to while workers run; `Serve` before all that.
/// **Ownership:** owns messages until they are sorted; refers to what it is made with and to its actors.
/// **Blocking:** `Offer` with a timeout. Takes the scheduler's lock while it holds its own, never the other way round.
class alignas(64) Intake final : public Runnable {
 public:
  Intake(std::size_t inbox_capacity, Scheduler& scheduler) : inbox_capacity_(inbox_capacity), scheduler_(scheduler) {}
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  /// Opens an account for `actor`: number 0 for the first, then 1, and so on.
  void Serve(Actor& actor);

  /// Accepts `message` for the actor of that number, or leaves it as it was. With a timeout above zero it waits that
  /// long for room. `wake` becomes true when the caller must `Scheduler::WakeOne()`.
  Admission Offer(std::size_t number, Message& message, std::chrono::milliseconds timeout, bool& wake);

  /// To be called after a turn in which messages left that inbox: wakes those who wait for room once half of it is
  /// free, so that they find enough to do. Until then they look for themselves.
  void RoomMade(std::size_t number);

  /// Sorts one chunk.
  Turn Run(LatencyMeter& meter, TimePoint enough) override;

  /// Refuses messages from now on. Those accepted before are known to the scheduler when this returns.
  void Close();

  /// Sorts all that is left.
  void Flush();

  ActorStats Stats(std::size_t number) const;

 private:
  /// Vectors keep their memory, so a steady flow allocates nothing.
  using Chunk = std::vector<Task>;

  /// What one inbox holds, on one cache line.
  struct alignas(64) Account {
    Actor* actor = nullptr;
    std::uint64_t sent = 0;
    std::uint64_t begun_seen = 0;  ///< an earlier count, to leave the worker's cache line alone
    std::size_t depth_highest = 0;
    std::uint64_t inbox_full = 0;
    std::unique_ptr<CondVar> room = std::make_unique<CondVar>();  ///< elsewhere: only those who wait touch it
  };

  bool Full(Account& account) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AwaitRoom(MutexLock& lock, Account& account, TimePoint deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Append(Account& account, Message& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// When a message appended now was accepted: up to some messages and a tick ago.
  TimePoint Now() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartChunk() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Take();
  void Sort();
  /// Keeps the sorted chunk's memory. False: there is nothing to take, and the intake is idle.
  bool Recycle();

  const std::size_t inbox_capacity_;
  Scheduler& scheduler_;

  mutable Mutex mutex_;
  bool active_ ABSL_GUARDED_BY(mutex_) = false;  ///< handed to the scheduler, or on a worker
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  TimePoint now_ ABSL_GUARDED_BY(mutex_){};  ///< the last reading of the clock, in tick `tick_`
  std::int64_t tick_ ABSL_GUARDED_BY(mutex_) = 0;
  Chunk open_ ABSL_GUARDED_BY(mutex_){};              ///< what producers append to
  std::deque<Chunk> full_ ABSL_GUARDED_BY(mutex_){};  ///< what they filled before, oldest first
  std::vector<Chunk> spare_ ABSL_GUARDED_BY(mutex_){};
  std::vector<Account> accounts_ ABSL_GUARDED_BY(mutex_){};

  /// From here on: touched by the worker that has the intake, so on cache lines of its own.
  alignas(64) Chunk batch_{};
  std::vector<Actor*> staged_{};                      ///< actors that the batch has messages for
  std::vector<Scheduler::Activation> activations_{};  ///< those of them that were idle
};

}  // namespace penstock::actorpool
