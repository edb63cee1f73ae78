// SPDX-License-Identifier: Apache-2.0
// Envelopes as JSON.
#include <nlohmann/json.hpp>
#include <string>

#include "fuzz_target.h"
#include "penstock/eventbus/envelope.h"

namespace penstock {
namespace {

using fuzz::Require;
using Json = nlohmann::json;

constexpr std::string_view kContentType = "application/json";

void CheckAgainstTree(std::string_view body, const Envelope& envelope) {
  const Json tree = Json::parse(body.begin(), body.end(), nullptr, false);
  Require(tree.is_object(), "what is taken is a JSON object");
  Require(tree.value("aggregate_id", "") == envelope.aggregate_id, "the aggregate is the one named");
  Require(tree.value("event_type", "") == envelope.event_type, "the event's type is the one named");
  Require(tree["payload"] == Json::parse(envelope.payload, nullptr, false), "the payload is the one that stands there");
}

void CheckValid(std::string_view body, const Envelope& envelope) {
  CheckAgainstTree(body, envelope);
  const auto id = AggregateIdOf(body, kContentType);
  Require(id.ok() && *id == envelope.aggregate_id, "one answer to which aggregate it is");
  const auto encoded = EncodeEnvelope(envelope, EnvelopeFormat::kJson);
  Require(encoded.ok(), "an envelope that was taken can be sent on");
  const auto again = DecodeEnvelope(*encoded, kContentType);
  Require(again.ok() && *again == envelope, "decoding what was encoded gives the same envelope");
}

void CheckBody(std::string_view body) {
  const auto envelope = DecodeEnvelope(body, kContentType);
  if (envelope.ok()) {
    CheckValid(body, *envelope);
  } else {
    Require(envelope.status().ToString().find_first_of("\r\n") == std::string::npos, "an error is one line");
    AggregateIdOf(body, kContentType).IgnoreError();
  }
}

}  // namespace
}  // namespace penstock

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::CheckBody(penstock::fuzz::TextOf(data, size));
  return 0;
}
