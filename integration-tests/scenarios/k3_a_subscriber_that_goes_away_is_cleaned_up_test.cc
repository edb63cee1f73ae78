// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

absl::Status Sink(const Delivery&) { return absl::OkStatus(); }

class ASubscriberThatGoesAway : public Scenario {
 protected:
  /// The server's list of a stream's consumers.
  std::vector<nlohmann::json> Consumers(const std::string& stream) {
    auto raw = RawNats::Connect(server_->port());
    EXPECT_THAT(raw, IsOk());
    auto answer = raw->Request("$JS.API.CONSUMER.LIST." + stream, "");
    EXPECT_THAT(answer, IsOk());
    const auto reply = nlohmann::json::parse(answer->body, nullptr, false);
    return reply.contains("consumers") && reply["consumers"].is_array()
               ? reply["consumers"].get<std::vector<nlohmann::json>>()
               : std::vector<nlohmann::json>{};
  }
};

TEST_F(ASubscriberThatGoesAway, LeavesNoConsumerBehindWhenItWasClosedOrDestroyed) {
  UseServer();
  auto bus = Connect();
  auto other = Connect(Options("other"));
  ASSERT_THAT(bus->Subscribe("notices", Sink), IsOk());
  ASSERT_THAT(bus->Subscribe("noti*", Sink), StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_THAT(bus->Subscribe("*", Sink), IsOk());
  auto kept = other->Read("notices");
  auto dropped = other->Read("notices");
  ASSERT_THAT(dropped, IsOk());
  EXPECT_EQ(Consumers("EVENTS_notices").size(), 4u);
  bus.reset();
  EXPECT_TRUE(Eventually([&] { return Consumers("EVENTS_notices").size() == 2; }, kPatience));
  { const Reader gone = *std::move(dropped); }
  EXPECT_TRUE(Eventually([&] { return Consumers("EVENTS_notices").size() == 1; }, kPatience));
  other->Close();
  EXPECT_TRUE(Eventually([&] { return Consumers("EVENTS_notices").empty(); }, kPatience));
}

// That a server acts on it, also when nobody publishes: `TopicStreamContractTest`.
TEST_F(ASubscriberThatGoesAway, TheServerForgetsASubscriberThatVanishedAfterFiveMinutes) {
  UseServer();
  auto bus = Connect();
  ASSERT_THAT(bus->Subscribe("notices", Sink), IsOk());
  auto reader = bus->Read("notices");
  const auto consumers = Consumers("EVENTS_notices");
  ASSERT_EQ(consumers.size(), 2u);
  for (const auto& each : consumers) {
    EXPECT_EQ(each["config"]["inactive_threshold"], std::chrono::nanoseconds(std::chrono::minutes(5)).count());
  }
}

TEST_F(ASubscriberThatGoesAway, TheEmbeddedBusForgetsATopicWithoutMessagesAndSubscribers) {
  UseMemory();
  auto options = Options();
  options.publish_timeout = milliseconds(500);
  options.limits.memory_max_age = seconds(1);
  options.limits.duplicate_window = seconds(1);
  auto bus = Connect(options);
  options.client_id = "leaving";
  auto leaving = Connect(options);
  ASSERT_THAT(leaving->Subscribe("chat.a", Sink), IsOk());
  const auto ack = bus->Publish("chat.b", "n");
  ASSERT_THAT(ack, IsOk());
  const auto topics = [&] {
    const auto id = bus->Subscribe("chat.*", Sink);
    EXPECT_THAT(id, IsOk());
    std::set<std::string> found;
    for (const auto& each : bus->Stats().subscriptions) found.insert(each.topic);
    EXPECT_THAT(bus->Unsubscribe(*id), IsOk());
    return found;
  };
  EXPECT_THAT(topics(), ::testing::UnorderedElementsAre("chat.a", "chat.b"));
  leaving.reset();  // without a word
  // Looking subscribes, which keeps a topic for a second more.
  EXPECT_TRUE(Eventually([&] { return topics().empty(); }, kPatience, seconds(2)));
  const auto again = bus->Publish("chat.b", "n");
  ASSERT_THAT(again, IsOk()) << "whoever needs it makes it anew";
  EXPECT_EQ(again->sequence, 1u);
  ASSERT_THAT(bus->Subscribe("chat.a", Sink), IsOk());
  EXPECT_THAT(bus->Publish("chat.a", "n"), IsOk());
  EXPECT_TRUE(Eventually([&] { return topics().contains("chat.a"); }, kPatience));
}

TEST_F(ASubscriberThatGoesAway, AServerKeepsAnEmptyTopic) {
  UseServer();
  {
    auto bus = Connect();
    ASSERT_THAT(bus->Subscribe("notices", Sink), IsOk());
  }
  auto raw = RawNats::Connect(server_->port());
  auto info = raw->Request("$JS.API.STREAM.INFO.EVENTS_notices", "");
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(nlohmann::json::parse(info->body)["state"]["messages"], 0);
}

}  // namespace
}  // namespace penstock::testing
