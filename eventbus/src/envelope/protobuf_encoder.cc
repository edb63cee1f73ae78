// SPDX-License-Identifier: Apache-2.0
// Writes the wire format straight from an envelope, the very bytes that the generated code would write (ADR 0011).
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "envelope/codecs.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/wire_format_lite.h"
#include "penstock/v1/envelope.pb.h"

namespace penstock::eventbus {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;
using std::chrono::system_clock;

// Of every field: their numbers are below 16.
constexpr std::size_t kTagBytes = 1;

/// Counts the bytes that a `Writer` will write.
class Sizer {
 public:
  void Text(int /*field*/, const std::string& value) { size_ += kTagBytes + WireFormatLite::StringSize(value); }
  void Number(int /*field*/, std::int64_t value) { size_ += kTagBytes + WireFormatLite::Int64Size(value); }
  void Length(int /*field*/, std::size_t value) { size_ += kTagBytes + CodedOutputStream::VarintSize64(value); }

  std::size_t size() const { return size_; }

 private:
  std::size_t size_ = 0;
};

/// Writes into memory that has room for it.
class Writer {
 public:
  explicit Writer(char* memory) : at_(reinterpret_cast<std::uint8_t*>(memory)) {}

  void Text(int field, const std::string& value) { at_ = WireFormatLite::WriteStringToArray(field, value, at_); }
  void Number(int field, std::int64_t value) { at_ = WireFormatLite::WriteInt64ToArray(field, value, at_); }
  void Length(int field, std::size_t value) {
    at_ = WireFormatLite::WriteTagToArray(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, at_);
    at_ = CodedOutputStream::WriteVarint64ToArray(value, at_);
  }

 private:
  std::uint8_t* at_;
};

// A field that has its default is not written.
template <typename Output>
void PutText(Output& out, int field, const std::string& value) {
  if (!value.empty()) out.Text(field, value);
}

template <typename Output>
void PutNumber(Output& out, int field, std::int64_t value) {
  if (value != 0) out.Number(field, value);
}

// A field that is a message: its length, then what it consists of.
template <typename Output, typename Put>
void PutNested(Output& out, int field, const Put& put) {
  Sizer sizer;
  put(sizer);
  out.Length(field, sizer.size());
  put(out);
}

template <typename Output>
void PutTimestamp(Output& out, int field, system_clock::time_point time) {
  if (time == system_clock::time_point{}) return;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::chrono::nanoseconds nanos = time - seconds;
  PutNested(out, field, [&](auto& nested) {
    PutNumber(nested, google::protobuf::Timestamp::kSecondsFieldNumber, seconds.time_since_epoch().count());
    PutNumber(nested, google::protobuf::Timestamp::kNanosFieldNumber, nanos.count());
  });
}

// Both are written, whatever they are.
template <typename Output>
void PutAttribute(Output& out, const std::string& key, const std::string& value) {
  constexpr int kKey = 1;  // of every map's entries
  constexpr int kValue = 2;
  PutNested(out, v1::Envelope::kAttributesFieldNumber, [&](auto& nested) {
    nested.Text(kKey, key);
    nested.Text(kValue, value);
  });
}

// In the order of the numbers, and attributes in that of their keys: equal envelopes give equal bytes.
template <typename Output>
void PutFields(Output& out, const Envelope& envelope) {
  PutText(out, v1::Envelope::kEventIdFieldNumber, envelope.event_id);
  PutText(out, v1::Envelope::kAggregateIdFieldNumber, envelope.aggregate_id);
  PutText(out, v1::Envelope::kAggregateTypeFieldNumber, envelope.aggregate_type);
  PutText(out, v1::Envelope::kEventTypeFieldNumber, envelope.event_type);
  PutNumber(out, v1::Envelope::kEventVersionFieldNumber, envelope.event_version);
  PutTimestamp(out, v1::Envelope::kTimestampFieldNumber, envelope.timestamp);
  PutText(out, v1::Envelope::kTraceIdFieldNumber, envelope.trace_id);
  PutText(out, v1::Envelope::kTraceparentFieldNumber, envelope.traceparent);
  PutText(out, v1::Envelope::kCorrelationIdFieldNumber, envelope.correlation_id);
  PutText(out, v1::Envelope::kCausationIdFieldNumber, envelope.causation_id);
  PutNumber(out, v1::Envelope::kTenantIdFieldNumber, envelope.tenant_id);
  PutText(out, v1::Envelope::kContentTypeFieldNumber, envelope.content_type);
  PutText(out, v1::Envelope::kPayloadFieldNumber, envelope.payload);
  for (const auto& [key, value] : envelope.attributes) PutAttribute(out, key, value);
  PutTimestamp(out, v1::Envelope::kExpiresAtFieldNumber, envelope.expires_at);
}

}  // namespace

std::string EncodeProtobuf(const Envelope& envelope) {
  Sizer sizer;
  PutFields(sizer, envelope);
  std::string body(sizer.size(), '\0');
  Writer writer(body.data());
  PutFields(writer, envelope);
  return body;
}

}  // namespace penstock::eventbus
