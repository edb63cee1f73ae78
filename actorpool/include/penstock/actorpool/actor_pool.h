// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/actorpool/log.h"
#include "penstock/actorpool/stats.h"

namespace penstock::actorpool {

/// How an accepted message ended.
enum class Ending {
  kReturned,   ///< its work returned; see the status
  kThrew,      ///< its work threw; the actor is restarted
  kAbandoned,  ///< the pool was stopped before the work began
};

struct Settlement {
  Ending ending = Ending::kReturned;
  /// What the work returned; `kInternal` with the exception's text when it threw; `kCancelled` when abandoned.
  absl::Status status{};
};

/// One message for the pool: what to run, and whom to tell.
struct Message {
  /// Messages of equal key go to the same actor, in the order they were accepted. Empty: the next actor, round-robin.
  /// Read only during the call that hands the message over.
  std::string_view key{};
  /// Runs once, on a worker thread or one that helps. It may throw and may block; while it runs its actor does nothing
  /// else.
  absl::AnyInvocable<absl::Status()> work{};
  /// Optional. Called exactly once for every accepted message, on the thread that ran it (on the thread of Stop() when
  /// abandoned), before the actor goes on. Must not throw.
  absl::AnyInvocable<void(const Settlement&)> settled{};
};

/// What handing a message over came to.
enum class Admission {
  kAccepted,
  kFull,    ///< the actor's inbox is at its capacity; the message was left as it was
  kClosed,  ///< the pool is draining or stopped; the message was left as it was
};

/// When and how an actor whose handler threw is started again.
struct RestartPolicy {
  /// Restarts allowed within `window`; one more and the actor rests. 0 means every throw makes it rest. Range 0 to
  /// 1,000.
  int max_restarts = 3;
  /// Length of the sliding window. Longer counts older throws against an actor. Range 1 ms to 1 h.
  std::chrono::milliseconds window{1000};
  /// Pause before the second restart within a window (the first is immediate); doubles with each further one. Messages
  /// in the actor's inbox wait meanwhile. Range 0 to `max_backoff`.
  std::chrono::milliseconds min_backoff{1};
  /// The longest pause before a restart. Range up to 1 min.
  std::chrono::milliseconds max_backoff{100};
  /// How long an actor rests that used up its window, before it is tried again. Range 1 ms to 10 min.
  std::chrono::milliseconds rest{1000};
};

struct ActorPoolOptions {
  /// Names the pool's threads and metrics. 1 to 64 bytes of `[A-Za-z0-9_-]`.
  std::string name = "pool";
  /// Number of actors. More spread keys better; each costs about 1 KiB while idle. Range 1 to 65,536.
  std::size_t actors = 256;
  /// Messages one inbox holds before it refuses. Smaller pushes back earlier, larger uses more memory. Range 1 to
  /// 1,000,000.
  std::size_t inbox_capacity = 1000;
  /// Worker threads. 0: one per core. Use more when handlers block. Range 0 to 1,024.
  std::size_t workers = 0;
  /// Messages an actor handles before it lets another have the worker. Range 1 to 100,000.
  std::size_t burst = 64;
  RestartPolicy restart{};
  LogSink log{};

  /// `kInvalidArgument` naming the field that is out of range.
  absl::Status Validate() const;
};

/// N actors with bounded inboxes, run by W worker threads and supervised.
///
/// An actor handles one message at a time, in the order they were accepted. When a handler throws, the message is
/// settled as `kThrew`, the actor restarts (its inbox is kept), and every other actor carries on.
///
/// **Thread safety:** thread-safe; every method may be called from any thread, handlers included, except as noted.
/// **Ownership:** owns accepted messages until they are settled.
/// **Blocking:** only `ProcessMessage` with a timeout, `Drain`, `Stop` and the destructor block.
/// **Ordering:** per key, and per actor. None between actors.
/// **Shutdown:** `Drain` finishes what was accepted; `Stop` and the destructor abandon it, telling each message's
/// `settled`.
class ActorPool {
 public:
  /// Starts the workers. `kInvalidArgument` for options out of range, `kResourceExhausted` when threads cannot be made.
  static absl::StatusOr<std::unique_ptr<ActorPool>> Create(ActorPoolOptions options);

  ~ActorPool();
  ActorPool(const ActorPool&) = delete;
  ActorPool& operator=(const ActorPool&) = delete;

  /// Hands one message to its actor. With a `timeout` above zero it waits that long for room in a full inbox; called
  /// from one of this pool's own workers it never waits, since that worker may be the one to make the room. A refused
  /// message is left as it was, so that it can be handed over again. `kInvalidArgument` without work,
  /// `kResourceExhausted` when the inbox is full (counted), `kUnavailable` when closed.
  absl::Status ProcessMessage(Message&& message, std::chrono::milliseconds timeout = std::chrono::milliseconds{0});

  /// The same without waiting and without building a status: for callers that treat a full inbox as an everyday answer.
  /// Without work the message is accepted and settled with `kInvalidArgument`.
  Admission TryProcess(Message& message);

  /// Hands over many like `TryProcess`, and wakes workers for them once, when it goes: who hands over is not disturbed
  /// by them meanwhile. For one thread, and for moments: who is awake takes messages at once, others wait for its end.
  class Batch;

  /// Lets the calling thread hand messages over and then run them itself, in a worker's place: it has them in its
  /// caches, and nobody needs to be woken. From `BeginHelp` on no worker is, until `Help` returns, which must follow on
  /// the same thread, with nothing in between that waits. No more handlers run at once than there are workers. The
  /// helper's number; nothing when another thread helps, when two that were relieved have not come back, from a
  /// handler, and once the pool is stopped.
  std::optional<std::size_t> BeginHelp();
  /// Runs messages until none is ready, every worker's place is taken, or `enough` time has passed; one that began by
  /// then is finished. Workers are woken for the rest.
  void Help(std::size_t helper, std::chrono::nanoseconds enough);
  /// For whoever sees that a helper stays away, kept by a handler: workers are woken for what it would have run next,
  /// and another thread may help.
  void RelieveHelper();

  /// The actor that messages of `key` go to, 0 to actors - 1: the same in every process and build, for that many
  /// actors. `key` must not be empty, since messages without key have no actor of their own.
  std::size_t ActorFor(std::string_view key) const;

  /// Counters and gauges of this moment. Takes no lock that a handler holds; costs about a microsecond per actor.
  PoolStats Stats() const;

  /// Refuses new messages, waits until all accepted ones are settled, then stops the workers. `kDeadlineExceeded` when
  /// that took longer than `timeout`: what is left stays queued and running, and may be waited for again or stopped.
  /// `kCancelled` when `Stop`, called meanwhile or before, abandoned messages. Idempotent; zero or less does not wait.
  /// `kFailedPrecondition` when called from one of the pool's own workers.
  absl::Status Drain(std::chrono::milliseconds timeout);

  /// Refuses new messages, waits for the handlers that are running, stops the workers and abandons, actor by actor and
  /// in order, the messages that have not begun. Once it made one message be refused, no other begins. Idempotent; a
  /// second caller waits for the first. Must not be called from one of the pool's own workers or from `settled` (it
  /// returns without effect there, logged as error); nor may the pool be destroyed there.
  void Stop();

 private:
  class Core;
  explicit ActorPool(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

class ActorPool::Batch {
 public:
  explicit Batch(ActorPool& pool) : pool_(pool) {}
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  Admission TryProcess(Message& message);

 private:
  ActorPool& pool_;
  std::size_t wakes_ = 0;
};

}  // namespace penstock::actorpool
