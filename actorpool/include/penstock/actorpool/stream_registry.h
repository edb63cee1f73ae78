// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/log.h"
#include "penstock/actorpool/stats.h"
#include "penstock/actorpool/stream_inbox.h"

namespace penstock::actorpool {

class StreamSet;

/// The longest ID of a stream, in bytes. Any bytes are allowed.
inline constexpr std::size_t kMaxStreamIdBytes = 1024;

struct StreamOptions {
  /// The `capacity` of a queue without a bound.
  static constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();

  /// Messages that wait in the stream's queue before it refuses; the one that is being handled does not count. Memory
  /// is taken as messages come. Smaller pushes back earlier. `kUnbounded`: it never refuses, and a stream that is
  /// slower than its producers takes memory without limit. Range 1 to 1,000,000,000.
  std::size_t capacity = 1000;
  /// The share of `capacity` from which the queue is nearly full: it is warned of once and counts in the stats. Lower
  /// warns earlier. No effect without a bound. Range above 0, to 1.
  double near_full_from = 0.8;
  /// The share at or below which the queue is no longer nearly full, so that the next rise is warned of again. Close to
  /// `near_full_from`, a queue that varies a little warns often. Range 0 to below `near_full_from`.
  double near_full_until = 0.5;

  /// `kInvalidArgument` naming the field that is out of range.
  absl::Status Validate() const;
};

struct StreamRegistryOptions {
  /// Names the registry in metrics, errors and log lines. 1 to 64 bytes of `[A-Za-z0-9_-]`.
  std::string name = "streams";
  /// Messages a stream handles before it yields its worker to another one that is ready. Larger saves scheduling,
  /// smaller shortens the wait of the others. Range 1 to 100,000.
  std::size_t burst = 64;
  /// The time after which a stream yields its worker, however few messages that were; a message that has begun is
  /// finished first. Measured by the kernel's timer, hence up to 10 ms late. Range 1 ms to 10 s.
  std::chrono::milliseconds slice{1};
  /// When a stream whose callback threw goes on with its next message.
  RestartPolicy restart{};
  LogSink log{};

  /// `kInvalidArgument` naming the field that is out of range.
  absl::Status Validate() const;
};

/// The fate of the messages that a stream has accepted and not begun, when it is unregistered.
enum class Pending {
  kFinish,  ///< they are handled first
  kDrop,    ///< they are dropped, and counted
};

/// The result of a drain. `Stats` has the same counts since the start.
struct StreamDrainReport {
  std::uint64_t finished = 0;  ///< messages whose callback ended during the drain
  std::uint64_t dropped = 0;   ///< messages that had not begun at the deadline
  std::uint64_t running = 0;   ///< callbacks that still run
};

/// The operations of `StreamRegistry` that do not depend on the type of its messages.
class AnyStreamRegistry {
 public:
  AnyStreamRegistry(const AnyStreamRegistry&) = delete;
  AnyStreamRegistry& operator=(const AnyStreamRegistry&) = delete;

  /// Ends a stream: the ID is unknown when this returns, and can be registered anew. Callbacks of the new registration
  /// begin after the last one of the old. The callback is destroyed when the stream has ended.
  ///
  /// With a `timeout` above zero it waits that long for the end of the stream; OK then means that its callback does not
  /// run and will not. A call from one of the pool's own workers, thus from any callback, never waits.
  ///
  /// `kNotFound` for an ID that is not registered, `kInvalidArgument` for one that is empty or too long,
  /// `kDeadlineExceeded` when the stream has not ended in time: it ends by itself.
  absl::Status Unregister(std::string_view id, Pending pending = Pending::kFinish,
                          std::chrono::milliseconds timeout = std::chrono::milliseconds{0});

  /// Counters and gauges of all streams together, those that have ended included, as of the call. Takes about 20 ns
  /// for each stream.
  StreamRegistryStats Stats() const;

  /// The same of one stream since its registration. `kNotFound` for an ID that is not registered.
  absl::StatusOr<StreamStats> StatsOf(std::string_view id) const;

  /// Refuses messages and registrations, waits until all accepted messages have ended, and drops those that have not
  /// begun when `timeout` has passed. It does not wait for callbacks that still run then; `Stop` and the destructor do.
  /// A timeout of zero or less does not wait. `kFailedPrecondition` when called from one of the pool's own workers.
  absl::StatusOr<StreamDrainReport> Drain(std::chrono::milliseconds timeout);

  /// Refuses messages and registrations, drops the messages that have not begun, and waits for the callbacks that run.
  /// Idempotent. Must not be called from one of the pool's own workers (it logs an error there and has no effect); nor
  /// may the registry be destroyed there.
  void Stop();

 protected:
  explicit AnyStreamRegistry(std::shared_ptr<StreamSet> streams) : streams_(std::move(streams)) {}
  ~AnyStreamRegistry();

  static absl::StatusOr<std::shared_ptr<StreamSet>> Open(ActorPool& pool, StreamRegistryOptions options);
  absl::Status RegisterInbox(std::string_view id, std::unique_ptr<internal::StreamInbox> inbox,
                             const StreamOptions& options);
  absl::Status DispatchTo(std::string_view id, void* message, std::chrono::milliseconds timeout);
  absl::Status NoCallback(std::string_view id) const;

 private:
  std::shared_ptr<StreamSet> streams_;
};

/// Streams of messages, each handled in order by a callback of its own, on the workers of an `ActorPool`.
///
/// A stream is scheduled by itself: as soon as it has a message, the next free worker runs it, whatever the others do.
/// It is never on two workers, and yields its worker after `burst` messages or `slice`. A slow callback therefore
/// occupies one worker and delays only its own stream, while there are more workers than callbacks that block: with W
/// workers, the other streams wait when W callbacks block at once. Give the pool one worker more than streams that may
/// block at the same time.
///
/// A callback that returns an error, or throws, ends its message only; the next one follows. After a throw the stream
/// restarts as an actor of the pool does: with a pause when throws repeat (`StreamRegistryOptions::restart`).
///
/// **Thread safety:** thread-safe; every method may be called from any thread, callbacks included, except as noted.
/// **Ownership:** owns callbacks and accepted messages. Refers to the pool, which must outlive it.
/// **Blocking:** `Dispatch` and `Unregister` with a timeout, `Drain`, `Stop` and the destructor. Nothing else waits for
/// a callback.
/// **Ordering:** messages of one stream are handled one at a time, in the order in which `Dispatch` accepted them. None
/// between streams.
/// **Shutdown:** `Drain` finishes the accepted messages; `Stop` and the destructor drop those that have not begun. A
/// pool that drains or stops does the same to the registry first, and closes it.
template <typename Message>
class StreamRegistry final : public AnyStreamRegistry {
  static_assert(std::is_object_v<Message> && !std::is_const_v<Message>, "a message is a value");
  static_assert(std::is_nothrow_move_constructible_v<Message>,
                "messages move between threads; wrap one that may throw while it moves in std::unique_ptr");

 public:
  /// Runs on a worker, once for each accepted message. It may throw and may block; its stream handles nothing else
  /// meanwhile. It may call every method of the registry; the calls do not wait then. Also `absl::Status(Message)` and
  /// `absl::Status(const Message&)`.
  using Callback = absl::AnyInvocable<absl::Status(Message&&)>;

  /// `kInvalidArgument` for options out of range, `kFailedPrecondition` when the pool is draining or stopped.
  static absl::StatusOr<std::unique_ptr<StreamRegistry>> Create(ActorPool& pool, StreamRegistryOptions options = {}) {
    absl::StatusOr<std::shared_ptr<StreamSet>> streams = Open(pool, std::move(options));
    if (!streams.ok()) return streams.status();
    return std::unique_ptr<StreamRegistry>(new StreamRegistry(*std::move(streams)));
  }

  /// As `Stop`.
  ~StreamRegistry() = default;

  /// Begins a stream. `kAlreadyExists` when the ID is registered, `kInvalidArgument` for an ID that is empty or longer
  /// than `kMaxStreamIdBytes`, an empty callback, or options out of range; `kFailedPrecondition` when the registry is
  /// closed.
  template <typename Handler>
  requires std::is_constructible_v<Callback, Handler> absl::Status Register(std::string_view id, Handler&& callback,
                                                                            const StreamOptions& options = {}) {
    // An empty std::function would become a callback that throws.
    if constexpr (requires { callback == nullptr; }) {
      if (callback == nullptr) return NoCallback(id);
    }
    return RegisterInbox(
        id, std::make_unique<internal::TypedStreamInbox<Message>>(Callback(std::forward<Handler>(callback))), options);
  }

  /// Passes one message to its stream, and does not wait for any callback. With a `timeout` above zero it waits that
  /// long for space in a full queue; a call from one of the pool's own workers never waits. A refused message is left
  /// as it was, so that the call can be repeated.
  ///
  /// `kNotFound` for an ID that is not registered (counted), `kInvalidArgument` for one that is empty or too long,
  /// `kResourceExhausted` when the queue is full (counted), `kFailedPrecondition` when the registry is closed.
  absl::Status Dispatch(std::string_view id, Message&& message,
                        std::chrono::milliseconds timeout = std::chrono::milliseconds{0}) {
    return DispatchTo(id, &message, timeout);
  }

  /// The same with a copy of `message`.
  absl::Status Dispatch(std::string_view id, const Message& message,
                        std::chrono::milliseconds timeout = std::chrono::milliseconds{
                            0}) requires std::is_copy_constructible_v<Message> {
    Message copy = message;
    return DispatchTo(id, &copy, timeout);
  }

 private:
  using AnyStreamRegistry::AnyStreamRegistry;
};

}  // namespace penstock::actorpool
