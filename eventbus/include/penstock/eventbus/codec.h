// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/envelope.h"

namespace penstock {

/// How values of a type are written into envelopes and read from them. Given for protobuf messages here, and for types
/// of nlohmann's JSON in json_codec.h. For another type, specialise it with these members:
///
///     static std::string Type();                                     // the event type, such as "OrderPlaced"
///     static std::int64_t Version();                                 // of the schema that is written; above 0
///     static std::string_view ContentType();                         // of the payload
///     static absl::StatusOr<std::string> Encode(const T& value);
///     static absl::StatusOr<T> Decode(std::string_view payload);     // of untrusted bytes
template <typename T>
struct Codec;

/// A type that has a `Codec`.
template <typename T>
concept Encodable = requires(const T& value, std::string_view payload) {
  { Codec<T>::Type() } -> std::convertible_to<std::string>;
  { Codec<T>::Version() } -> std::convertible_to<std::int64_t>;
  { Codec<T>::ContentType() } -> std::convertible_to<std::string_view>;
  { Codec<T>::Encode(value) } -> std::same_as<absl::StatusOr<std::string>>;
  { Codec<T>::Decode(payload) } -> std::same_as<absl::StatusOr<T>>;
};

/// A generated protobuf message. Known by its methods, so that this header needs none of protobuf's.
template <typename T>
concept ProtobufMessage = std::default_initializable<T> && requires(const T& written, T& read, std::string* bytes) {
  { written.SerializeToString(bytes) } -> std::same_as<bool>;
  { read.ParseFromArray(bytes->data(), 0) } -> std::same_as<bool>;
  { written.GetTypeName() } -> std::convertible_to<std::string>;
};

/// The event type of a protobuf message is its full name, with the package; the version is 1.
template <ProtobufMessage T>
struct Codec<T> {
  static std::string Type() { return T().GetTypeName(); }
  static std::int64_t Version() { return 1; }
  static std::string_view ContentType() { return "application/x-protobuf"; }
  static absl::StatusOr<std::string> Encode(const T& value) {
    std::string bytes;
    if (!value.SerializeToString(&bytes)) return absl::InvalidArgumentError("a required field is missing");
    return bytes;
  }
  static absl::StatusOr<T> Decode(std::string_view payload) {
    T value;
    if (!value.ParseFromArray(payload.data(), static_cast<int>(payload.size())))
      return absl::InvalidArgumentError("not a message of this type");
    return value;
  }
};

/// `envelope` with the value as its payload: event type, version, content type and payload are those of the codec,
/// whatever they were. `kInvalidArgument` when the value cannot be written.
template <Encodable T>
absl::StatusOr<Envelope> MakeEnvelope(const T& value, Envelope envelope = {}) {
  absl::StatusOr<std::string> payload = Codec<T>::Encode(value);
  if (!payload.ok()) return payload.status();
  envelope.event_type = Codec<T>::Type();
  envelope.event_version = Codec<T>::Version();
  envelope.content_type = std::string(Codec<T>::ContentType());
  envelope.payload = *std::move(payload);
  return envelope;
}

}  // namespace penstock
