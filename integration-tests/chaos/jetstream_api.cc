// SPDX-License-Identifier: Apache-2.0
#include "chaos/jetstream_api.h"

#include "absl/strings/escaping.h"
#include "penstock/eventbus/envelope.h"
#include "support/raw_nats.h"

namespace penstock::chaos {

using Json = nlohmann::json;

absl::StatusOr<Json> Ask(int port, const std::string& subject, const std::string& body,
                         std::chrono::milliseconds timeout) {
  auto raw = testing::RawNats::Connect(port);
  if (!raw.ok()) return raw.status();
  const auto reply = raw->Request("$JS.API." + subject, body, {}, timeout);
  if (!reply.ok()) return reply.status();
  Json answer = Json::parse(reply->body, nullptr, false);
  if (answer.is_discarded()) return absl::InternalError("ask " + subject + ": the answer is no JSON");
  if (answer.contains("error")) return absl::InternalError("ask " + subject + ": " + answer["error"].dump());
  return answer;
}

std::optional<EventRef> ReadStored(std::uint64_t seed, const Json& message) {
  std::string body;
  if (!message.contains("data") || !absl::Base64Unescape(message["data"].get<std::string>(), &body)) return {};
  const auto envelope = DecodeEnvelope(body, "");
  return envelope.ok() ? ReadPayload(seed, envelope->payload) : std::nullopt;
}

}  // namespace penstock::chaos
