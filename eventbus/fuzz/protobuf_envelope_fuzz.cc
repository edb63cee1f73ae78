// SPDX-License-Identifier: Apache-2.0
// Envelopes as protobuf: our decoder and encoder agree with the generated code.
#include <string>

#include "envelope/codecs.h"
#include "fuzz_target.h"
#include "generated_envelope.h"
#include "google/protobuf/stubs/logging.h"
#include "naming/timestamp.h"

namespace penstock {
namespace {

using fuzz::Require;

constexpr int kMaxDepth = 32;  // that our decoder takes; the generated code counts the envelope itself too

bool ParseGenerated(std::string_view body, v1::Envelope& out) {
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const std::uint8_t*>(body.data()),
                                               static_cast<int>(body.size()));
  input.SetRecursionLimit(kMaxDepth);
  return out.ParseFromCodedStream(&input) && input.ConsumedEntireMessage();
}

// One way only: the generated code refuses texts that are not UTF-8, ours leaves them to the rules of the fields.
void CompareWithGenerated(std::string_view body, const absl::Status& decoded, const Envelope& envelope) {
  v1::Envelope read;
  if (!ParseGenerated(body, read)) return;
  const auto time = eventbus::TimestampFrom(read.timestamp().seconds(), read.timestamp().nanos());
  Require(decoded.ok() == time.has_value(), "what the generated code decodes is decoded, if its time is in range");
  if (!decoded.ok()) return;
  Require(time == envelope.timestamp, "the time is the generated code's");
  v1::Envelope ours = GeneratedFrom(envelope);
  ours.clear_timestamp();
  read.clear_timestamp();
  read.GetReflection()->MutableUnknownFields(&read)->Clear();
  Require(BytesOf(ours) == BytesOf(read), "the fields are the generated code's");
}

void CheckValid(std::string_view body, const Envelope& envelope) {
  const auto id = AggregateIdOf(body, ContentType(EnvelopeFormat::kProtobuf));
  Require(id.ok() && *id == envelope.aggregate_id, "one answer to which aggregate it is");
  const auto encoded = EncodeEnvelope(envelope, EnvelopeFormat::kProtobuf);
  Require(encoded.ok(), "an envelope that was taken can be sent on");
  Require(*encoded == BytesOf(GeneratedFrom(envelope)), "it is encoded as the generated code would");
  const auto again = DecodeEnvelope(*encoded, ContentType(EnvelopeFormat::kProtobuf));
  Require(again.ok() && *again == envelope, "decoding what was encoded gives the same envelope");
}

void CheckBody(std::string_view body) {
  static const google::protobuf::LogSilencer kSilence;
  Envelope envelope;
  const absl::Status decoded = eventbus::DecodeProtobuf(body, envelope);
  CompareWithGenerated(body, decoded, envelope);
  const auto valid = DecodeEnvelope(body, ContentType(EnvelopeFormat::kProtobuf));
  if (valid.ok()) CheckValid(body, *valid);
}

}  // namespace
}  // namespace penstock

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::CheckBody(penstock::fuzz::TextOf(data, size));
  return 0;
}
