// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "message/stored_message.h"
#include "penstock/eventbus/message.h"
#include "penstock/eventbus/options.h"
#include "penstock/eventbus/stats.h"

// The seam between the bus and what carries its messages: JetStream, the embedded transport, and the simulator.
namespace penstock::eventbus {

enum class Storage { kMemory, kFile };
std::string_view StorageName(Storage storage);  // "memory", "file"

/// What happens to a new message when the stream is full.
enum class Discard { kOld, kNew };

struct StreamSpec {
  std::string name{};
  std::vector<std::string> subjects{};
  Storage storage = Storage::kFile;
  Discard discard = Discard::kOld;
  std::chrono::seconds max_age{0};  ///< 0: none
  std::int64_t max_bytes = 0;       ///< 0: none
  std::chrono::seconds duplicate_window{120};
  int replicas = 1;
};

/// A stream as the server has it.
struct StreamFacts {
  std::vector<std::string> subjects{};
  Storage storage = Storage::kFile;
  bool created = false;  ///< by this call
};

/// How messages are asked for and acknowledged.
enum class ConsumerKind {
  kExclusive,   ///< durable, explicit acks, one owner at a time; others stand by
  kShared,      ///< durable, explicit acks, competing owners
  kAtMostOnce,  ///< no acks; durable when the name is given, else ephemeral and from now on
};

struct ConsumerSpec {
  std::string stream{};
  std::string consumer{};  ///< durable name; empty only for `kAtMostOnce`
  std::string filter_subject{};
  ConsumerKind kind = ConsumerKind::kExclusive;
  std::chrono::milliseconds ack_wait{30'000};
  /// The credit a consumer begins with, and MaxAckPending of an exclusive consumer. (A shared one has no MaxAckPending:
  /// what a dead member held would otherwise block the others until AckWait.)
  std::size_t max_in_flight = 4096;
  /// An exclusive consumer's acknowledgements each take in all messages before: the consumer sends one for many, never
  /// past what is unsettled. `Acknowledge` is the same to its caller.
  bool ack_all = false;
  /// How to make the stream again when it vanished; used for `kAtMostOnce` only (a memory stream does not survive its
  /// server).
  StreamSpec stream_spec{};
};

/// What a consumer tells its owner. Called on a thread of the transport, never two at a time for one consumer; must not
/// block. None is called after `Consumer::Stop` has returned.
struct ConsumerEvents {
  /// Messages in the order the server sent them. For `kExclusive`: within one synchronisation everything pending comes
  /// again in stream order before anything new.
  std::function<void(std::vector<std::unique_ptr<StoredMessage>> messages)> on_messages{};
  /// No more messages are at hand: told after every `arrived`, before the consumer waits for what comes next, or once
  /// it has stopped. In between the owner may leave work to the next call.
  std::function<void()> on_idle{};
  /// The stream was found gone and made again: sequences of before mean nothing any more. (Not when only the consumer
  /// was made again: what was not settled then comes once more, and is recognised by its sequence.)
  std::function<void()> on_stream_recreated{};
  /// This consumer has made its exclusive consumer again, to begin with the first message it knows to be unsettled:
  /// from there on everything comes again, in stream order. Told before the first of it.
  std::function<void()> on_consumer_recreated{};
  /// The messages with these sequences are settled for this consumer, by the server's word, perhaps by an earlier
  /// owner. Told after a synchronisation, before later messages. A server that is killed can forget it and send them
  /// again.
  std::function<void(std::uint64_t first, std::uint64_t last)> on_ack_state_recovered{};
  /// The consumer cannot go on (for instance its consumer's configuration was changed by another); it has stopped
  /// itself.
  std::function<void(absl::Status why)> on_closed{};
  /// Another process owns, or has owned, the exclusive consumer: it may have settled what is in hand here, so what has
  /// not begun must not begin any more. What is still unsettled comes again once the consumer is ours. Told before the
  /// first message of that ownership, and perhaps more than once.
  std::function<void()> on_ownership_lost{};
};

/// How a delivery is answered.
enum class AckType { kAck, kNak, kTerm, kInProgress };
struct Acknowledgement {
  const StoredMessage* message = nullptr;
  AckType type = AckType::kAck;
};

struct ConsumerStats {
  bool active = false;  ///< receives now; false while it stands by or is disconnected
  std::uint64_t resubscribes = 0;
};

/// Messages of one consumer, flowing until stopped. Thread-safe. Outlived by its transport.
class Consumer {
 public:
  virtual ~Consumer() = default;

  /// Lets the server send `count` more messages: called as messages are settled (or handled, at-most-once). What the
  /// server may have in flight to us is thus never more than `max_in_flight`.
  virtual void AddCredit(std::size_t count) = 0;

  /// Answers deliveries of this consumer, each at most once in a call. Does not wait for the server. The answers of one
  /// call reach it in no promised order (JetStream's are sorted by stream sequence), those of a later call after them.
  /// The first error: `kUnavailable` when one could not be sent (the server will deliver that message again);
  /// `kFailedPrecondition`, and nothing is sent, for an at-most-once consumer, whose messages are settled by being
  /// delivered. Also works after `Stop`, until the transport is closed.
  virtual absl::Status Acknowledge(std::span<const Acknowledgement> deliveries) = 0;
  absl::Status Acknowledge(const StoredMessage& message, AckType type) {
    const Acknowledgement one{.message = &message, .type = type};
    return Acknowledge({&one, 1});
  }

  /// Changes how many messages may be in flight: the bound of an exclusive consumer, at any transport within a moment
  /// of the call and again after each synchronisation. Does not wait for the server; only the latest call matters.
  /// Lowering takes nothing back. Does nothing to other consumers, which `AddCredit` bounds.
  virtual void SetWindow(std::size_t max_in_flight) = 0;

  /// Whether a handler may begin at `now`: false while an exclusive consumer may belong to another process. It does so
  /// some time after the server's last proof of our ownership, also when nothing told us (this process was stopped, its
  /// connection is dead), and before another can have taken over. Ask right before each handler begins; a handler that
  /// has begun may still be running when another process begins, which only a fencing token in what it writes to can
  /// make harmless. True for other consumers. Costs nanoseconds, from any thread.
  virtual bool MayHandle(std::chrono::steady_clock::time_point now) const = 0;

  /// Ends the arrivals and waits for a callback that runs (unless called from it), but does not give the consumer up:
  /// what is in hand can be finished while nobody else begins it. A consumer without an owner simply stops. Idempotent.
  virtual void StopArrivals() = 0;

  /// Ends the flow, gives the consumer up to who stands by, and waits for a callback that runs (unless called from
  /// it). Never deletes a durable. Idempotent.
  virtual void Stop() = 0;

  virtual ConsumerStats Stats() const = 0;
};

/// A header that Penstock writes. Its name is of static storage and ended by a NUL.
struct ReservedHeader {
  std::string_view name{};
  std::string value{};
};

struct OutboundMessage {
  std::string subject{};
  std::string body{};
  std::string message_id{};                                   ///< never empty
  absl::InlinedVector<ReservedHeader, 4> reserved_headers{};  ///< each name once; before the others
  Headers headers{};                                          ///< without the message ID
};

/// Bytes of body and headers, the message ID among them, as they go over the wire.
std::size_t SizeBytes(const OutboundMessage& message);

using PublishDone = absl::AnyInvocable<void(absl::StatusOr<PubAck>)>;

/// Who runs the handlers of what a transport hands on, and lets the transport's own thread do it: that has the messages
/// in its caches, and nobody needs to be woken. Thread-safe.
class Hands {
 public:
  virtual ~Hands() = default;
  /// Before messages are handed on: `Help` follows on the same thread, without waiting for anything in between. The
  /// helper's number; nothing: not now.
  virtual std::optional<std::size_t> BeginHelp() = 0;
  /// Runs handlers for a moment, or for as long as one keeps it.
  virtual void Help(std::size_t helper) = 0;
  /// For another thread, which sees that one keeps it: others go on with what is left.
  virtual void RelieveHelper() = 0;
};

/// One connection to what stores messages. Thread-safe.
/// Names, subjects and headers given to it were validated before.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual std::string_view name() const = 0;  // "jetstream", "memory"

  /// Makes the stream when it is missing; else reports it as it is and leaves it alone. Blocks for a few seconds at
  /// most. `kFailedPrecondition` when another stream has one of the subjects.
  virtual absl::StatusOr<StreamFacts> EnsureStream(const StreamSpec& spec) = 0;

  /// Makes or updates the consumer and begins to receive. Blocks for a few seconds at most. An exclusive consumer whose
  /// durable another process owns opens all the same, and stands by. `kFailedPrecondition` when the durable exists with
  /// a configuration that cannot be made to fit (named in the text).
  virtual absl::StatusOr<std::unique_ptr<Consumer>> OpenConsumer(const ConsumerSpec& spec, ConsumerEvents events) = 0;

  /// Sends, and sends again with the same message ID, until a PubAck with a sequence above 0 or the publish timeout;
  /// then `done` is told, exactly once, on a thread of the transport (which may be the caller's). Blocks while the
  /// publish window is full or the server takes nothing. Publishes of one thread are stored in the order of the calls.
  /// On an error returned here `done` is not told.
  virtual absl::Status Publish(OutboundMessage message, PublishDone done) = 0;

  /// May have its threads help from now on. `hands` outlives the transport. By default they never do.
  virtual void LendTo(Hands& /*hands*/) {}

  /// The first message of the stream at or after `from_sequence` whose subject `filter` takes, outside of any delivery:
  /// it is not to be settled. Blocks for a few seconds at most. `kNotFound` when there is none, or no such stream.
  virtual absl::StatusOr<std::unique_ptr<StoredMessage>> ReadMessage(const std::string& stream,
                                                                     const std::string& filter,
                                                                     std::uint64_t from_sequence) = 0;

  /// Removes one message; consumers that have not had it pass over it. Blocks for a few seconds at most. `kNotFound`
  /// when the stream does not have it (any more).
  virtual absl::Status DeleteMessage(const std::string& stream, std::uint64_t sequence) = 0;

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
