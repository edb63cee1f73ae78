// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "message/stored_message.h"
#include "penstock/actorpool/internal/inline_executor.h"
#include "penstock/eventbus/message.h"
#include "penstock/eventbus/options.h"
#include "penstock/eventbus/stats.h"
#include "transport/key_value_store.h"
#include "transport/stream_contents.h"
#include "transport/stream_facts.h"

// The interface between the bus and what carries its messages: JetStream, or the embedded transport.
namespace penstock::eventbus {

/// How messages are asked for and acknowledged.
enum class ConsumerKind {
  kExclusive,   ///< durable, explicit acks, one owner at a time; others stand by
  kShared,      ///< durable, explicit acks, competing owners
  kAtMostOnce,  ///< no acks; durable when the name is given, else ephemeral and from now on
};

enum class Beginning {
  kNew,    ///< with the messages that are stored from then on
  kFirst,  ///< with the stream's first message
};

struct ConsumerSpec {
  std::string stream{};
  std::string consumer{};  ///< durable name; empty only for `kAtMostOnce`
  std::string filter_subject{};
  ConsumerKind kind = ConsumerKind::kExclusive;
  std::chrono::milliseconds ack_wait{30'000};
  /// The credit at the beginning, and MaxAckPending of an exclusive consumer. (A shared one has no MaxAckPending:
  /// messages held by a dead member would otherwise block the other members until AckWait.)
  std::size_t max_in_flight = 4096;
  /// AckPolicy "all" for an exclusive consumer: one acknowledgement on the wire stands for many messages, and never
  /// passes one that is not acknowledged. `Acknowledge` means the same to its caller.
  bool ack_all = false;
  /// The stream as the bus would make it. Whenever it is looked at, it is compared with this.
  StreamSpec stream_spec{};
  /// Of `kAtMostOnce`: where a consumer begins that is made when it is opened.
  Beginning begins = Beginning::kNew;
  /// Of `kAtMostOnce`: creates the stream of `stream_spec` again when it vanished (a memory stream does not survive its
  /// server).
  bool makes_stream = true;
  /// A server forgets a consumer without a name after so long without a request of its owner's.
  std::chrono::milliseconds inactive_after = std::chrono::minutes(5);
};

/// Reports of a consumer to its owner. Called on a thread of the transport, one call at a time for each consumer;
/// must not block. No call begins after `Consumer::Stop` has returned.
struct ConsumerEvents {
  /// Messages in the order in which the server sent them. For `kExclusive`: after each subscription to a new inbox, all
  /// pending messages come again in stream order before any new one.
  std::function<void(std::vector<std::unique_ptr<StoredMessage>> messages)> on_messages{};
  /// No more messages are available now: called after every `on_messages`, before the consumer waits for more or has
  /// stopped. Between the two calls the owner may put work off until the next one.
  std::function<void()> on_idle{};
  /// The stream was missing and has been created again: earlier sequences mean nothing any more. (Not called if only
  /// the consumer was created again: unacknowledged messages then come once more, with the sequences they had.)
  std::function<void()> on_stream_recreated{};
  /// The exclusive consumer was created again, starting with the first message known to be unacknowledged: from there
  /// on all messages come again, in stream order. Called before the first of them.
  std::function<void()> on_consumer_recreated{};
  /// The server reports the messages with these sequences as acknowledged, by an earlier owner. Called when the
  /// consumer has become ours, before any later message. A server that is killed can forget this and send them again.
  /// Not called in a cluster, whose new leaders can report what is not so.
  std::function<void(std::uint64_t first, std::uint64_t last)> on_ack_state_recovered{};
  /// The server counts everything up to this sequence as settled, although some of it is in flight here: an earlier
  /// owner acknowledged it late. What was asked for again with a Nak does not come then.
  std::function<void(std::uint64_t last)> on_settled_elsewhere{};
  /// The consumer cannot continue, since its durable belongs to something else (another program changed its
  /// configuration, or has the work queue), and has stopped.
  std::function<void(absl::Status why)> on_closed{};
  /// Another process owns the exclusive consumer, or owned it for a time: it may have acknowledged messages that are in
  /// flight here, so none of them may begin any more. Unacknowledged ones come again with the next ownership. Called
  /// before the first message of that ownership, and perhaps more than once.
  std::function<void()> on_ownership_lost{};
};

/// The protocol's answers to a delivery.
enum class AckType { kAck, kNak, kTerm, kInProgress };
struct Acknowledgement {
  const StoredMessage* message = nullptr;
  AckType type = AckType::kAck;
};

struct ConsumerStats {
  bool active = false;       ///< receives now; false while it stands by or is disconnected
  bool standing_by = false;  ///< another process owns the exclusive consumer, and this one would take over
  bool caught_up = true;     ///< false: the server has lost acknowledgements, which follow when it delivers again
  std::uint64_t resubscribes = 0;
  std::uint64_t answers_refused = 0;  ///< by the server, for lack of permission
};

/// One consumer's messages, delivered until it is stopped. Thread-safe. The transport must outlive it.
class Consumer {
 public:
  virtual ~Consumer() = default;

  /// Lets the server send `count` more messages. To be called as messages are acknowledged (at-most-once: handled), so
  /// that never more than `max_in_flight` are in flight to this process.
  virtual void AddCredit(std::size_t count) = 0;

  /// Acknowledges deliveries of this consumer, each at most once in a call. Does not wait for the server. The
  /// acknowledgements of one call reach it in no promised order (JetStream's are sorted by stream sequence), those of a
  /// later call after them. Returns the first error: `kUnavailable` if one could not be sent (the server will deliver
  /// that message again); `kFailedPrecondition`, and nothing is sent, for an at-most-once consumer, whose messages
  /// count as acknowledged when they are delivered. Also works after `Stop`, until the transport is closed.
  virtual absl::Status Acknowledge(std::span<const Acknowledgement> deliveries) = 0;
  absl::Status Acknowledge(const StoredMessage& message, AckType type) {
    const Acknowledgement one{.message = &message, .type = type};
    return Acknowledge({&one, 1});
  }

  /// Changes how many messages of an exclusive consumer may be in flight. Takes effect soon after the call, and again
  /// after each subscription to a new inbox; only the latest call matters. Does not wait for the server. Lowering it
  /// takes nothing back. No effect on other consumers, which `AddCredit` bounds.
  virtual void SetWindow(std::size_t max_in_flight) = 0;

  /// Whether a handler may begin at `now`: false while an exclusive consumer may belong to another process. It turns
  /// false some time after the server's last proof of our ownership, even when nothing else shows the loss (this
  /// process was stopped, its connection is dead), and before another process can have taken over. To be called right
  /// before each handler begins. A handler that has begun may still run when another process begins; only a fencing
  /// token in what it writes to makes that harmless. Always true for other consumers. Thread-safe; takes nanoseconds.
  virtual bool MayHandle(std::chrono::steady_clock::time_point now) const = 0;

  /// Since when it receives without an interruption; the maximum while it does not. A server that was killed can have
  /// lost what it delivered before, and give it to another process that shares the consumer. Thread-safe.
  virtual std::chrono::steady_clock::time_point receives_since() const { return {}; }

  /// Ends the deliveries and waits for a callback that runs (unless called from it), but keeps the consumer: messages
  /// in flight can be finished while no other process begins them. Same as `Stop` for a consumer without an owner.
  /// Idempotent.
  virtual void StopArrivals() = 0;

  /// Ends the deliveries, hands the consumer over to a standby, and waits for a callback that runs (unless called from
  /// it). Never deletes a durable. Idempotent.
  virtual void Stop() = 0;

  virtual ConsumerStats Stats() const = 0;
};

/// A header that Penstock writes. Its name has static storage and ends with a NUL.
struct ReservedHeader {
  std::string_view name{};
  std::string value{};
};

struct OutboundMessage {
  std::string subject{};
  std::string body{};
  std::string message_id{};                                   ///< never empty
  absl::InlinedVector<ReservedHeader, 5> reserved_headers{};  ///< each name once; before the others
  Headers headers{};                                          ///< without the message ID
  /// Messages of one subject and the same key are stored in the order of the calls. 0: this one has no order.
  std::uint64_t order_key = 0;
};

/// The order key of an aggregate: a hash, so that two aggregates may share one, and then wait for each other. 0 for an
/// empty ID. `aggregate_id` is encoded as in `header::kAggregateId`.
std::uint64_t OrderKeyOf(std::string_view aggregate_id);

/// Bytes of headers on the wire: those of a block without any, and those of one line.
inline constexpr std::size_t kHeaderBlockBytes = std::string_view("NATS/1.0\r\n\r\n").size();
constexpr std::size_t HeaderFieldBytes(std::string_view name, std::string_view value) {
  return name.size() + value.size() + std::string_view(": \r\n").size();
}

/// Bytes of body and headers, the message ID among them, as they go over the wire.
std::size_t SizeBytes(const OutboundMessage& message);

using PublishDone = absl::AnyInvocable<void(absl::StatusOr<PubAck>)>;

/// One connection to what stores messages. Thread-safe.
/// Names, subjects and headers given to it were validated before.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual std::string_view name() const = 0;  // "jetstream", "memory"

  /// Makes the stream when it is missing; else reports it as it is and leaves it alone. Blocks for about 10 s at most
  /// for each request. `kFailedPrecondition` when another stream has one of the subjects; `kPermissionDenied`,
  /// `IsUnseen` when the user may not look.
  virtual absl::StatusOr<StreamFacts> EnsureStream(const StreamSpec& spec) = 0;

  /// The stream as it is. `kNotFound` when there is none of that name (`IsStreamMissing`). Blocks as `EnsureStream`.
  virtual absl::StatusOr<StreamFacts> FindStream(const std::string& name) = 0;

  /// The names of all streams that have a subject which `pattern` takes too, in no order. Blocks as `EnsureStream`.
  virtual absl::StatusOr<std::vector<std::string>> ListStreams(const std::string& pattern) = 0;

  /// How long one waits between two calls of `ListStreams` to notice new streams.
  virtual std::chrono::milliseconds list_interval() const { return std::chrono::seconds(1); }

  /// Makes or updates the consumer and begins to receive. Blocks for about 10 s at most. An exclusive consumer whose
  /// durable another process owns opens all the same, and stands by. `kFailedPrecondition` when the durable exists with
  /// a configuration that cannot be made to fit (named in the text).
  virtual absl::StatusOr<std::unique_ptr<Consumer>> OpenConsumer(const ConsumerSpec& spec, ConsumerEvents events) = 0;

  /// Sends, and sends again with the same message ID, until a PubAck with a sequence above 0 or the publish timeout;
  /// then `done` is told, exactly once, on a thread of the transport (which may be the caller's). Blocks while the
  /// publish window is full or the server takes nothing. On an error returned here `done` is not told.
  ///
  /// Publishes of one thread to one subject with the same order key are stored in the order of the calls, whatever is
  /// lost or refused in between: the next one goes out when the one before it has ended. One whose time ran out may
  /// still be stored later, after others of its key. Publishes without a key have no order.
  virtual absl::Status Publish(OutboundMessage message, PublishDone done) = 0;

  /// Allows the transport's I/O threads to run handlers of the messages that they deliver. `executor` outlives the
  /// transport. By default they run none.
  virtual void SetInlineExecutor(actorpool::internal::InlineExecutor& /*executor*/) {}

  /// The first message of the stream at or after `from_sequence` whose subject `filter` takes, outside of any delivery:
  /// it is not to be settled. Blocks for a few seconds at most. `kNotFound` when there is none, or no such stream
  /// (`IsStreamMissing`).
  virtual absl::StatusOr<std::unique_ptr<StoredMessage>> ReadMessage(const std::string& stream,
                                                                     const std::string& filter,
                                                                     std::uint64_t from_sequence) = 0;

  /// The message of that sequence, likewise. `kNotFound` when the stream does not have it, or is not there.
  virtual absl::StatusOr<std::unique_ptr<StoredMessage>> ReadMessageAt(const std::string& stream,
                                                                       std::uint64_t sequence);

  /// Reads the headers of all messages of the stream at or after `from_sequence` that `filter` takes, ascending, with a
  /// request for every thousand: at least those that were there when it was called and were not removed meanwhile, and
  /// none that was removed before. Returns what the stream held when the reading began. Blocks while messages come, and
  /// for some seconds; calls `reader` on the caller's thread. `kNotFound` when there is no such stream
  /// (`IsStreamMissing`).
  virtual absl::StatusOr<StreamContents> ReadHeaders(const std::string& stream, const std::string& filter,
                                                     std::uint64_t from_sequence, const HeaderReader& reader) = 0;

  /// Tells what the stream holds now; one request. Errors as `ReadHeaders`.
  virtual absl::StatusOr<StreamContents> LookAtContents(const std::string& stream) = 0;

  /// Removes one message; consumers that have not had it pass over it. Blocks for a few seconds at most. `kNotFound`
  /// when the stream does not have it (any more), or is not there (`IsStreamMissing`). `IsRefusal` for what stays
  /// refused until somebody changes stream or permissions. `kCancelled` when the transport is closed.
  virtual absl::Status DeleteMessage(const std::string& stream, std::uint64_t sequence) = 0;

  /// Whether the stream has the message; an error when that cannot be said now: `kUnavailable` also beyond the last
  /// message that the server knows of, `kNotFound` without such a stream. Blocks for a second at most.
  virtual absl::StatusOr<bool> HasMessage(const std::string& stream, std::uint64_t sequence) = 0;

  /// Makes the bucket when it is missing, else opens it. Blocks until the limit at most. `kInvalidArgument` for an
  /// invalid spec; `kFailedPrecondition` when the bucket exists with settings that do not fit (named in the text);
  /// `kUnimplemented` for a time to live of keys where the server has none.
  virtual absl::StatusOr<std::unique_ptr<KeyValueStore>> OpenBucket(const BucketSpec& spec, const CallLimit& limit) = 0;
  /// Whether the server can store a message ID twice within the duplicate window after all: one of a cluster, when the
  /// leader of the stream changes (docs/delivery.md). As of the last connection.
  virtual bool MayStoreTwice() const { return false; }

  /// Largest body plus headers that the server takes, in bytes.
  virtual std::size_t max_payload_bytes() const = 0;

  virtual bool connected() const = 0;

  /// Counts the connections made so far; cheap. A memory stream may be gone when it has changed.
  virtual std::uint64_t generation() const = 0;

  virtual ConnectionStats Stats() const = 0;

  /// Waits until no publish is outstanding and everything sent has reached the server. `kDeadlineExceeded`.
  virtual absl::Status Flush(std::chrono::milliseconds timeout) = 0;

  /// Fails outstanding publishes with `kCancelled` and ends the connection. Consumers must have been stopped.
  /// Idempotent.
  virtual void Close() = 0;
};

}  // namespace penstock::eventbus
