// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "penstock/eventbus/envelope.h"

// One pair of functions per format. Encoders take an envelope whose fields were checked; decoders take untrusted bytes
// and leave the rules of the fields to be checked. All errors are `kInvalidArgument`, their text without a prefix.
namespace penstock::eventbus {

/// As `DecodeEnvelope`, into an envelope whose memory is used again. What it holds after an error is unspecified.
absl::Status DecodeInto(std::string_view body, std::string_view content_type, Envelope& envelope);

std::string EncodeProtobuf(const Envelope& envelope);
/// Into an envelope whose memory is used again.
absl::Status DecodeProtobuf(std::string_view body, Envelope& envelope);
/// Walks over the fields without making a message of them. Like the decoder takes the last of several.
absl::StatusOr<std::string> ProtobufAggregateId(std::string_view body);

/// Embeds the payload byte for byte, without the white space around it. An error when it is no JSON document.
absl::StatusOr<std::string> EncodeJson(const Envelope& envelope);
/// The payload is the very text that the body has, untouched.
absl::Status DecodeJson(std::string_view body, Envelope& envelope);
/// Reads no further than the aggregate ID.
absl::StatusOr<std::string> JsonAggregateId(std::string_view body);

}  // namespace penstock::eventbus
