// SPDX-License-Identifier: Apache-2.0
// Replies of JetStream's API, which any client of the account can send in the server's place.
#include <string>

#include "fuzz_target.h"
#include "jetstream/api/api_client.h"
#include "jetstream/api/consumer_api.h"
#include "jetstream/api/message_api.h"
#include "jetstream/api/stream_api.h"

namespace penstock::eventbus::jetstream {
namespace {

using fuzz::Require;

void CheckConsumer(const Json& body) {
  const absl::StatusOr<ConsumerFacts> facts = ReadConsumerFacts(body);
  if (!facts.ok()) return;
  const Json wanted = ConsumerConfig({.stream = "S", .consumer = "c", .filter_subject = "s"}, "c", "inbox", {});
  const Json adjusted = Adjusted(facts->config, wanted);
  Require(Adjusted(adjusted, wanted) == adjusted, "a consumer that was adjusted needs no further change");
  CheckFits("c", facts->config, wanted, {}).IgnoreError();
  Require(CheckFits("c", wanted, wanted, {}).ok(), "a consumer fits itself");
  Require(SameTime(facts->created, facts->created), "a consumer was made when it was made");
}

void CheckMessage(const Json& body) {
  const auto message = ReadStoredMessage(body);
  if (!message.ok()) return;
  Require((*message)->stream_sequence() > 0, "sequences count from 1");
  (*message)->AllHeaders();
  (*message)->Stub();
}

void CheckReply(std::string_view text) {
  const absl::StatusOr<ApiReply> reply = ParseApiReply(text);
  if (!reply.ok()) return;
  const absl::StatusOr<ApiReply> again = ParseApiReply(WriteJson(reply->body));
  Require(again.ok(), "what is written from a reply reads as one");
  if (reply->error) ApiStatus("ask", *reply->error).IgnoreError();
  CheckConsumer(reply->body);
  CheckMessage(reply->body);
  ReadStreamFacts(reply->body).IgnoreError();
}

}  // namespace
}  // namespace penstock::eventbus::jetstream

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::eventbus::jetstream::CheckReply(penstock::fuzz::TextOf(data, size));
  return 0;
}
