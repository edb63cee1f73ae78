// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>

#include "jetstream/io/lending_rest.h"
#include "penstock/actorpool/internal/mutex.h"
#include "transport/transport.h"

namespace penstock::eventbus::jetstream {

/// What a crew runs: one of its threads at a time, for as long as that has the watch.
class Watch {
 public:
  virtual ~Watch() = default;
  /// Runs on. Called again, by another thread, when `LoopCrew::Lend` was false to the one before, which then must have
  /// returned at once.
  virtual void Run() = 0;
  /// Has `Run` return soon.
  virtual void End() = 0;
};

/// Two threads for one watch after another. One runs the watch; the other stands by. The one on watch may lend a hand:
/// it runs handlers of what it has just read, which are then in its processor's caches. When one of them keeps it, the
/// other takes over the watch: after `kPatience` when it sleeps there, so that receiving does not wait for handlers
/// that block, and while those are about no hand is lent; after `kLongPatience` when it computes or waits for its
/// processor, where the other would wait too.
///
/// **Thread safety:** thread-safe. **Ownership:** owns its threads; refers to the watch until `Stop`, to the hands
/// until `Join`.
/// **Shutdown:** `Stop` for a watch, `Join` for good: it waits for handlers that still run.
class LoopCrew {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kPatience{1};
  static constexpr std::chrono::milliseconds kLongPatience{5};
  /// How long a thread runs handlers before it reads again: about as long as the messages of one read take.
  static constexpr std::chrono::microseconds kInlineBudget{200};

  LoopCrew() = default;
  ~LoopCrew() { Join(); }
  LoopCrew(const LoopCrew&) = delete;
  LoopCrew& operator=(const LoopCrew&) = delete;

  /// From now on a hand is lent to these.
  void SetHands(actorpool::internal::InlineExecutor* hands);

  /// Has a thread run `watch`; the one before was stopped.
  void Start(Watch& watch);
  /// Ends it and waits until it is not run any more, though not for a handler. Not from it. Idempotent.
  void Stop(Watch& watch);
  /// Ends the threads. `Stop` was called. Not from one of them. Idempotent.
  void Join();

  /// For the one on watch: announces that it will lend a hand, once it has handed on what it read. The number to `Lend`
  /// with; nothing: not now.
  std::optional<std::size_t> BeginLending();
  /// Lends it, for a moment. False: another has the watch now, and the caller must not touch it any more.
  bool Lend(std::size_t helper);

 private:
  void Serve();
  bool IsKept(MutexLock& lock, Clock::time_point now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AwaitWatch(MutexLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  CondVar turn_;   // for who stands by
  CondVar ended_;  // for who stops
  actorpool::internal::InlineExecutor* hands_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Watch* watch_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::uint64_t term_ ABSL_GUARDED_BY(mutex_) = 0;  // of the one on watch
  pid_t who_ ABSL_GUARDED_BY(mutex_) = 0;           // that is
  bool manned_ ABSL_GUARDED_BY(mutex_) = false;     // somebody is on watch
  bool lending_ ABSL_GUARDED_BY(mutex_) = false;    // and runs handlers, since:
  Clock::time_point lent_at_ ABSL_GUARDED_BY(mutex_){};
  int standing_by_ ABSL_GUARDED_BY(mutex_) = 0;
  bool lent_ ABSL_GUARDED_BY(mutex_) = false;      // since who stands by looked last
  bool watching_ ABSL_GUARDED_BY(mutex_) = false;  // who stands by looks again within `kPatience`
  bool joining_ ABSL_GUARDED_BY(mutex_) = false;
  LendingRest rest_ ABSL_GUARDED_BY(mutex_){};
  std::array<std::thread, 2> threads_;  // of who starts and joins
};

}  // namespace penstock::eventbus::jetstream
