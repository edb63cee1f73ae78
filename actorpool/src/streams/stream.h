// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "clock.h"
#include "penstock/actorpool/internal/counter.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/internal/pool_access.h"
#include "penstock/actorpool/stream_registry.h"
#include "scheduler.h"
#include "streams/begun_count.h"
#include "streams/queue_marks.h"
#include "supervision/restart_window.h"

namespace penstock::actorpool {

using internal::Admission;

/// The registry, as a stream needs it.
///
/// **Thread safety:** thread-safe; called without a stream's lock held.
class StreamHost {
 public:
  virtual ~StreamHost() = default;
  virtual const StreamRegistryOptions& options() const = 0;
  virtual Scheduler& scheduler() = 0;

  /// Its queue has become nearly full.
  virtual void OnNearFull(const std::string& id, std::uint64_t queued, std::uint64_t capacity) = 0;
  virtual void OnThrow(const std::string& id, const absl::Status& error, const RestartDecision& decision,
                       TimePoint now) = 0;
  /// It was closed, its last message has ended, its callback is destroyed. Called once.
  virtual void OnEnded(const std::shared_ptr<class Stream>& stream) = 0;
};

/// One stream: its queue, the loop that handles its messages, its supervision, and its end.
///
/// It is a unit of the pool's scheduler: added when its first message comes, and run by one worker at a time until it
/// has none left. While the scheduler knows of it, it keeps itself alive, since its end does not wait for that: a
/// stream that is closed and has nothing left to handle ends at once, although it may still be in the scheduler's
/// queue.
///
/// **Thread safety:** thread-safe, except `Run` and `Discard`, which the scheduler calls.
/// **Ownership:** owns its messages and its callback until it has ended; shares its host.
/// **Blocking:** `Accept` with a timeout. Lock order: its own lock, then the scheduler's.
class Stream final : public Runnable, public std::enable_shared_from_this<Stream> {
 public:
  /// A stream that begins as held only queues its messages until `Release`.
  enum class Start { kAtOnce, kHeld };

  Stream(std::string id, std::unique_ptr<internal::StreamInbox> inbox, const StreamOptions& options,
         std::shared_ptr<StreamHost> host, Start start)
      : id_(std::move(id)),
        marks_(options),
        host_(std::move(host)),
        scheduler_(host_->scheduler()),
        options_(host_->options()),
        inbox_(std::move(inbox)),
        phase_(start == Start::kHeld ? Phase::kHeld : Phase::kIdle),
        window_(options_.restart) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  const std::string& id() const { return id_; }

  /// Accepts `*message`, or leaves it as it was. With a timeout above zero it waits that long for space.
  Admission Accept(void* message, std::chrono::milliseconds timeout);

  /// Refuses messages from now on. The stream ends when those that it accepted have been handled or dropped, at once
  /// if there are none.
  void Close(Pending pending);

  /// A held stream begins. True: it was closed and had nothing to handle, and has ended; the caller knows, so
  /// `StreamHost::OnEnded` is not called.
  [[nodiscard]] bool Release();

  RunResult Run(LatencyMeter& meter, TimePoint budget_end) override;
  void Discard() override { Forget(); }

  StreamStats Stats() const;

 private:
  enum class Phase {
    kHeld,     ///< another stream of the same ID has not ended
    kIdle,     ///< has nothing to handle
    kReady,    ///< waits for a worker, or pauses
    kRunning,  ///< on a worker
    kEnded,    ///< its callback and its messages are gone
  };

  std::uint64_t Queued() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return accepted_ - begun_.value(); }
  /// Whether `depth` messages wait. Looks at the runner's count only when that may be so.
  bool Reaches(std::uint64_t depth) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AwaitSpace(MutexLock& lock, TimePoint deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// True: the queue became nearly full with this message.
  bool Append(void* message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// True: the caller must wake a worker.
  bool Activate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// Whether nothing keeps a closed stream from its end.
  bool MayEnd() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  std::unique_ptr<internal::StreamInbox> BecomeEnded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(std::unique_ptr<internal::StreamInbox> remains);

  bool BeginRun();
  /// Handles messages until the run is over. The time until which the stream pauses, if its callback threw.
  TimePoint HandleBurst(TimePoint budget_end);
  /// Makes sure that the batch has a message. False: there is none.
  bool LoadBatch();
  std::optional<TimePoint> HandleNext();
  void NoteRelief() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  RunResult EndRun(TimePoint resume_at);
  /// The scheduler knows of it no longer.
  void Forget();

  const std::string id_;
  const QueueMarks marks_;
  const std::shared_ptr<StreamHost> host_;
  Scheduler& scheduler_;
  const StreamRegistryOptions& options_;

  mutable Mutex mutex_;
  /// The pointer is guarded; the inbox itself as its class says.
  std::unique_ptr<internal::StreamInbox> inbox_ ABSL_GUARDED_BY(mutex_);
  Phase phase_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::size_t waiters_ ABSL_GUARDED_BY(mutex_) = 0;  ///< threads that wait for space
  std::uint64_t accepted_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t begun_seen_ ABSL_GUARDED_BY(mutex_) = 0;  ///< an earlier value of `begun_`, to spare its cache line
  std::uint64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t near_full_rises_ ABSL_GUARDED_BY(mutex_) = 0;
  TimePoint resume_at_ ABSL_GUARDED_BY(mutex_){};                   ///< the end of the pause of an idle stream
  std::shared_ptr<Stream> self_ ABSL_GUARDED_BY(mutex_) = nullptr;  ///< itself, while the scheduler knows of it
  CondVar space_;
  /// Written under the lock, read without it by the thread that runs the stream, as a hint to take the lock: relaxed.
  std::atomic<bool> near_full_{false};

  /// From here on: written by the thread that runs the stream, so on cache lines of its own.
  alignas(64) BegunCount begun_;
  internal::StreamInbox* running_inbox_ = nullptr;  ///< `inbox_`, which is not replaced while the stream runs
  std::size_t batch_ = 0;                           ///< messages taken from the inbox and not begun
  Counter succeeded_;
  Counter failed_;
  Counter restarts_;
  Counter suspensions_;
  RestartWindow window_;
};

}  // namespace penstock::actorpool
