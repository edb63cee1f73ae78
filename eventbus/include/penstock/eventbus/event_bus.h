// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/dead_letters.h"
#include "penstock/eventbus/envelope.h"
#include "penstock/eventbus/message.h"
#include "penstock/eventbus/options.h"
#include "penstock/eventbus/outcome.h"
#include "penstock/eventbus/stats.h"

namespace penstock {

/// Handles plain messages. Runs on pool workers and on the thread that received, for different actors at the same time,
/// never more at once than there are workers. May block, may throw.
using MessageHandler = std::function<absl::Status(const Delivery& delivery)>;

/// Handles envelopes. Runs as a `MessageHandler` does: one call at a time per aggregate, several at a time otherwise.
/// May block; a throw counts as `Retry` and restarts its actor.
using EnvelopeHandler = std::function<Outcome(const Envelope& envelope, const Delivery& delivery)>;

/// Told the end of an asynchronous publish, once, on a thread of the transport: must not block and must not throw.
using PublishCallback = absl::AnyInvocable<void(absl::StatusOr<PubAck>)>;

/// How a drain ended. Messages that wait for a retry, or behind one, cannot be finished: they are handed back.
struct DrainReport {
  /// OK when everything that could be finished was; `kDeadlineExceeded` when the timeout came first;
  /// `kFailedPrecondition` from a handler; `kInvalidArgument` for a negative timeout; else what kept the last answers
  /// from reaching the server.
  absl::Status status{};
  std::uint64_t finished = 0;     ///< handled, or sent to the dead letters, since the drain began
  std::uint64_t handed_back = 0;  ///< received and not finished; they come again
  std::uint64_t abandoned = 0;    ///< still with a handler when the time was up; they come again too
};

/// Names a subscription of one bus. 0 is none.
using SubscriptionId = std::uint64_t;

/// The event bus.
///
/// Publishes and consumes over NATS JetStream, or over an embedded transport with the same semantics. Each topic has a
/// stream of its own, `{base_stream_name}_{topic_suffix}`, made on first use with the storage its use needs.
///
/// Topics are 1 to 255 bytes: tokens of `[A-Za-z0-9_-]` joined by dots.
///
/// **Thread safety:** thread-safe; every method may be called from any thread, handlers included, except as noted.
/// **Ownership:** owns its connection, its pool and its subscriptions. Handlers live until their subscription has
/// ended.
/// **Blocking:** as stated per method. Receiving never waits for a handler.
/// **Ordering:** messages with an aggregate ID are handled in stream order per aggregate, one at a time, also when one
/// has to be tried again. Others in no order. Publishes of one thread to one topic are stored in the order of the
/// calls.
/// **Shutdown:** `Drain` finishes what was received; `Close` and the destructor hand it back.
class EventBus {
 public:
  /// Connects, blocking for at most `connect_timeout`. `kInvalidArgument` for options, `kUnavailable` when no server
  /// answers, `kUnauthenticated` or `kPermissionDenied` when it refuses us, `kFailedPrecondition` when it has no
  /// JetStream.
  static absl::StatusOr<std::unique_ptr<EventBus>> Connect(BusOptions options);

  ~EventBus();
  EventBus(const EventBus&) = delete;
  EventBus& operator=(const EventBus&) = delete;

  /// Stores plain bytes in the topic's memory stream and waits for the PubAck, for at most `publish_timeout`.
  /// `kInvalidArgument` for topic, options or a body over the server's limit; `kResourceExhausted` when the stream is
  /// full; `kDeadlineExceeded` when no PubAck came: the message may or may not be stored, and publishing it again with
  /// the same message ID is safe; `kNotFound` when the stream was deleted meanwhile; `kFailedPrecondition` when the bus
  /// is closed. Not from a `PublishCallback`.
  absl::StatusOr<PubAck> Publish(std::string_view topic, std::string_view body, PublishOptions options = {});

  /// The same without waiting for the PubAck: `done` is told, exactly once, unless an error is returned here. Blocks
  /// while `publish_window` publishes are in flight.
  absl::Status PublishAsync(std::string_view topic, std::string_view body, PublishCallback done,
                            PublishOptions options = {});

  /// Stores an envelope in the topic's file stream and waits for the PubAck. Errors as `Publish`, and
  /// `kInvalidArgument` for the envelope's fields. The event ID is the message ID.
  absl::StatusOr<PubAck> PublishEnvelope(std::string_view topic, Envelope envelope, PublishOptions options = {});

  absl::Status PublishEnvelopeAsync(std::string_view topic, Envelope envelope, PublishCallback done,
                                    PublishOptions options = {});

  /// At-most-once. Every subscription receives each message stored from now on (those of one group share them). The
  /// stream is made with memory storage. A failed message is not acknowledged, never redelivered. `kInvalidArgument`
  /// for topic, handler or options; else as the server answers.
  absl::StatusOr<SubscriptionId> Subscribe(std::string_view topic, MessageHandler handler,
                                           SubscribeOptions options = {});

  /// At-least-once, in order per aggregate. The stream is made with file storage; the durable begins with the stream's
  /// first message. A message that fails is answered with a Nak and comes again by `retry`; its aggregate's later
  /// messages wait for it, others do not. Used-up attempts, `Reject` and undecodable bodies go to the stream
  /// `{base}_dead_letters`, then Term. `kInvalidArgument` for topic, handler or options; `kAlreadyExists` when this bus
  /// already has the durable on this topic.
  absl::StatusOr<SubscriptionId> SubscribeEnvelope(std::string_view topic, EnvelopeHandler handler) {
    return SubscribeEnvelope(topic, EnvelopeSubscribeOptions{}, std::move(handler));
  }
  absl::StatusOr<SubscriptionId> SubscribeEnvelope(std::string_view topic, EnvelopeSubscribeOptions options,
                                                   EnvelopeHandler handler);

  /// Stops receiving, hands back what was not begun, and waits for the handlers that run (not when called from one of
  /// them). `kNotFound` for an ID that this bus does not have.
  absl::Status Unsubscribe(SubscriptionId id);

  /// Stops receiving, finishes what was received, settles it, waits for outstanding PubAcks, and closes the bus. What
  /// cannot be finished by `timeout` is handed back: the next owner of the durable gets it, in order. Returns shortly
  /// after `timeout` at the latest, also when a handler does not end (the destructor then waits for it). Not from a
  /// handler.
  DrainReport Drain(std::chrono::milliseconds timeout);

  /// Stops receiving, waits for running handlers, hands back the rest, closes. Never deletes a durable. Idempotent. Not
  /// from a handler.
  void Close();

  /// The messages that subscriptions gave up: to look at, and to send again.
  DeadLetters& dead_letters() const;

  /// Counters and gauges of this moment. Cheap; takes no lock for longer than a copy. Has a subscription once
  /// subscribing has returned, which its first handlers may precede.
  BusStats Stats() const;

  /// Whether the transport can reach its server now.
  bool connected() const;

  const BusOptions& options() const;

 private:
  class Core;
  explicit EventBus(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

/// The stream a topic lives in: `{base}_{suffix}`, where the suffix writes `.` as `_`, `_` as `-_` and `-` as `--`, so
/// that no two topics share a name. `topic` must be valid.
std::string StreamName(std::string_view base, std::string_view topic);

/// The stream that keeps dead letters: `{base}_dead_letters`, with the subjects `{base}_dead_letters.{topic}`.
std::string DeadLetterStreamName(std::string_view base);

}  // namespace penstock
