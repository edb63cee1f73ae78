// SPDX-License-Identifier: Apache-2.0
// Envelopes as JSON.
#include <nlohmann/json.hpp>
#include <string>

#include "envelope/json_walk.h"
#include "fuzz_target.h"
#include "penstock/eventbus/envelope.h"

namespace penstock {
namespace {

using fuzz::Require;
using Json = nlohmann::json;

constexpr std::string_view kContentType = "application/json";

Json TreeOf(std::string_view text) { return Json::parse(text.begin(), text.end(), nullptr, false); }

// The library refuses what no text or number of its own can hold; ours passes that on.
void CheckAgainstTree(std::string_view body, const Envelope& envelope) {
  const Json tree = TreeOf(body);
  if (tree.is_discarded()) return;
  Require(tree.is_object(), "what is taken is a JSON object");
  Require(tree.value("aggregate_id", "") == envelope.aggregate_id, "the aggregate is the one named");
  Require(tree.value("event_type", "") == envelope.event_type, "the event's type is the one named");
  Require(tree["payload"] == TreeOf(envelope.payload), "the payload is the one that stands there");
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

// What the library takes is JSON, but for a byte order mark, a zero byte, which ends its text, and deep nesting.
void CheckGrammar(std::string_view body) {
  if (body.starts_with('\xEF') || body.find('\0') != std::string_view::npos || TreeOf(body).is_discarded()) return;
  const absl::Status status = eventbus::CheckJson(body, eventbus::kMaxJsonDepth);
  Require(status.ok() || status.message().find("deeper") != std::string_view::npos, "what is JSON is taken for JSON");
}

void CheckBody(std::string_view body) {
  CheckGrammar(body);
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
