// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "envelope/codecs.h"
#include "envelope/timestamp.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/wire_format_lite.h"
#include "penstock/v1/envelope.pb.h"

namespace penstock::eventbus {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using std::chrono::system_clock;

// The message itself is two deep; what is deeper comes from nobody we know.
constexpr int kMaxDepth = 32;
// A thread that encoded something larger does not keep the memory for it.
constexpr std::size_t kMostKept = 64 << 10;
constexpr std::uint32_t kAggregateIdTag =
    WireFormatLite::MakeTag(v1::Envelope::kAggregateIdFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);

CodedInputStream Input(std::string_view body) {
  return CodedInputStream(reinterpret_cast<const std::uint8_t*>(body.data()), static_cast<int>(body.size()));
}

absl::Status NotDecodable() {
  return absl::InvalidArgumentError(
      "the body is no penstock.v1.Envelope, is cut short or nested too deeply; check what publishes to this topic");
}

void WriteTimestamp(system_clock::time_point time, google::protobuf::Timestamp& out) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  out.set_seconds(seconds.time_since_epoch().count());
  out.set_nanos(static_cast<std::int32_t>(std::chrono::nanoseconds(time - seconds).count()));
}

// Both sides keep their memory for the next message.
void SwapFields(v1::Envelope& message, Envelope& envelope) {
  envelope.event_id.swap(*message.mutable_event_id());
  envelope.aggregate_id.swap(*message.mutable_aggregate_id());
  envelope.aggregate_type.swap(*message.mutable_aggregate_type());
  envelope.event_type.swap(*message.mutable_event_type());
  envelope.event_version = message.event_version();
  envelope.trace_id.swap(*message.mutable_trace_id());
  envelope.traceparent.swap(*message.mutable_traceparent());
  envelope.correlation_id.swap(*message.mutable_correlation_id());
  envelope.causation_id.swap(*message.mutable_causation_id());
  envelope.tenant_id = message.tenant_id();
  envelope.content_type.swap(*message.mutable_content_type());
  envelope.payload.swap(*message.mutable_payload());
  envelope.attributes.clear();
  for (auto& [key, value] : *message.mutable_attributes()) envelope.attributes.emplace(key, std::move(value));
}

// What `message` had before is gone, but for its memory.
void ToMessage(const Envelope& envelope, v1::Envelope& message) {
  message.Clear();
  message.set_event_id(envelope.event_id);
  message.set_aggregate_id(envelope.aggregate_id);
  message.set_aggregate_type(envelope.aggregate_type);
  message.set_event_type(envelope.event_type);
  message.set_event_version(envelope.event_version);
  if (envelope.timestamp != system_clock::time_point{}) {
    WriteTimestamp(envelope.timestamp, *message.mutable_timestamp());
  }
  message.set_trace_id(envelope.trace_id);
  message.set_traceparent(envelope.traceparent);
  message.set_correlation_id(envelope.correlation_id);
  message.set_causation_id(envelope.causation_id);
  message.set_tenant_id(envelope.tenant_id);
  message.set_content_type(envelope.content_type);
  message.set_payload(envelope.payload);
  message.mutable_attributes()->insert(envelope.attributes.begin(), envelope.attributes.end());
}

}  // namespace

std::string EncodeProtobuf(const Envelope& envelope) {
  thread_local v1::Envelope message;
  ToMessage(envelope, message);
  std::string body(message.ByteSizeLong(), '\0');
  google::protobuf::io::ArrayOutputStream array(body.data(), static_cast<int>(body.size()));
  google::protobuf::io::CodedOutputStream output(&array);
  // Equal envelopes give equal bytes, whatever the order of a hash map.
  output.SetSerializationDeterministic(true);
  message.SerializeWithCachedSizes(&output);
  if (body.size() > kMostKept) v1::Envelope().Swap(&message);
  return body;
}

absl::Status DecodeProtobuf(std::string_view body, Envelope& envelope) {
  // What it keeps is what `envelope` had before.
  thread_local v1::Envelope message;
  CodedInputStream input = Input(body);
  input.SetRecursionLimit(kMaxDepth);
  if (!message.ParseFromCodedStream(&input) || !input.ConsumedEntireMessage()) return NotDecodable();
  SwapFields(message, envelope);
  const auto time = TimestampFrom(message.timestamp().seconds(), message.timestamp().nanos());
  if (!time.has_value()) {
    return absl::InvalidArgumentError("field \"timestamp\" is out of range; use the years 1678 to 2261");
  }
  envelope.timestamp = *time;
  return absl::OkStatus();
}

absl::StatusOr<std::string> ProtobufAggregateId(std::string_view body) {
  CodedInputStream input = Input(body);
  input.SetRecursionLimit(kMaxDepth);
  std::string id;
  while (const std::uint32_t tag = input.ReadTag()) {
    std::uint32_t size = 0;
    const bool read = tag == kAggregateIdTag
                          ? input.ReadVarint32(&size) && input.ReadString(&id, static_cast<int>(size))
                          : WireFormatLite::SkipField(&input, tag);
    if (!read) return NotDecodable();
  }
  if (!input.ConsumedEntireMessage()) return NotDecodable();
  return id;
}

}  // namespace penstock::eventbus
