// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/actorpool/log.h"
#include "penstock/actorpool/stats.h"

namespace penstock::actorpool {

namespace internal {
class PoolAccess;
}  // namespace internal

class StreamSet;

/// How an accepted message ended.
enum class Disposition {
  kReturned,   ///< its work returned
  kThrew,      ///< its work threw; the actor is restarted or suspended
  kAbandoned,  ///< the pool was stopped before its work began
};

/// The end of an accepted message.
struct Completion {
  Disposition disposition = Disposition::kReturned;
  /// The status that the work returned; `kInternal` with the exception's text when it threw; `kCancelled` when
  /// abandoned.
  absl::Status status{};
  std::chrono::nanoseconds pause{0};  ///< its actor begins nothing for so long: other than 0 after a throw only
};

/// One message for the pool: the work to run and the callback for its end.
struct Message {
  /// Messages with the same key go to the same actor, in the order of acceptance. Empty: the next actor, round-robin.
  /// Read only during the call that passes the message to the pool.
  std::string_view key{};
  /// Runs once, on a worker; in an event bus it may run on the bus's I/O thread instead. It may throw and may block;
  /// its actor runs nothing else meanwhile.
  absl::AnyInvocable<absl::Status()> work{};
  /// Optional. Called exactly once for every accepted message, on the thread that ran it (on the thread of `Stop` when
  /// abandoned), before the actor runs its next message. Must not throw.
  absl::AnyInvocable<void(const Completion&)> settled{};
};

/// When an actor whose handler threw continues with its next message.
struct RestartPolicy {
  /// Restarts allowed within `window`; the next throw suspends the actor. 0: every throw suspends it. Range 0 to 1,000.
  int max_restarts = 3;
  /// Length of the sliding window. A longer one remembers older throws. Range 1 ms to 1 h.
  std::chrono::milliseconds window{1000};
  /// Pause before the second restart within a window (the first is immediate); doubles with each further one. Messages
  /// in the actor's inbox wait meanwhile. Range 0 to `max_backoff`.
  std::chrono::milliseconds min_backoff{1};
  /// The longest pause before a restart. Range up to 1 min.
  std::chrono::milliseconds max_backoff{100};
  /// How long an actor is suspended after it has used up its restarts. Range 1 ms to 10 min.
  std::chrono::milliseconds suspension{1000};
};

struct ActorPoolOptions {
  /// Names the pool's threads and metrics. 1 to 64 bytes of `[A-Za-z0-9_-]`.
  std::string name = "pool";
  /// Number of actors. More actors spread the keys better; each costs about 1 KiB while idle. Range 1 to 65,536.
  std::size_t actors = 256;
  /// Messages that one inbox holds before it refuses. Smaller pushes back earlier, larger uses more memory. Range 1 to
  /// 1,000,000.
  std::size_t inbox_capacity = 1000;
  /// Worker threads. 0: one per core. Use more when handlers block. Range 0 to 1,024.
  std::size_t workers = 0;
  /// Messages an actor handles before it yields the worker to another actor. Range 1 to 100,000.
  std::size_t burst = 64;
  RestartPolicy restart{};
  LogSink log{};

  /// `kInvalidArgument` naming the field that is out of range.
  absl::Status Validate() const;
};

/// N actors with bounded inboxes, run by W worker threads and supervised.
///
/// An actor handles one message at a time, in the order they were accepted. When a handler throws, its message ends as
/// `kThrew`, the actor restarts with the inbox it had, and the other actors are not affected.
///
/// **Thread safety:** thread-safe; every method may be called from any thread, handlers included, except as noted.
/// **Ownership:** owns an accepted message until its `settled` has returned.
/// **Blocking:** only `ProcessMessage` with a timeout, `Drain`, `Stop` and the destructor block.
/// **Ordering:** per key, and per actor. None between actors.
/// **Shutdown:** `Drain` finishes the accepted messages. `Stop` and the destructor abandon those that have not begun
/// and call their `settled`.
class ActorPool {
 public:
  /// Starts the workers. `kInvalidArgument` for options out of range, `kResourceExhausted` when threads cannot be made.
  static absl::StatusOr<std::unique_ptr<ActorPool>> Create(ActorPoolOptions options);

  ~ActorPool();
  ActorPool(const ActorPool&) = delete;
  ActorPool& operator=(const ActorPool&) = delete;

  /// Passes one message to its actor. With a `timeout` above zero it waits that long for space in a full inbox; a call
  /// from one of this pool's own workers never waits: that worker may be the one that has to make the space. A
  /// refused message is left as it was, so that the call can be repeated. `kInvalidArgument` without work,
  /// `kResourceExhausted` when the inbox is full (counted), `kUnavailable` when the pool is draining or stopped.
  absl::Status ProcessMessage(Message&& message, std::chrono::milliseconds timeout = std::chrono::milliseconds{0});

  /// The actor for `key`, 0 to actors - 1. It depends only on the key and the number of actors, not on process or
  /// build. `key` must not be empty: messages without a key have no actor of their own.
  std::size_t ActorFor(std::string_view key) const;

  /// Counters and gauges as of the call. Takes no lock that a handler holds; costs about a microsecond per actor.
  PoolStats Stats() const;

  /// Refuses new messages, waits until all accepted ones have ended, then stops the workers. `kDeadlineExceeded` when
  /// that took longer than `timeout`: the remaining messages stay queued and running, and a later `Drain` or `Stop`
  /// ends them. `kCancelled` when an earlier or concurrent `Stop` abandoned messages. Idempotent; a timeout of zero or
  /// less does not wait. `kFailedPrecondition` when called from one of the pool's own workers.
  absl::Status Drain(std::chrono::milliseconds timeout);

  /// Refuses new messages, waits for the handlers that are running, stops the workers and abandons, actor by actor and
  /// in order, the messages that have not begun. Once a message has been refused because of `Stop`, no accepted message
  /// begins. Idempotent; a second caller waits for the first. Must not be called from one of the pool's own workers or
  /// from `settled` (there it logs an error and has no effect), and the pool must not be destroyed there.
  void Stop();

 private:
  friend class internal::PoolAccess;
  friend class StreamSet;
  class Core;
  explicit ActorPool(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace penstock::actorpool
