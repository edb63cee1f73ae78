// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "penstock/eventbus/envelope.h"
#include "penstock/v1/envelope.pb.h"

// The message that the generated code has for an envelope, which ours is measured by.
namespace penstock {

inline v1::Envelope GeneratedFrom(const Envelope& envelope) {
  v1::Envelope message;
  message.set_event_id(envelope.event_id);
  message.set_aggregate_id(envelope.aggregate_id);
  message.set_aggregate_type(envelope.aggregate_type);
  message.set_event_type(envelope.event_type);
  message.set_event_version(envelope.event_version);
  const auto set = [](std::chrono::system_clock::time_point time, google::protobuf::Timestamp& field) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    field.set_seconds(seconds.time_since_epoch().count());
    field.set_nanos(static_cast<int>(std::chrono::nanoseconds(time - seconds).count()));
  };
  const std::chrono::system_clock::time_point unset;
  if (envelope.timestamp != unset) set(envelope.timestamp, *message.mutable_timestamp());
  if (envelope.expires_at != unset) set(envelope.expires_at, *message.mutable_expires_at());
  message.set_trace_id(envelope.trace_id);
  message.set_traceparent(envelope.traceparent);
  message.set_correlation_id(envelope.correlation_id);
  message.set_causation_id(envelope.causation_id);
  message.set_tenant_id(envelope.tenant_id);
  message.set_content_type(envelope.content_type);
  message.set_payload(envelope.payload);
  message.mutable_attributes()->insert(envelope.attributes.begin(), envelope.attributes.end());
  return message;
}

/// Equal messages give equal bytes.
inline std::string BytesOf(const v1::Envelope& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream output(&stream);
    output.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&output);
  }
  return bytes;
}

}  // namespace penstock
