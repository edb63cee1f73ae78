// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/bucket.h"
#include "penstock/eventbus/cancel.h"
#include "penstock/eventbus/dead_letters.h"
#include "penstock/eventbus/envelope.h"
#include "penstock/eventbus/liveness.h"
#include "penstock/eventbus/message.h"
#include "penstock/eventbus/options.h"
#include "penstock/eventbus/outcome.h"
#include "penstock/eventbus/reader.h"
#include "penstock/eventbus/stats.h"
#include "penstock/eventbus/task/executor.h"
#include "penstock/eventbus/typed_handlers.h"

namespace penstock {

/// Handles plain messages. Runs on pool workers and on the I/O thread. Calls for different actors run concurrently, at
/// most as many as there are workers. May block, may throw.
using MessageHandler = std::function<absl::Status(const Delivery& delivery)>;

/// Handles envelopes. Runs as a `MessageHandler` does: one call at a time per aggregate, several at a time otherwise.
/// May block; a throw counts as `Retry` and restarts its actor.
using EnvelopeHandler = std::function<Outcome(const Envelope& envelope, const Delivery& delivery)>;

/// Called once with the result of an asynchronous publish, on a thread of the transport or on the calling thread
/// (`memory://`); for a publish that `Close` or `Drain` ends, on the closing thread. Must not block or throw.
using PublishCallback = absl::AnyInvocable<void(absl::StatusOr<PubAck>)>;

/// How a drain ended. Some messages cannot be finished and are handed back: those that wait for a retry or for an
/// evicted body, those that wait for such a message, and during an outage (`outage_after`) all but one.
struct DrainReport {
  /// OK when everything that could be finished was finished, and the server knows it; `kDeadlineExceeded` when the
  /// timeout came first; `kUnavailable` when the connection was lost and not back by then; `kAborted` when another
  /// process took over meanwhile; `kFailedPrecondition` when `Drain` was called from a handler; `kInvalidArgument` for
  /// a negative timeout; otherwise why the last acknowledgements or publishes did not reach the server.
  absl::Status status{};
  std::uint64_t finished = 0;     ///< handled, or sent to the dead letters, since the drain began
  std::uint64_t handed_back = 0;  ///< received and not finished; redelivered
  std::uint64_t abandoned = 0;    ///< still in a handler at the deadline; redelivered too
  /// Nothing is in doubt: no handler still runs, the server knows what was finished, and the rest was handed back. Also
  /// when the timeout came first.
  bool orderly = false;
};

/// Names a subscription of one bus. 0 is none.
using SubscriptionId = std::uint64_t;

/// The event bus.
///
/// Publishes and consumes over NATS JetStream, or over an embedded transport with the same semantics. Each topic has a
/// stream of its own, `{base_stream_name}_{topic_suffix}`, created on first use, with memory storage for plain messages
/// and file storage for envelopes.
///
/// Topics are 1 to 255 bytes: tokens of `[A-Za-z0-9_-]` joined by dots. Refused are topics that begin with the token
/// `_INBOX`, `_R_`, `_GR_`, `{base_stream_name}_dead_letters` or `{base_stream_name}-delayed`, the topic
/// `dead.letters`, and topics whose stream name would be longer than 255 bytes.
///
/// Where a topic is subscribed to, a pattern may stand: `*` for one token, `>` for one or more at the end. It follows
/// all topics of this bus's `base_stream_name` that it takes, those whose streams appear later within a second, each as
/// if it had been subscribed to by itself (docs/pubsub.md).
///
/// **Thread safety:** thread-safe; every method may be called from any thread, handlers included, except as noted.
/// **Ownership:** owns its connection, its pool and its subscriptions. Handlers live until their subscription has
/// ended.
/// **Blocking:** as stated per method. Receiving never waits for a handler.
/// **Ordering:** messages with an aggregate ID are handled in stream order per aggregate, one at a time, even when one
/// has to be retried; across elections of a cluster this needs nats-server 2.11 or later. Messages without one have no
/// order. Publishes of one thread to one topic with one aggregate ID are stored in the order of the calls, also when
/// the connection or the server fails, and on a cluster of nats-server 2.10 or later also across an election: each is
/// sent when the one before it has its PubAck or has failed. A publish that failed with `kDeadlineExceeded` may still
/// be stored; the publishes of its aggregate that waited for it fail with `kAborted` and were not sent. To keep the
/// order, publish all that failed again, in order.
/// **Shutdown:** `Drain` finishes the received messages; `Close` and the destructor hand them back. The destructor
/// waits for running handlers. In a handler of this bus it would wait for ever: there it prints an error and aborts.
/// **Child processes:** inherit no descriptor, blocked signal or ignored signal of the bus's. A child made with `fork`
/// may only destroy the bus or call `exit`, which touch nothing of the parent's; it may use a bus of its own.
class EventBus {
 public:
  /// Connects, blocking for at most `connect_timeout`. `kInvalidArgument` for invalid options, `kUnavailable` when no
  /// server answers, `kDeadlineExceeded` when one accepts the connection and then answers no request,
  /// `kUnauthenticated` or `kPermissionDenied` when it refuses us, `kFailedPrecondition` when it has no JetStream, or
  /// for an error of TLS, `kResourceExhausted` when descriptors, threads or memory are used up, `kCancelled` soon after
  /// `stop` is requested; once connected, `stop` has no effect.
  static absl::StatusOr<std::unique_ptr<EventBus>> Connect(BusOptions options, const std::stop_token& stop = {});

  ~EventBus();
  EventBus(const EventBus&) = delete;
  EventBus& operator=(const EventBus&) = delete;

  /// Stores plain bytes in the topic's memory stream and waits for the PubAck, for at most `publish_timeout`.
  /// `kInvalidArgument` for an invalid topic, invalid options or a body over the server's limit; `kResourceExhausted`
  /// when the stream is full; `kDeadlineExceeded` when no PubAck came: the message may or may not be stored, and
  /// publishing it again with the same message ID is safe; `kNotFound` when no stream took the subject within
  /// `publish_timeout` (the topic's stream was deleted); `kFailedPrecondition` when the bus is closed. Must not be
  /// called from a `PublishCallback`.
  absl::StatusOr<PubAck> Publish(std::string_view topic, std::string_view body, PublishOptions options = {});

  /// As `Publish`, but does not wait for the PubAck. `done` is called exactly once, unless this returns an error.
  /// Blocks while `publish_window` publishes are outstanding, those included that wait for an earlier publish of their
  /// aggregate or key.
  absl::Status PublishAsync(std::string_view topic, std::string_view body, PublishCallback done,
                            PublishOptions options = {});

  /// Stores an envelope in the topic's file stream and waits for the PubAck. Errors as `Publish`, and
  /// `kInvalidArgument` for an invalid field of the envelope. Below the limit of server and stream, about 1 KiB is kept
  /// free for the headers that a dead letter and its redrive add (docs/dead-letters.md, Room). The event ID is the
  /// message ID and the aggregate ID is the key: `message_id` and `key` of `options` must be empty.
  absl::StatusOr<PubAck> PublishEnvelope(std::string_view topic, Envelope envelope, PublishOptions options = {});

  absl::Status PublishEnvelopeAsync(std::string_view topic, Envelope envelope, PublishCallback done,
                                    PublishOptions options = {});

  /// Calls off the envelope of that event ID that waits to be published to the topic (`PublishOptions::delay`). OK: it
  /// will not be published. `kNotFound` when none waits; `kFailedPrecondition` when it is due within a second, or has
  /// become due while this waited for the server: it may have been published; `kInvalidArgument` for an invalid topic
  /// or ID. Blocks for some seconds at most, or as `Publish`.
  absl::Status CancelDelayed(std::string_view topic, std::string_view event_id);

  /// From now on this process publishes the delayed messages of `base_stream_name` when they are due, or stands by
  /// while another one does (docs/delay.md). Happens by itself with the first publish that has a delay and where an
  /// actor is hosted. Idempotent; does not block: what is in the way is logged, and tried again. `kFailedPrecondition`
  /// when the bus is closed.
  absl::Status RelayDelayed();

  /// At-most-once. A subscription without a group receives every message stored from now on. Members of a group share
  /// messages, from the group's first subscription on: the group keeps its place while no member is subscribed. The
  /// stream is created with memory storage; a pattern creates none, and follows those with memory storage. A message
  /// whose handler fails is not redelivered. A handler that cannot keep up has messages wait in the stream, or as
  /// `SubscribeOptions::when_full` says. `kInvalidArgument` for an invalid topic, pattern, handler or option; other
  /// errors come from the server.
  absl::StatusOr<SubscriptionId> Subscribe(std::string_view topic, MessageHandler handler) {
    return Subscribe(topic, SubscribeOptions{}, std::move(handler));
  }
  absl::StatusOr<SubscriptionId> Subscribe(std::string_view topic, SubscribeOptions options, MessageHandler handler);

  /// At-least-once, in order per aggregate. The stream is created with file storage; a new durable begins with the
  /// stream's first message. A message that fails is tried again as `retry` says; later messages of its aggregate wait
  /// for it, others do not. A message whose attempts are used up, or that is rejected or undecodable, is stored in
  /// `{base}_dead_letters` and then terminated. A pattern follows the streams with file storage. `kInvalidArgument` for
  /// an invalid topic, pattern, handler or option; `kAlreadyExists` when this bus already has the durable on this
  /// topic, or on one of the pattern's; other errors come from the server.
  ///
  /// Blocks while a slow server creates the streams and the consumer, up to about 10 s for each; then it returns
  /// `kDeadlineExceeded` or `kUnavailable` and names the request. A refusal is returned at once. A subscription that
  /// has begun stands by while another process owns the durable, and lasts as long as the bus. Only two refusals of the
  /// server end it: the durable was created again with a configuration that does not fit, or the stream is a work queue
  /// and another consumer has taken the topic (JetStream errors 10099 and 10100); see docs/errors.md.
  absl::StatusOr<SubscriptionId> SubscribeEnvelope(std::string_view topic, EnvelopeHandler handler) {
    return SubscribeEnvelope(topic, EnvelopeSubscribeOptions{}, std::move(handler));
  }
  absl::StatusOr<SubscriptionId> SubscribeEnvelope(std::string_view topic, EnvelopeSubscribeOptions options,
                                                   EnvelopeHandler handler);
  /// The same with handlers of typed events, and the errors of `TypedHandlers::Build`.
  absl::StatusOr<SubscriptionId> SubscribeEnvelope(std::string_view topic, EnvelopeSubscribeOptions options,
                                                   const TypedHandlers& handlers) {
    absl::StatusOr<EnvelopeHandler> handler = handlers.Build();
    if (!handler.ok()) return handler.status();
    return SubscribeEnvelope(topic, std::move(options), *std::move(handler));
  }
  /// The same with events of one type.
  template <Encodable T, TypedHandler<T> H>
  absl::StatusOr<SubscriptionId> SubscribeEnvelope(std::string_view topic, EnvelopeSubscribeOptions options,
                                                   H handler) {
    return SubscribeEnvelope(topic, std::move(options), TypedHandlers().On<T>(std::move(handler)));
  }

  /// A subscription as `Subscribe` makes it, read by whoever calls `Reader::Next` instead of by a handler. `topic` may
  /// be a pattern. Errors as `Subscribe`.
  absl::StatusOr<Reader> Read(std::string_view topic, ReaderOptions options = {});

  /// Stops receiving and waits for running handlers (unless called from a handler). Soon after it returns, messages
  /// that have not begun are handed back and the durable can be subscribed to again. `kNotFound` for an ID that this
  /// bus does not have.
  absl::Status Unsubscribe(SubscriptionId id);

  /// Stops receiving, finishes and acknowledges what was received, waits for outstanding PubAcks, and closes the bus.
  /// While the connection is lost, or the server does not answer, it waits for the server, up to `timeout`. Messages
  /// that cannot be finished within `timeout` are handed back: the next owner of the durable gets them, in order.
  /// Returns at the latest shortly after `timeout`, even if a handler is still running (the destructor waits for the
  /// handler). `timeout` may have any length; `max()` waits for ever. Must not be called from a handler.
  DrainReport Drain(std::chrono::milliseconds timeout);

  /// Stops receiving, waits for running handlers, hands back the rest, closes. Never deletes a durable. Idempotent.
  /// Must not be called from a handler.
  void Close();

  /// Opens a bucket of keys and values, which is created when there is none of that name (1 to 64 bytes of
  /// `[A-Za-z0-9_-]`). One that exists is opened if it fits: `history`, `time_to_live` and `storage` must be
  /// equal, there must not be fewer replicas, and it must allow a time to live per key if `key_time_to_live_marker` is
  /// set; its other limits are left as they are. The stream is `KV_{name}`, without `base_stream_name`.
  /// `kInvalidArgument` for an invalid name or option; `kFailedPrecondition` when it does not fit, naming the setting,
  /// or when the bus is closed; `kUnimplemented` for `key_time_to_live_marker` where the server is older than 2.11, and
  /// on `memory://`; other errors come from the server.
  absl::StatusOr<std::unique_ptr<penstock::Bucket>> Bucket(std::string_view name, const BucketOptions& options = {},
                                                           const BucketCallOptions& call = {});

  /// Waits for what the durable makes of the topic's event with that ID, for at most `timeout`: it must keep results
  /// (`EnvelopeSubscribeOptions::results`), under the same options. A result that is there costs one request; all waits
  /// of a durable for results that are not there yet share one watch. `kDeadlineExceeded` when there is none by then,
  /// be it that the event is still to be handled, that there is none, or that its result has expired;
  /// `kInvalidArgument` for an invalid name, ID or time; `kFailedPrecondition` when the bus is closed, meanwhile too;
  /// errors as `Bucket`.
  absl::StatusOr<Result> AwaitResult(std::string_view topic, std::string_view durable, std::string_view event_id,
                                     std::chrono::milliseconds timeout, const ResultOptions& options = {});

  /// Calls the event off if it is delayed and not due within a second (`CancelDelayed`). Otherwise asks whoever handles
  /// the topic's events for the durable not to handle that one, or to stop handling it, and waits for the answer, for
  /// at most `timeout`. The durable must honour requests (`EnvelopeSubscribeOptions::cancel`), under the same options.
  /// The request holds for as long as its entry lives, whatever process has the durable by then, and for redriven
  /// copies too; one that was answered with `kFinished` holds no longer. May be called from a handler, also for its own
  /// event. `kInvalidArgument` for an invalid name, ID or time; errors as `Bucket`: then the request may have been
  /// stored.
  absl::StatusOr<Cancelled> Cancel(std::string_view topic, std::string_view durable, std::string_view event_id,
                                   std::chrono::milliseconds timeout, const CancelOptions& options = {});

  /// The buses that beat into this bus's bucket (`BusOptions::liveness`; this bus need not beat), by client ID: those
  /// that live, those whose workers are stuck, and those that died within the last hour. One that was closed is not
  /// among them. The time is taken from the server, for which an entry is written; without permission for that, from
  /// this process's clock. Errors as `Bucket`.
  absl::StatusOr<std::vector<WorkerLiveness>> Liveness(const BucketCallOptions& call = {});

  /// The messages that subscriptions gave up: to look at, and to send again.
  DeadLetters& dead_letters() const;

  /// Runs work on this bus's workers.
  Executor executor() const;

  /// Current counters and gauges. Cheap; holds locks only while copying. A subscription is included once the subscribe
  /// call has returned; its first handlers may run before that.
  BusStats Stats() const;

  /// Whether the transport can reach its server now.
  bool connected() const;

  const BusOptions& options() const;

  /// Whether the calling thread is in a handler of this bus: then the bus must not be destroyed on it.
  bool InHandler() const;

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

/// The stream in which delayed messages wait: `{base}-delayed`, with subjects below that name.
std::string DelayedStreamName(std::string_view base);

}  // namespace penstock
