// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock {

/// One domain event with the facts that route and trace it. A plain value; thread-compatible.
struct Envelope {
  /// Identifies the event, not the aggregate. Within the stream's duplicate window the server stores an ID once: a
  /// second publish of it succeeds with `PubAck::duplicate`, and is counted and logged. After the window the ID is
  /// stored again. Empty: `PublishEnvelope` fills in a UUID version 7. See also `DerivedEventId`. 1 to 128 bytes of
  /// visible ASCII.
  std::string event_id{};
  /// The key by which events are ordered. 1 to 256 bytes of UTF-8 without spaces and control characters.
  std::string aggregate_id{};
  std::string aggregate_type{};    ///< optional, up to 256 bytes of visible ASCII
  std::string event_type{};        ///< required, 1 to 256 bytes of visible ASCII, for instance "OrderPlaced"
  std::int64_t event_version = 1;  ///< version of the event's schema; above 0
  /// When it happened, UTC. The epoch (the default) means unset: `PublishEnvelope` fills in the current time. Range
  /// years 1678 to 2261 (nanoseconds in 64 bits).
  std::chrono::system_clock::time_point timestamp{};
  std::string trace_id{};        ///< optional, up to 128 bytes of visible ASCII
  std::string traceparent{};     ///< optional, W3C trace context, up to 128 bytes of visible ASCII
  std::string correlation_id{};  ///< optional, up to 256 bytes of visible ASCII
  std::string causation_id{};    ///< optional, the event ID that led to this one, up to 256 bytes of visible ASCII
  std::int64_t tenant_id = 0;    ///< 0: none. Not negative.
  std::string content_type{};    ///< of the payload, optional, up to 128 bytes of printable ASCII
  /// Opaque bytes, up to 60 MiB (a server's default limit is 1 MiB); with `EnvelopeFormat::kJson` a JSON document.
  std::string payload{};
  /// Application-defined, at most 64: keys 1 to 128 bytes of visible ASCII, values up to 4 KiB of UTF-8.
  std::map<std::string, std::string> attributes{};
  /// From then on the event is not handled: see `EnvelopeSubscribeOptions::when_expired`. By the clock of the process
  /// that handles. The epoch: never. The range of `timestamp`.
  std::chrono::system_clock::time_point expires_at{};

  /// `kInvalidArgument` naming the first field that breaks its rule. `event_id` and `timestamp` may still be unset.
  absl::Status Validate() const;

  friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// How an envelope is written into a message body.
enum class EnvelopeFormat {
  kProtobuf,  ///< `penstock.v1.Envelope`, content type `application/x-protobuf`
  kJson,      ///< the JSON envelope of jxt-core, content type `application/json`; the payload is embedded as raw JSON
};

/// The `Content-Type` header that goes with a format.
std::string_view ContentType(EnvelopeFormat format);

/// Writes an envelope that passes `Validate()`. `kInvalidArgument` when it does not, or when `format` is JSON and the
/// payload is no JSON document of at most 255 levels; it is embedded byte for byte, without the white space around it.
absl::StatusOr<std::string> EncodeEnvelope(const Envelope& envelope, EnvelopeFormat format);

/// Reads an envelope from a body of untrusted bytes. The format follows `content_type`; if that is empty, a body that
/// begins with `{` is JSON, and any other is protobuf, which never begins with it. A JSON payload is returned byte for
/// byte. Go's zero time, year 1, is read as unset. `kInvalidArgument` saying what is broken: not decodable, nested too
/// deeply, too large (over 64 MiB), an unknown content type, or a field that is missing (here the event ID is
/// required), occurs twice (JSON), or breaks its rule.
absl::StatusOr<Envelope> DecodeEnvelope(std::string_view body, std::string_view content_type);

/// Reads only the aggregate ID, to route a body without an aggregate ID header. For every body that `DecodeEnvelope`
/// accepts, the result is the same. Errors as there, but only that field and the bytes read to find it are checked.
absl::StatusOr<std::string> AggregateIdOf(std::string_view body, std::string_view content_type);

/// A new UUID of version 7 (RFC 9562) in lower-case text: unique, and ascending with time within a process.
/// Thread-safe.
std::string NewEventId();

/// The ID of an event that a handler publishes because of another event. Equal arguments give equal IDs, on every
/// machine and in every version. So when an event is handled again, the event that it leads to has its first ID again,
/// and the server stores that ID once within the duplicate window (`StreamLimits::duplicate_window`); after the window
/// the ID is stored again. `purpose`, such as "shipment", distinguishes the events that one event leads to. A UUID
/// version 5 (RFC 9562) of `{event_id}\n{purpose}` in the namespace 3f1c2a52-8f0e-5d6b-9a57-6a1f0c3b7e90.
std::string DerivedEventId(std::string_view event_id, std::string_view purpose);

/// Returns `effect`, marked as an event that `cause` led to. Fields of `effect` that are not set are filled in:
/// `causation_id` with the event ID of the cause; `correlation_id` with that of the cause, or else with its event ID;
/// `trace_id`, `traceparent` and `tenant_id` with those of the cause.
Envelope CausedBy(const Envelope& cause, Envelope effect);

}  // namespace penstock
