// SPDX-License-Identifier: Apache-2.0
// Reads the wire format straight into an envelope, as the generated code would read it into a message of its own (ADR
// 0011): of a field that occurs twice the later counts, what is unknown is skipped. UTF-8 is left to the fields' rules.
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "envelope/codecs.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/wire_format_lite.h"
#include "naming/names.h"
#include "naming/timestamp.h"
#include "penstock/v1/envelope.pb.h"

namespace penstock::eventbus {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// The message itself is two deep; what is deeper comes from nobody we know.
constexpr int kMaxDepth = 32;

constexpr std::uint32_t NumberTag(int field) { return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_VARINT); }
constexpr std::uint32_t BytesTag(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}

struct Instant {
  std::int64_t seconds = 0;
  std::int32_t nanos = 0;
};

CodedInputStream Input(std::string_view body) {
  return CodedInputStream(reinterpret_cast<const std::uint8_t*>(body.data()), static_cast<int>(body.size()));
}

absl::Status NotDecodable() {
  return absl::InvalidArgumentError(
      "the body is no penstock.v1.Envelope, is cut short or nested too deeply; check what publishes to this topic");
}

// As `ReadString`, which writes zeros before it writes the text: what is left of the body lies in one piece.
bool ReadText(CodedInputStream& input, std::string& out) {
  std::uint32_t size = 0;
  if (!input.ReadVarint32(&size)) return false;
  const void* text = nullptr;
  int left = 0;
  input.GetDirectBufferPointerInline(&text, &left);
  if (std::cmp_greater(size, left)) return false;
  out.assign(static_cast<const char*>(text), size);
  return input.Skip(static_cast<int>(size));
}

template <typename Number>
bool ReadNumber(CodedInputStream& input, Number& out) {
  std::uint64_t value = 0;
  if (!input.ReadVarint64(&value)) return false;
  out = static_cast<Number>(value);
  return true;
}

// Whether `read(tag)` took every field up to the end of the message.
template <typename Read>
bool ReadFields(CodedInputStream& input, const Read& read) {
  while (const std::uint32_t tag = input.ReadTag()) {
    if (!read(tag)) return false;
  }
  return input.ConsumedEntireMessage();
}

template <typename Read>
bool ReadNested(CodedInputStream& input, const Read& read) {
  std::uint32_t size = 0;
  if (!input.ReadVarint32(&size) || std::cmp_greater(size, input.BytesUntilLimit())) return false;
  const CodedInputStream::Limit outer = input.PushLimit(static_cast<int>(size));
  const bool whole = ReadFields(input, read);
  input.PopLimit(outer);
  return whole;
}

bool ReadInstant(CodedInputStream& input, Instant& out) {
  return ReadNested(input, [&](std::uint32_t tag) {
    if (tag == NumberTag(google::protobuf::Timestamp::kSecondsFieldNumber)) return ReadNumber(input, out.seconds);
    if (tag == NumberTag(google::protobuf::Timestamp::kNanosFieldNumber)) return ReadNumber(input, out.nanos);
    return WireFormatLite::SkipField(&input, tag);
  });
}

bool ReadAttribute(CodedInputStream& input, std::map<std::string, std::string>& out) {
  constexpr int kKey = 1;  // of every map's entries
  constexpr int kValue = 2;
  std::string key;
  std::string value;
  const bool whole = ReadNested(input, [&](std::uint32_t tag) {
    if (tag == BytesTag(kKey)) return ReadText(input, key);
    if (tag == BytesTag(kValue)) return ReadText(input, value);
    return WireFormatLite::SkipField(&input, tag);
  });
  if (whole) out.insert_or_assign(std::move(key), std::move(value));
  return whole;
}

struct Instants {
  Instant timestamp{};
  Instant expires_at{};
};

bool ReadField(CodedInputStream& input, std::uint32_t tag, Envelope& out, Instants& instants) {
  switch (tag) {
    case BytesTag(v1::Envelope::kEventIdFieldNumber):
      return ReadText(input, out.event_id);
    case BytesTag(v1::Envelope::kAggregateIdFieldNumber):
      return ReadText(input, out.aggregate_id);
    case BytesTag(v1::Envelope::kAggregateTypeFieldNumber):
      return ReadText(input, out.aggregate_type);
    case BytesTag(v1::Envelope::kEventTypeFieldNumber):
      return ReadText(input, out.event_type);
    case NumberTag(v1::Envelope::kEventVersionFieldNumber):
      return ReadNumber(input, out.event_version);
    case BytesTag(v1::Envelope::kTimestampFieldNumber):
      return ReadInstant(input, instants.timestamp);
    case BytesTag(v1::Envelope::kExpiresAtFieldNumber):
      return ReadInstant(input, instants.expires_at);
    case BytesTag(v1::Envelope::kTraceIdFieldNumber):
      return ReadText(input, out.trace_id);
    case BytesTag(v1::Envelope::kTraceparentFieldNumber):
      return ReadText(input, out.traceparent);
    case BytesTag(v1::Envelope::kCorrelationIdFieldNumber):
      return ReadText(input, out.correlation_id);
    case BytesTag(v1::Envelope::kCausationIdFieldNumber):
      return ReadText(input, out.causation_id);
    case NumberTag(v1::Envelope::kTenantIdFieldNumber):
      return ReadNumber(input, out.tenant_id);
    case BytesTag(v1::Envelope::kContentTypeFieldNumber):
      return ReadText(input, out.content_type);
    case BytesTag(v1::Envelope::kPayloadFieldNumber):
      return ReadText(input, out.payload);
    case BytesTag(v1::Envelope::kAttributesFieldNumber):
      return ReadAttribute(input, out.attributes);
    default:
      return WireFormatLite::SkipField(&input, tag);
  }
}

absl::Status Take(const Instant& instant, std::string_view field, std::chrono::system_clock::time_point& out) {
  const auto time = TimestampFrom(instant.seconds, instant.nanos);
  if (!time.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("field ", Quoted(field), " is out of range; use the years 1678 to 2261"));
  }
  out = *time;
  return absl::OkStatus();
}

// The strings keep their memory.
void Clear(Envelope& envelope) {
  for (std::string* text : {&envelope.event_id, &envelope.aggregate_id, &envelope.aggregate_type, &envelope.event_type,
                            &envelope.trace_id, &envelope.traceparent, &envelope.correlation_id, &envelope.causation_id,
                            &envelope.content_type, &envelope.payload}) {
    text->clear();
  }
  envelope.event_version = 0;
  envelope.tenant_id = 0;
  envelope.attributes.clear();
}

}  // namespace

absl::Status DecodeProtobuf(std::string_view body, Envelope& envelope) {
  Clear(envelope);
  Instants instants;
  CodedInputStream input = Input(body);
  input.SetRecursionLimit(kMaxDepth);
  const auto read = [&](std::uint32_t tag) { return ReadField(input, tag, envelope, instants); };
  if (!ReadFields(input, read)) return NotDecodable();
  if (absl::Status status = Take(instants.timestamp, "timestamp", envelope.timestamp); !status.ok()) return status;
  return Take(instants.expires_at, "expires_at", envelope.expires_at);
}

absl::StatusOr<std::string> ProtobufAggregateId(std::string_view body) {
  CodedInputStream input = Input(body);
  input.SetRecursionLimit(kMaxDepth);
  std::string id;
  const auto read = [&](std::uint32_t tag) {
    if (tag == BytesTag(v1::Envelope::kAggregateIdFieldNumber)) return ReadText(input, id);
    return WireFormatLite::SkipField(&input, tag);
  };
  if (!ReadFields(input, read)) return NotDecodable();
  return id;
}

}  // namespace penstock::eventbus
