// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

class StorageFollowsTheKindOfSubscription : public Scenario {
 protected:
  void SetUp() override { UseServer(); }

  nlohmann::json StreamInfo(const std::string& stream) {
    auto raw = RawNats::Connect(server_->port());
    EXPECT_THAT(raw, IsOk());
    auto answer = raw->Request("$JS.API.STREAM.INFO." + stream, "");
    EXPECT_THAT(answer, IsOk());
    return nlohmann::json::parse(answer->body, nullptr, false);
  }
};

TEST_F(StorageFollowsTheKindOfSubscription, SubscribeMakesMemoryAndSubscribeEnvelopeMakesFileStreams) {
  auto bus = Connect();
  ASSERT_THAT(bus->Subscribe("notices.mail", [](const Delivery&) { return absl::OkStatus(); }), IsOk());
  ASSERT_THAT(bus->SubscribeEnvelope("orders", [](const Envelope&, const Delivery&) { return Ack(); }), IsOk());

  const auto notices = StreamInfo("EVENTS_notices_mail")["config"];
  EXPECT_EQ(notices["storage"], "memory");
  EXPECT_EQ(notices["subjects"], nlohmann::json::array({"notices.mail"}));
  EXPECT_EQ(notices["discard"], "old");
  EXPECT_GT(notices["max_age"], 0);
  const auto orders = StreamInfo("EVENTS_orders")["config"];
  EXPECT_EQ(orders["storage"], "file");
  EXPECT_EQ(orders["discard"], "new");
  EXPECT_EQ(orders["retention"], "limits");
  EXPECT_EQ(StreamInfo("EVENTS_dead_letters")["config"]["storage"], "file");
}

TEST_F(StorageFollowsTheKindOfSubscription, TopicsThatDifferOnlyInDotAndUnderscoreHaveStreamsOfTheirOwn) {
  auto bus = Connect();
  ASSERT_THAT(bus->Publish("a.b", "dot"), IsOk());
  ASSERT_THAT(bus->Publish("a_b", "underscore"), IsOk());
  EXPECT_EQ(StreamInfo("EVENTS_a_b")["state"]["messages"], 1);
  EXPECT_EQ(StreamInfo("EVENTS_a-_b")["state"]["messages"], 1);
}

TEST_F(StorageFollowsTheKindOfSubscription, AStreamOfTheOtherStorageIsWarnedOfCountedAndUsed) {
  std::mutex mutex;
  std::string warnings;
  auto options = Options();
  options.log = [&](LogLevel level, std::string_view line) {
    std::lock_guard<std::mutex> lock(mutex);
    if (level == LogLevel::kWarning) warnings += line;
  };
  auto bus = Connect(options);
  ASSERT_THAT(bus->Publish("orders", "plain"), IsOk());
  Log log;
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Logging(log)), IsOk());
  PublishNumbered(*bus, "orders", 1, 3);
  ASSERT_TRUE(log.Reaches(3));
  EXPECT_EQ(StreamInfo("EVENTS_orders")["config"]["storage"], "memory");
  EXPECT_GE(bus->Stats().storage_mismatches, 1u);
  std::lock_guard<std::mutex> lock(mutex);
  EXPECT_THAT(warnings, ::testing::HasSubstr("EVENTS_orders"));
}

TEST_F(StorageFollowsTheKindOfSubscription, AStrictBusRefusesAStreamOfTheOtherStorage) {
  auto options = Options();
  options.storage_mismatch = StorageMismatch::kRefuse;
  auto bus = Connect(options);
  ASSERT_THAT(bus->Publish("orders", "plain"), IsOk());
  EXPECT_THAT(bus->SubscribeEnvelope("orders", [](const Envelope&, const Delivery&) { return Ack(); }),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("memory")));
  EXPECT_THAT(bus->PublishEnvelope("orders", Event("k", "p")), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(StorageFollowsTheKindOfSubscription, ClosingKeepsTheDurableAndWhatItConsumed) {
  Log log;
  for (int round = 0; round < 2; ++round) {
    auto bus = Connect();
    ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log)), IsOk());
    PublishNumbered(*bus, "orders", 1, 1);
    ASSERT_TRUE(log.Reaches(static_cast<std::size_t>(round) + 1));
    ASSERT_THAT(bus->Drain(kPatience).status, IsOk());
  }
  EXPECT_EQ(log.count(), 2u) << "the second round does not see the first event again";
  auto raw = RawNats::Connect(server_->port());
  auto info = raw->Request("$JS.API.CONSUMER.INFO.EVENTS_orders.billing", "");
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(nlohmann::json::parse(info->body)["num_ack_pending"], 0);
}

}  // namespace
}  // namespace penstock::testing
