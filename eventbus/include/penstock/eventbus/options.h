// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/log.h"
#include "penstock/eventbus/envelope.h"
#include "penstock/eventbus/message.h"

namespace penstock {

/// How to prove who we are. At most one of user, token and credentials file. Never logged.
struct Credentials {
  std::string user{};
  std::string password{};
  std::string token{};
  std::string credentials_file{};  ///< NATS `.creds` file; must exist
};

/// TLS towards the server. Verification cannot be switched off.
struct TlsOptions {
  enum class Mode {
    kOff,             ///< encrypted all the same when the server demands it or the URL is `tls://`
    kRequired,        ///< encrypted, or no connection
    kHandshakeFirst,  ///< likewise, and before the server says a word: servers from 2.10.4 on that are configured so
  };
  Mode mode = Mode::kOff;
  std::string ca_file{};            ///< PEM; empty: the system's roots
  std::string certificate_file{};   ///< PEM, for mutual TLS; with `private_key_file` or not at all
  std::string private_key_file{};   ///< PEM
  std::string expected_hostname{};  ///< empty: the host of the URL
};

/// The reaction to a topic's stream that already exists with the other storage.
enum class StorageMismatch {
  kWarn,    ///< log a warning, count it, use the stream as it is
  kRefuse,  ///< fail with `kFailedPrecondition`
};

/// Limits of the streams that the bus creates. Existing streams are used as they are.
struct StreamLimits {
  /// Memory streams (`Publish`): the oldest message goes when either bound is reached. Age 1 s to 1 year, size 1 MiB to
  /// 1 TiB.
  std::chrono::seconds memory_max_age{3600};
  std::int64_t memory_max_bytes = 256LL << 20;
  /// File streams (`PublishEnvelope`): 0 is no bound. With a size bound a full stream refuses new events,
  /// `kResourceExhausted` at the publisher; nothing that was stored is discarded for it. An age discards also what was
  /// not consumed: choose it well above the longest outage of a consumer. Age 0 or 1 min to 10 years, size 0 or 1 MiB
  /// to 1 PiB.
  std::chrono::seconds file_max_age{0};
  std::int64_t file_max_bytes = 0;
  /// Time within which a message ID is stored once. Costs the server memory. Range 1 s to 1 day; at least twice
  /// `publish_timeout`.
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
  actorpool::ActorPoolOptions pool{};
  StorageMismatch storage_mismatch = StorageMismatch::kWarn;
  StreamLimits limits{};
  /// Longest wait for the first connection. Range 100 ms to 10 min.
  std::chrono::milliseconds connect_timeout{3000};
  /// How long a publish is tried until its PubAck; a cluster can take 13 s to elect a leader. Range 100 ms to 10 min.
  std::chrono::milliseconds publish_timeout{30'000};
  /// Publishes in flight before `PublishAsync` waits. Range 1 to 65,536.
  std::size_t publish_window = 4096;
  /// Where the bus writes what happened. Empty: nowhere.
  LogSink log{};

  /// `kInvalidArgument` naming the field that is out of range.
  absl::Status Validate() const;
};

struct PublishOptions {
  /// Messages of equal ID within the duplicate window are stored once. Empty: an ID of our own. 1 to 128 bytes of
  /// visible ASCII.
  std::string message_id{};
  /// Routes a plain message to the actor of this key, in order. Empty: round-robin. The rules of
  /// `Envelope::aggregate_id`.
  std::string key{};
  /// Additional headers. Names of NATS' header grammar, values without CR, LF and NUL. `Nats-*` and `Penstock-*` are
  /// refused.
  Headers headers{};
  /// How an envelope is written. Ignored by `Publish`.
  EnvelopeFormat format = EnvelopeFormat::kProtobuf;
};

/// Where a publish ended up.
struct PubAck {
  std::string stream{};
  std::uint64_t sequence = 0;  ///< position in the stream, from 1
  bool duplicate = false;      ///< the message ID had been stored before; nothing was added
};

/// `Subscribe`: at-most-once. A failed message is counted and gone.
struct SubscribeOptions {
  /// Members of a group share the topic's messages. Empty: this subscription receives each message from now on.
  /// 1 to 64 bytes of `[A-Za-z0-9_-]`.
  std::string group{};
  /// Messages received and not yet handled, at most: the credit given to the server. Range 1 to 65,536.
  std::size_t max_in_flight = 4096;
};

/// When a message that was not handled comes again.
struct RetryPolicy {
  /// Attempts in all, the first included; then the message goes to the dead letters. 0: never give up. Range 0 to
  /// 1,000,000.
  std::uint64_t max_attempts = 10;
  /// The first retry is immediate. The second waits this long, each further one twice as long. Range 0 to
  /// `max_backoff`.
  std::chrono::milliseconds min_backoff{100};
  /// Longest wait. Range up to 1 day.
  std::chrono::milliseconds max_backoff{30'000};
  /// Random part of a wait: 0.2 makes it 80 to 120 %. Range 0 to 1.
  double jitter = 0.2;
};

/// The effect of a message that is given up on its key: its aggregate.
enum class AfterDeadLetter {
  /// The message goes to the dead letters; the key goes on with its next message.
  kContinue,
  /// The message goes to the dead letters, and the key's later ones follow it there, in order and unhandled, until they
  /// were redriven (`DeadLetters::Redrive`). Survives restarts: the dead letters are the record. Exclusive consumers
  /// only.
  kQuarantine,
  /// Nothing is given up: the message is tried again every `max_backoff`, for ever, and its key waits for it.
  kBlock,
};

/// The processes that may consume a durable.
enum class Sharing {
  /// One process at a time owns the durable; others with the same name stand by and take over. Order per aggregate is
  /// kept.
  kExclusive,
  /// Processes with the same durable compete for messages. No order across processes.
  kShared,
};

/// How the server is told what was handled.
enum class AckMode {
  kExplicit,  ///< message by message: after a crash only what was not acknowledged comes again
  /// One acknowledgement takes in all messages before it, up to the first unsettled one: several hundred times fewer of
  /// them, at least every 100 ms. After a crash everything since the last one comes again, and while a message waits
  /// (for its back-off, its handler, its dead letter) everything after it counts as unacknowledged: more than
  /// `max_in_flight` messages later all keys wait with it. Exclusive consumers only; fixed for the life of a durable.
  kCumulative,
};

/// `SubscribeEnvelope`: at-least-once, order per aggregate.
struct EnvelopeSubscribeOptions {
  /// Name of the durable consumer: what was consumed is remembered under it. Empty: the bus's client ID. Closing never
  /// deletes it. 1 to 64 bytes of `[A-Za-z0-9_-]`.
  std::string durable{};
  Sharing sharing = Sharing::kExclusive;
  AckMode ack_mode = AckMode::kExplicit;
  /// Names the handler in dead letters and log lines. Empty: the durable. Up to 128 bytes of visible ASCII.
  std::string handler_name{};
  RetryPolicy retry{};
  AfterDeadLetter after_dead_letter = AfterDeadLetter::kContinue;
  /// After so many different messages in a row have failed, with no success in between, the fault is taken to be
  /// elsewhere (a database that is down): one message at a time is tried, by the back-off of `retry`, the others wait,
  /// nothing goes to the dead letters for used-up attempts, and the first success ends it. Shown as degraded. Too low
  /// mistakes a handful of poison messages for an outage. 0: never. Range 0 to 1,000,000.
  std::size_t outage_after = 100;
  /// A handler that runs longer is reported as stuck: counted, logged once, and, when shared, no longer kept from being
  /// given to another member. It cannot be interrupted. 0: never. Range 0 or 100 ms to 1 day.
  std::chrono::milliseconds stuck_after{300'000};
  /// Messages received and not yet settled, at most: MaxAckPending, our credit. Larger than 4,096 gains nothing. Range
  /// 1 to 65,536.
  std::size_t max_in_flight = 4096;
  /// Bytes of bodies and headers held here, at most (one message may exceed it alone). Beyond it a message is evicted:
  /// only its place in the order is kept, and it is requested again when its turn comes: order holds, at the price of
  /// a second delivery. Range 64 KiB to 64 GiB.
  std::size_t max_in_flight_bytes = std::size_t{64} << 20;
  /// The server redelivers what was not settled for this long; it is extended for whatever is queued or running here,
  /// so it only matters when a process dies: exclusive recovers by take-over and may be long, shared waits for it. 0: 5
  /// min when exclusive, 30 s when shared. Range 0 or 1 s to 1 day.
  std::chrono::milliseconds ack_wait{0};
};

}  // namespace penstock
