// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/log.h"
#include "penstock/eventbus/cancel.h"
#include "penstock/eventbus/envelope.h"
#include "penstock/eventbus/liveness.h"
#include "penstock/eventbus/message.h"
#include "penstock/eventbus/result.h"

namespace penstock {

class Middleware;

/// How the client authenticates. At most one of user, token and credentials file. Never logged.
struct Credentials {
  std::string user{};
  std::string password{};
  std::string token{};
  std::string credentials_file{};  ///< NATS `.creds` file; must exist
};

/// TLS towards the server. Verification cannot be switched off.
struct TlsOptions {
  enum class Mode {
    kOnDemand,        ///< encrypted for `tls://`, and when the server demands it
    kRequired,        ///< encrypted, or no connection
    kHandshakeFirst,  ///< encrypted, TLS before INFO; needs a server from 2.10.4 on that is configured for it
  };
  Mode mode = Mode::kOnDemand;
  std::string ca_file{};            ///< PEM; empty: the system's roots
  std::string certificate_file{};   ///< PEM, for mutual TLS; set together with `private_key_file`
  std::string private_key_file{};   ///< PEM
  std::string expected_hostname{};  ///< empty: the host of the URL
};

/// The reaction to a topic's stream that already exists with the other storage.
enum class StorageMismatch {
  kWarn,    ///< log a warning, count it, use the stream as it is
  kRefuse,  ///< fail with `kFailedPrecondition`
};

/// Limits of the streams that the bus creates. Existing ones are never changed (docs/operations.md).
struct StreamLimits {
  /// Memory streams (`Publish`): the oldest messages are discarded when either limit is reached. Age 1 s to 1 year,
  /// size 1 MiB to 1 TiB.
  std::chrono::seconds memory_max_age{3600};
  std::int64_t memory_max_bytes = 256LL << 20;
  /// File streams (`PublishEnvelope`); 0 means no limit. With a size limit a full stream refuses new events
  /// (`kResourceExhausted`) and keeps the stored ones. An age limit also discards events that were not consumed: choose
  /// it well above the longest outage of a consumer. Age 0 or 1 min to 10 years, size 0 or 1 MiB to 1 PiB.
  std::chrono::seconds file_max_age{0};
  std::int64_t file_max_bytes = 0;
  /// Messages with the same ID within this time are stored once. Costs the server memory. Range 1 s to 1 day; at least
  /// twice `publish_timeout`.
  std::chrono::seconds duplicate_window{120};
  /// Copies in a cluster: 1, 3 or 5.
  int replicas = 1;
};

struct BusOptions {
  /// `nats://host:port` or `tls://host:port`, several separated by commas; `memory://` for an embedded bus of its own,
  /// or `memory://name` for one shared by every bus of the process that names it. A user, password or token may stand
  /// in the URL.
  std::string url = "nats://127.0.0.1:4222";
  /// Names this service: default durable, connection name, default metrics namespace. Required. 1 to 64 bytes of
  /// `[A-Za-z0-9_-]`.
  std::string client_id{};
  /// Prefix of the stream names, `{base_stream_name}_{topic_suffix}`. 1 to 64 bytes of `[A-Za-z0-9_-]`.
  std::string base_stream_name = "EVENTS";
  Credentials credentials{};
  TlsOptions tls{};
  /// The domain whose JetStream is used, such as that of a hub behind a leaf node: requests go to `$JS.<domain>.API`.
  /// Empty: that of the server. One token, 1 to 128 bytes; not together with `jetstream_api_prefix`. In a
  /// domain that does not exist nobody answers. `memory://` ignores this option and the next two.
  std::string jetstream_domain{};
  /// The prefix under which the JetStream of another account is imported: requests go to `<prefix>.STREAM.INFO...`,
  /// writes to buckets to `<prefix>.$KV...` (docs/operations.md). Empty: `$JS.API`. Tokens of visible ASCII without
  /// `*`, `>`, `"` and `\`, joined by single dots; 1 to 128 bytes.
  std::string jetstream_api_prefix{};
  /// Prefix of the subjects of all replies and deliveries, for users that may subscribe to subjects of their own only.
  /// The rules of `jetstream_api_prefix` hold; it must not begin with `$`. `Connect` fails with `kPermissionDenied` if
  /// the user may not subscribe below it.
  std::string inbox_prefix = "_INBOX";
  actorpool::ActorPoolOptions pool{};
  StorageMismatch storage_mismatch = StorageMismatch::kWarn;
  StreamLimits limits{};
  /// Longest wait for the first connection; a refusal (credentials, TLS) ends it once every server was tried. 0: for
  /// ever, for a service that may start before its server. Range 0 or 100 ms to 10 min.
  std::chrono::milliseconds connect_timeout{3000};
  /// How long a publish may stay without a PubAck before it fails. Until then it is sent again, with its message
  /// ID:
  /// - on each new connection;
  /// - after a back-off, when the server answers that it cannot store it now or no stream takes the subject;
  /// - while a connection lasts, within half a second after a later publish to the topic was acknowledged, or after 2 s
  ///   without any acknowledgement on the topic, then every 4 s.
  ///
  /// A cluster can take 13 s to elect a leader. Range 100 ms to 10 min.
  std::chrono::milliseconds publish_timeout{30'000};
  /// The number of outstanding publishes from which `PublishAsync` waits. Each aggregate has one publish at a time on
  /// its way to the server, so an aggregate that is published to faster than its PubAcks return fills the window. Range
  /// 1 to 65,536.
  std::size_t publish_window = 4096;
  /// Publishes the delayed messages of this `base_stream_name` when they are due, while no other process does; see
  /// `EventBus::RelayDelayed`, which does the same later.
  bool relay_delayed = false;
  /// Around every envelope that is published and every handler of envelopes; the first is outermost. None is null.
  std::vector<std::shared_ptr<Middleware>> middleware{};
  /// Says that this bus lives, for `EventBus::Liveness` of any process.
  LivenessOptions liveness{};
  /// Receives the log lines of the bus. Empty: no log.
  LogSink log{};

  /// `kInvalidArgument` naming the field that is out of range.
  absl::Status Validate() const;
};

struct PublishOptions {
  /// Messages with the same ID within the duplicate window are stored once. Empty: a new ID is generated. 1 to 128
  /// bytes of visible ASCII. Must be empty for `PublishEnvelope`, which uses `Envelope::event_id`.
  std::string message_id{};
  /// Routes a plain message to the actor of this key, in order; messages of a key are stored in the order of the calls.
  /// Empty: round-robin, no order. The rules of `Envelope::aggregate_id`. Must be empty for `PublishEnvelope`, which
  /// uses that field.
  std::string key{};
  /// Additional headers. Names follow the grammar in docs/envelope.md; values have no CR, LF or NUL. `Nats-*` and
  /// `Penstock-*` are refused, except `Penstock-Fence`: see `Delivery::fence`.
  Headers headers{};
  /// How an envelope is written. Ignored by `Publish`.
  EnvelopeFormat format = EnvelopeFormat::kProtobuf;
  /// The class of an envelope, one of the `EnvelopeSubscribeOptions::priority_classes` of the topic's subscribers. It
  /// is stored in the topic `{topic}.{class}`; in a class that nobody subscribes to it is kept and not handled. Empty:
  /// none, the least urgent. Ignored by `Publish`. 1 to 64 bytes of `[A-Za-z0-9_-]`.
  std::string priority_class{};
  /// Of an envelope: what is higher begins first, where a subscription asks for it
  /// (`EnvelopeSubscribeOptions::by_priority`). Ignored by `Publish`. Range -100 to 100.
  int priority = 0;
  /// An envelope waits for so long, or until then, before it is published: never less, by the clock of the process that
  /// relays it (docs/delay.md). Until then it can be cancelled or, by publishing it again with its event ID, put off;
  /// and it has no place in the order of its aggregate. The PubAck tells where it waits. At most one of the two; at
  /// a time that is past it is published as soon as a process relays. `delay`: range 0 to 10 years.
  std::chrono::milliseconds delay{0};
  std::chrono::system_clock::time_point deliver_at{};
};

/// Where a published message is stored.
struct PubAck {
  std::string stream{};
  std::uint64_t sequence = 0;  ///< position in the stream, from 1
  bool duplicate = false;      ///< the message ID had been stored before; nothing was added
};

/// The fate of a message that arrives for a subscriber whose queue is full. Publishers and other subscribers never wait
/// for it.
enum class WhenFull {
  kBlock,       ///< the server keeps it, as long as the stream's limits allow
  kDropOldest,  ///< the message that has waited longest is dropped
  kDropNewest,  ///< it is dropped itself
  kDisconnect,  ///< it is dropped, and the subscription ends
};

/// `Subscribe`: at-most-once. A failed message is counted and not delivered again.
struct SubscribeOptions {
  /// Members of a group share the topic's messages. Empty: the subscription belongs to no group and receives every
  /// message stored from now on. 1 to 64 bytes of `[A-Za-z0-9_-]`.
  std::string group{};
  /// The most messages that may be received and not yet handled (the credit given to the server). Range 1 to 65,536.
  std::size_t max_in_flight = 4096;
  /// The most messages of a topic that may wait here for the handler; those that are dropped are counted
  /// (`SubscriptionStats::dropped`). Besides them, up to twice as many messages as there are workers are with the pool.
  /// With `kBlock` it lowers `max_in_flight` to this. 0: as `max_in_flight` says, nothing is dropped here. Range 0 to
  /// 65,536.
  std::size_t queue_capacity = 0;
  /// Other than `kBlock` only with a `queue_capacity`. In a group, what one member drops, no member gets.
  WhenFull when_full = WhenFull::kBlock;
};

/// `Read`: at-most-once.
struct ReaderOptions {
  /// As in `SubscribeOptions`. What a member was sent and has not read when it ends is lost to the group.
  std::string group{};
  /// The most messages of a topic that may wait here to be read. Range 1 to 65,536.
  std::size_t queue_capacity = 128;
  WhenFull when_full = WhenFull::kBlock;
};

/// When a message that was not handled is tried again.
struct RetryPolicy {
  /// Attempts in all, the first included; then the message goes to the dead letters. 0: never give up. Range 0 to
  /// 1,000,000.
  std::uint64_t max_attempts = 10;
  /// The first retry is immediate. The second waits this long, each further one twice as long. Range 0 to
  /// `max_backoff`.
  std::chrono::milliseconds min_backoff{100};
  /// The longest back-off, before `jitter` is applied. Range up to 1 day.
  std::chrono::milliseconds max_backoff{30'000};
  /// Random part of a back-off: 0.2 makes it 80 to 120 %. Range 0 to 1.
  double jitter = 0.2;
};

/// The fate of a message whose attempts are used up, or that is rejected or undecodable, and of its key (its
/// aggregate).
enum class AfterDeadLetter {
  /// The message goes to the dead letters; the key continues with its next message.
  kContinue,
  /// The message goes to the dead letters, and later messages of the key follow it there, in order and unhandled, until
  /// all of them have been redriven (`DeadLetters::Redrive`) and handled. Survives restarts: the dead letters are the
  /// record. Exclusive consumers only.
  kQuarantine,
  /// Nothing is given up: the message is tried again every `max_backoff`, for ever, and its key waits for it.
  kBlock,
};

/// The processes that may consume a durable.
enum class Sharing {
  /// One process at a time owns the durable; others with the same name stand by and take over. Order per aggregate is
  /// kept.
  kExclusive,
  /// The processes of the durable divide its messages among them. No order across processes.
  kShared,
};

/// How handled messages are acknowledged.
enum class AckMode {
  kExplicit,  ///< message by message: after a crash only unacknowledged messages come again
  /// One acknowledgement covers all messages up to the first unfinished one. One is sent per 256 finished messages (or
  /// per eighth of the window, if that is less), and at least every 100 ms while messages finish. After a crash all
  /// messages since the last acknowledgement come again. While a message waits (for its back-off, handler or dead
  /// letter), later ones stay unacknowledged; once they fill the window, all keys wait. Exclusive consumers only; a
  /// durable keeps the mode that it was created with.
  kCumulative,
};

/// How many events may begin in a second.
struct RateLimit {
  double per_second = 0;  ///< 0: no limit. Range 0, or 0.001 to 1,000,000.
  std::size_t burst = 1;  ///< so many may begin at once after a pause. Range 1 to 1,000,000.
};

/// The fate of an event that is too old when its turn comes.
enum class WhenExpired {
  /// Kept as a dead letter, unhandled; what follows it goes on as after any other letter. With
  /// `AfterDeadLetter::kBlock` there are none: an event whose `expires_at` has come is dropped.
  kDeadLetter,
  kDrop,  ///< acknowledged, unhandled, and counted
};

/// `SubscribeEnvelope`: at-least-once, order per aggregate.
struct EnvelopeSubscribeOptions {
  /// Name of the durable consumer: the server remembers under it what was consumed. Empty: the bus's client ID. Closing
  /// never deletes it. 1 to 64 bytes of `[A-Za-z0-9_-]`.
  std::string durable{};
  Sharing sharing = Sharing::kExclusive;
  AckMode ack_mode = AckMode::kExplicit;
  /// Names the handler in dead letters and log lines. Empty: the durable. Up to 128 bytes of visible ASCII.
  std::string handler_name{};
  RetryPolicy retry{};
  AfterDeadLetter after_dead_letter = AfterDeadLetter::kContinue;
  /// The threshold of the circuit breaker: after this many different messages failed in a row, an outage is assumed (a
  /// database is down, say): one message at a time is tried, with the back-off of `retry`, and used-up attempts lead to
  /// no dead letters. The first success ends it. Reported as degraded. Too low a value mistakes a few poison messages
  /// for an outage. 0: never. Range 0 to 1,000,000.
  std::size_t outage_after = 100;
  /// A handler that runs longer counts as stuck and is logged once. On a shared durable its message may then be
  /// redelivered to another process. The handler cannot be interrupted. 0: never. Range 0 or 100 ms to 1 day.
  std::chrono::milliseconds stuck_after{300'000};
  /// A handler that runs longer is asked to stop (`Delivery::stop_token`), and counts as failed when it returns,
  /// whatever it returned: its message is tried again. It cannot be interrupted. What goes on after `Deferred()` has no
  /// limit. 0: none. Range 0 or 1 ms to 1 day.
  std::chrono::milliseconds time_limit{0};
  /// Events that were stored longer ago are not handled; nor are those whose `Envelope::expires_at` has come, whatever
  /// this is. A redriven event never expires: who sends it again wants it handled. Both by the clock of this process.
  /// 0: none. Range 0 or 1 ms to 10 years.
  std::chrono::milliseconds max_age{0};
  WhenExpired when_expired = WhenExpired::kDeadLetter;
  /// Each process begins no more events than that in a second, of all keys and of each: an event that must wait holds
  /// its key and no worker. Attempts count, not events.
  RateLimit rate{};
  RateLimit key_rate{};
  /// Each process runs no more handlers of this subscription at once, whatever the pool has. 0: no limit. Range 0 to
  /// 65,536.
  std::size_t max_concurrent = 0;
  /// When more events are ready than workers are free, those with the highest priority begin first: their own
  /// (`PublishOptions::priority`) and `priority` together. Events of a key never pass each other; a key is as urgent as
  /// its most urgent event received. Every eighth event to begin is the one that has been ready longest. Only events
  /// received (`max_in_flight`) are compared, and only with those of subscriptions of this bus that set this too:
  /// others hand all their events to the pool at once. Off: what is received first begins first (docs/handlers.md).
  bool by_priority = false;
  /// Added to the priority of each event; raises all of a subscription over those of another. Only with `by_priority`.
  /// Range -100 to 100.
  int priority = 0;
  /// Classes of the topic, the most urgent first, none of which waits for the backlog of another. Each is a topic of
  /// its own, `{topic}.{class}`, with a durable of the same name there; events without a class are in the topic itself
  /// and come last. All have this subscription's ID, handler, workers and `max_concurrent`, and begin by class, then by
  /// priority as with `by_priority`, an eighth of the turns left to what has waited longest. Order per aggregate holds
  /// within a class, not between classes. The other options are those of each class by itself. Not with a pattern. Up
  /// to 8 names as in `PublishOptions::priority_class`, each once.
  std::vector<std::string> priority_classes{};
  /// Keeps what became of each message, for whoever asks (`EventBus::AwaitResult`). A result that cannot be kept is
  /// logged, and its message is over all the same.
  ResultOptions results{};
  /// Lets events be cancelled (`EventBus::Cancel`).
  CancelOptions cancel{};
  /// Around the handler, within those of the bus; the first is outermost. None is null.
  std::vector<std::shared_ptr<Middleware>> middleware{};
  /// The most messages that may be received and not yet acknowledged: MaxAckPending of an exclusive durable; the credit
  /// of each process on a shared one. A waiting key can raise it (docs/delivery.md). Larger than 4,096 gains nothing.
  /// Range 1 to 65,536.
  std::size_t max_in_flight = 4096;
  /// The most bytes of bodies and headers held here (a single larger message is allowed). A message that does not fit
  /// is evicted: it keeps its place in the order and is requested again when its turn comes, at the price of a second
  /// delivery. Range 64 KiB to 64 GiB.
  std::size_t max_in_flight_bytes = std::size_t{64} << 20;
  /// The server redelivers a message that was not acknowledged for this long. The deadline is extended while a message
  /// is queued or running here, so it matters only when a process dies: an exclusive durable recovers by take-over (so
  /// this may be long), a shared one after this time. 0: 5 min when exclusive, 30 s when shared. Range 0 or 1 s to 1
  /// day.
  std::chrono::milliseconds ack_wait{0};
};

}  // namespace penstock
