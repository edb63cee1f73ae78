// SPDX-License-Identifier: Apache-2.0
#include "penstock/eventbus/envelope.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "envelope/codecs.h"
#include "naming/characters.h"
#include "naming/first_error.h"
#include "naming/names.h"
#include "naming/timestamp.h"

namespace penstock {
namespace {

using eventbus::BadField;
using eventbus::CheckVisibleAscii;
using eventbus::FirstError;
using eventbus::Presence;
using eventbus::Quoted;
using eventbus::SameName;

constexpr std::size_t kMaxBodyBytes = std::size_t{64} << 20;
// Leaves more for the other fields than they can need.
constexpr std::size_t kMaxPayloadBytes = std::size_t{60} << 20;
constexpr std::size_t kMaxIdBytes = 128;
constexpr std::size_t kMaxTextBytes = 256;
constexpr std::size_t kMaxAttributes = 64;
constexpr std::size_t kMaxAttributeBytes = 4096;

absl::Status CheckOptional(std::string_view field, std::string_view value, std::size_t max_bytes) {
  return value.empty() ? absl::OkStatus() : CheckVisibleAscii(field, value, max_bytes, Presence::kOptional);
}

absl::Status CheckEventVersion(std::int64_t version) {
  if (version > 0) return absl::OkStatus();
  return BadField("event_version", absl::StrCat("is ", version, "; use 1 or more"));
}

absl::Status CheckTimestamp(std::string_view field, std::chrono::system_clock::time_point time) {
  if (eventbus::IsTimestampInRange(time)) return absl::OkStatus();
  return BadField(field, "is out of range; use the years 1678 to 2261");
}

absl::Status CheckTenant(std::int64_t tenant) {
  if (tenant >= 0) return absl::OkStatus();
  return BadField("tenant_id", absl::StrCat("is ", tenant, "; use 0 for none, or more"));
}

absl::Status CheckContentType(std::string_view type) {
  if (type.empty()) return absl::OkStatus();
  const bool printable = std::ranges::all_of(type, [](char c) { return c == ' ' || eventbus::IsVisibleAscii(c); });
  if (printable && type.size() <= kMaxIdBytes) return absl::OkStatus();
  return BadField("content_type", "breaks its rule; use up to 128 bytes of printable ASCII");
}

absl::Status CheckPayload(std::string_view payload) {
  if (payload.size() <= kMaxPayloadBytes) return absl::OkStatus();
  return BadField("payload", absl::StrCat("is ", payload.size(), " bytes long; use at most ", kMaxPayloadBytes));
}

absl::Status CheckAttribute(std::string_view key, std::string_view value) {
  if (absl::Status status = CheckVisibleAscii("attributes", key, kMaxIdBytes, Presence::kRequired); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("a key of ", status.message()));
  }
  if (value.size() <= kMaxAttributeBytes && eventbus::IsUtf8(value)) return absl::OkStatus();
  return BadField("attributes", absl::StrCat("breaks its rule at ", Quoted(key), "; use up to 4096 bytes of UTF-8"));
}

absl::Status CheckAttributes(const std::map<std::string, std::string>& attributes) {
  if (attributes.size() > kMaxAttributes) {
    return BadField("attributes", absl::StrCat("has ", attributes.size(), " entries; use at most ", kMaxAttributes));
  }
  for (const auto& [key, value] : attributes) {
    if (absl::Status status = CheckAttribute(key, value); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckFields(const Envelope& e, Presence event_id) {
  return FirstError([&] { return CheckVisibleAscii("event_id", e.event_id, kMaxIdBytes, event_id); },
                    [&] { return eventbus::CheckAggregateId("aggregate_id", e.aggregate_id); },
                    [&] { return CheckOptional("aggregate_type", e.aggregate_type, kMaxTextBytes); },
                    [&] { return CheckVisibleAscii("event_type", e.event_type, kMaxTextBytes, Presence::kRequired); },
                    [&] { return CheckEventVersion(e.event_version); },
                    [&] { return CheckTimestamp("timestamp", e.timestamp); },
                    [&] { return CheckOptional("trace_id", e.trace_id, kMaxIdBytes); },
                    [&] { return CheckOptional("traceparent", e.traceparent, kMaxIdBytes); },
                    [&] { return CheckOptional("correlation_id", e.correlation_id, kMaxTextBytes); },
                    [&] { return CheckOptional("causation_id", e.causation_id, kMaxTextBytes); },
                    [&] { return CheckTenant(e.tenant_id); }, [&] { return CheckContentType(e.content_type); },
                    [&] { return CheckPayload(e.payload); }, [&] { return CheckAttributes(e.attributes); },
                    [&] { return CheckTimestamp("expires_at", e.expires_at); });
}

absl::StatusOr<EnvelopeFormat> FormatOf(std::string_view body, std::string_view content_type) {
  if (content_type.empty()) return body.starts_with('{') ? EnvelopeFormat::kJson : EnvelopeFormat::kProtobuf;
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  if (SameName(type, "application/x-protobuf") || SameName(type, "application/protobuf")) {
    return EnvelopeFormat::kProtobuf;
  }
  if (SameName(type, "application/json")) return EnvelopeFormat::kJson;
  return absl::InvalidArgumentError(absl::StrCat("the content type ", Quoted(content_type),
                                                 " is unknown; use application/x-protobuf or application/json"));
}

absl::StatusOr<EnvelopeFormat> CheckBody(std::string_view body, std::string_view content_type) {
  if (body.empty()) return absl::InvalidArgumentError("the body is empty; check what publishes to this topic");
  if (body.size() <= kMaxBodyBytes) return FormatOf(body, content_type);
  return absl::InvalidArgumentError(
      absl::StrCat("the body is ", body.size(), " bytes long; use at most ", kMaxBodyBytes));
}

absl::Status Decode(std::string_view body, std::string_view content_type, Envelope& envelope) {
  const auto format = CheckBody(body, content_type);
  if (!format.ok()) return format.status();
  const bool json = *format == EnvelopeFormat::kJson;
  const absl::Status decoded = json ? eventbus::DecodeJson(body, envelope) : eventbus::DecodeProtobuf(body, envelope);
  return decoded.ok() ? CheckFields(envelope, Presence::kRequired) : decoded;
}

absl::StatusOr<std::string> FindAggregateId(std::string_view body, std::string_view content_type) {
  const auto format = CheckBody(body, content_type);
  if (!format.ok()) return format.status();
  auto id = *format == EnvelopeFormat::kJson ? eventbus::JsonAggregateId(body) : eventbus::ProtobufAggregateId(body);
  if (!id.ok()) return id;
  if (absl::Status status = eventbus::CheckAggregateId("aggregate_id", *id); !status.ok()) return status;
  return id;
}

}  // namespace

absl::Status Envelope::Validate() const {
  return eventbus::Prefixed("envelope", CheckFields(*this, Presence::kOptional));
}

std::string_view ContentType(EnvelopeFormat format) {
  return format == EnvelopeFormat::kJson ? "application/json" : "application/x-protobuf";
}

absl::StatusOr<std::string> EncodeEnvelope(const Envelope& envelope, EnvelopeFormat format) {
  if (absl::Status status = envelope.Validate(); !status.ok()) return status;
  if (format == EnvelopeFormat::kProtobuf) return eventbus::EncodeProtobuf(envelope);
  auto body = eventbus::EncodeJson(envelope);
  if (!body.ok()) return eventbus::Prefixed("envelope", body.status());
  return body;
}

absl::Status eventbus::DecodeInto(std::string_view body, std::string_view content_type, Envelope& envelope) {
  absl::Status status = Decode(body, content_type, envelope);
  return status.ok() ? status : Prefixed("decode envelope", status);
}

absl::StatusOr<Envelope> DecodeEnvelope(std::string_view body, std::string_view content_type) {
  Envelope envelope;
  if (absl::Status status = eventbus::DecodeInto(body, content_type, envelope); !status.ok()) return status;
  return envelope;
}

absl::StatusOr<std::string> AggregateIdOf(std::string_view body, std::string_view content_type) {
  auto id = FindAggregateId(body, content_type);
  if (!id.ok()) return eventbus::Prefixed("read aggregate ID", id.status());
  return id;
}

Envelope CausedBy(const Envelope& cause, Envelope effect) {
  const auto fill_in = [](std::string& field, const std::string& value) {
    if (field.empty()) field = value;
  };
  fill_in(effect.causation_id, cause.event_id);
  fill_in(effect.correlation_id, cause.correlation_id);
  fill_in(effect.correlation_id, cause.event_id);
  fill_in(effect.trace_id, cause.trace_id);
  fill_in(effect.traceparent, cause.traceparent);
  if (effect.tenant_id == 0) effect.tenant_id = cause.tenant_id;
  return effect;
}

}  // namespace penstock
