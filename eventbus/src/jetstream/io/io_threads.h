// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>

#include "jetstream/io/inline_backoff.h"
#include "penstock/actorpool/internal/inline_executor.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// The task of the I/O threads: one of them at a time runs it, the leader.
class LeaderTask {
 public:
  virtual ~LeaderTask() = default;
  /// Runs on until it is over. Another thread calls it again when `IoThreads::RunInline` was false to the one before,
  /// which must then return at once.
  virtual void Lead() = 0;
  /// Has `Lead` return soon. From any thread.
  virtual void EndLead() = 0;
};

/// Two threads for one task after another, by the leader/followers pattern. The leader runs the task and may run short
/// handlers itself, of what it has just read and has in its caches. When a handler keeps it for `kPatience`, the
/// follower becomes the leader, so that receiving waits for no handler. After a handler that blocked for over
/// `kLongRun` the leader leaves handlers to the workers for a while (`InlineBackoff`).
///
/// **Thread safety:** thread-safe. **Ownership:** owns its threads, named `ps-io`; refers to the task until `Stop`, to
/// the executor until `Join`. **Shutdown:** `Stop` for a task, `Join` for good: it waits for handlers that still run.
class IoThreads {
 public:
  using Clock = std::chrono::steady_clock;
  using InlineExecutor = actorpool::internal::InlineExecutor;
  /// How long the leader runs handlers before it reads again: what one read brings, when they are short.
  static constexpr std::chrono::microseconds kInlineBudget{200};
  static constexpr std::chrono::milliseconds kPatience{5};
  static constexpr std::chrono::milliseconds kLongRun{1};

  IoThreads() = default;
  ~IoThreads() { Join(); }
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;

  /// From now on the leader runs handlers by this.
  void SetExecutor(InlineExecutor* executor);

  /// Has a thread lead `task`; the task before was stopped.
  void Start(LeaderTask& task);
  /// Ends it and waits until nobody leads it any more, though not for a handler. Not from the task. Idempotent.
  void Stop(LeaderTask& task);
  /// Ends the threads. `Stop` was called. Not from one of them. Idempotent.
  void Join();

  /// For the leader: announces that it will run handlers, once it has handed on what it read. The slot to do so in;
  /// nothing: not now.
  std::optional<std::size_t> ReserveInline();
  /// Runs handlers for a moment. False: another thread leads now, and the caller must not touch the task any more.
  bool RunInline(std::size_t slot);

 private:
  void Serve();
  bool AwaitLead(MutexLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  CondVar lead_;   // for the follower
  CondVar ended_;  // for `Stop`
  InlineExecutor* executor_ ABSL_GUARDED_BY(mutex_) = nullptr;
  LeaderTask* task_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::uint64_t term_ ABSL_GUARDED_BY(mutex_) = 0;     // of the leader: one of an older term leads no more
  LeaderTask* led_ ABSL_GUARDED_BY(mutex_) = nullptr;  // the task that a thread leads
  bool runs_inline_ ABSL_GUARDED_BY(mutex_) = false;   // and runs handlers, since:
  Clock::time_point inline_since_ ABSL_GUARDED_BY(mutex_){};
  int followers_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ran_inline_ ABSL_GUARDED_BY(mutex_) = false;      // since the follower looked last
  bool follower_looks_ ABSL_GUARDED_BY(mutex_) = false;  // it looks again within `kPatience`
  bool joining_ ABSL_GUARDED_BY(mutex_) = false;
  InlineBackoff backoff_ ABSL_GUARDED_BY(mutex_){};
  std::array<std::thread, 2> threads_;  // of whoever starts and joins
};

}  // namespace penstock::eventbus::jetstream
