// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

class DeadLettersKeepTheStory : public Scenario {
 protected:
  void SetUp() override { UseServer(); }

  // The first message of a stream, as the raw protocol shows it.
  RawMessage Stored(const std::string& stream) {
    auto raw = RawNats::Connect(server_->port());
    EXPECT_THAT(raw, IsOk());
    auto answer = raw->Request("$JS.API.STREAM.MSG.GET." + stream, R"({"seq":1})");
    EXPECT_THAT(answer, IsOk());
    return answer.ok() ? *answer : RawMessage{};
  }
};

TEST_F(DeadLettersKeepTheStory, ARejectedEventIsKeptWithReasonAttemptsAndOrigin) {
  auto bus = Connect();
  auto handler = [](const Envelope&, const Delivery&) { return Reject("unknown currency\r\nXYZ"); };
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "billing"}, handler), IsOk());
  ASSERT_THAT(bus->PublishEnvelope("orders", Event("o-42", "payload")), IsOk());
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).terminated == 1; }, kPatience));

  const auto answer = nlohmann::json::parse(Stored("EVENTS_dead_letters").body, nullptr, false);
  ASSERT_TRUE(answer.contains("message")) << answer.dump();
  EXPECT_EQ(answer["message"]["subject"], "EVENTS_dead_letters.orders");
  std::string headers;
  ASSERT_TRUE(absl::Base64Unescape(answer["message"]["hdrs"].get<std::string>(), &headers));
  for (const char* line :
       {"Penstock-Error-Class: rejected", "Penstock-Error: unknown currency  XYZ", "Penstock-Attempts: 1",
        "Penstock-Stream: EVENTS_orders", "Penstock-Stream-Sequence: 1", "Penstock-Consumer: billing",
        "Penstock-Topic: orders", "Penstock-Aggregate-Id: o-42", "Penstock-Original-Message-Id: "}) {
    EXPECT_THAT(headers, ::testing::HasSubstr(line));
  }
  std::string body;
  ASSERT_TRUE(absl::Base64Unescape(answer["message"]["data"].get<std::string>(), &body));
  auto envelope = DecodeEnvelope(body, ContentType(EnvelopeFormat::kProtobuf));
  ASSERT_THAT(envelope, IsOk());
  EXPECT_EQ(envelope->payload, "payload");
}

}  // namespace
}  // namespace penstock::testing
