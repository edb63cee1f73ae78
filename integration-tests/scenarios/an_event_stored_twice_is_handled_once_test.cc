// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "absl/strings/str_replace.h"
#include "scenarios/scenario.h"
#include "support/relay/protocol_relay.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A server that stands alone, and a relay before it that gives it the name of a cluster.
class StoredTwice : public Scenario {
 protected:
  void SetUp() override {
    UseServer();
    auto relay = ProtocolRelay::Start({.server_port = server_->port()});
    ASSERT_THAT(relay, IsOk());
    relay_ = *std::move(relay);
  }

  void NameTheCluster() {
    relay_->Rewrite([](const std::string& frame) {
      return absl::StrReplaceAll(frame, {{"INFO {", "INFO {\"cluster\":\"east\","}});
    });
  }

  std::unique_ptr<EventBus> ConnectThere() {
    BusOptions options = Options();
    options.url = relay_->url();
    return Connect(std::move(options));
  }

  /// The server forgets the IDs that it has, as one does that becomes the leader; the subscription does not know.
  void ForgetIds(const std::string& stream) {
    auto raw = RawNats::Connect(server_->port());
    ASSERT_THAT(raw, IsOk());
    const auto info = raw->Request("$JS.API.STREAM.INFO." + stream, "");
    ASSERT_THAT(info, IsOk());
    auto config = nlohmann::json::parse(info->body)["config"];
    config["duplicate_window"] = std::chrono::nanoseconds(milliseconds(100)).count();
    const auto updated = raw->Request("$JS.API.STREAM.UPDATE." + stream, config.dump());
    ASSERT_THAT(updated, IsOk());
    ASSERT_EQ(updated->body.find("\"error\""), std::string::npos) << updated->body;
  }

  static void StoreAgain(EventBus& bus, const Envelope& event) {
    const auto stored = [&] {
      const auto ack = bus.PublishEnvelope("orders", event);
      return ack.ok() && !ack->duplicate;
    };
    ASSERT_TRUE(Eventually(stored, seconds(10), milliseconds(50)));
  }

  /// Stores an event twice and then another one; returns how often the first one was handled.
  int HandledOfOneStoredTwice(EventBus& bus) {
    std::atomic<int> first = 0, second = 0;
    const auto id =
        bus.SubscribeEnvelope("orders", {.durable = "billing"}, [&](const Envelope& event, const Delivery&) {
          ++(event.event_id == "e-1" ? first : second);
          return Ack();
        });
    EXPECT_THAT(id, IsOk());
    const Envelope event{.event_id = "e-1", .aggregate_id = "o-1", .event_type = "Placed", .payload = "{}"};
    EXPECT_THAT(bus.PublishEnvelope("orders", event), IsOk());
    EXPECT_TRUE(Eventually([&] { return first == 1; }, kPatience));
    ForgetIds(StreamName(bus.options().base_stream_name, "orders"));
    StoreAgain(bus, event);
    EXPECT_THAT(bus.PublishEnvelope("orders", {.aggregate_id = "o-1", .event_type = "Paid", .payload = "{}"}), IsOk());
    EXPECT_TRUE(Eventually([&] { return second == 1; }, kPatience));
    EXPECT_TRUE(Eventually([&] { return bus.Stats().subscriptions.at(0).acked == 3; }, kPatience));
    stats_ = bus.Stats().subscriptions.at(0);
    EXPECT_THAT(bus.Unsubscribe(*id), IsOk());
    return first;
  }

  std::unique_ptr<ProtocolRelay> relay_;
  SubscriptionStats stats_{};
};

TEST_F(StoredTwice, ByAServerOfAClusterItIsHandledOnceAndCounted) {
  NameTheCluster();
  const auto bus = ConnectThere();
  ASSERT_NE(bus, nullptr);
  EXPECT_EQ(HandledOfOneStoredTwice(*bus), 1);
  EXPECT_EQ(stats_.stored_twice, 1U);
  EXPECT_EQ(stats_.handled, 2U);
}

// There the same ID comes again only after the window: it is another event.
TEST_F(StoredTwice, ByAServerThatStandsAloneItIsHandledTwice) {
  const auto bus = ConnectThere();
  ASSERT_NE(bus, nullptr);
  EXPECT_EQ(HandledOfOneStoredTwice(*bus), 2);
  EXPECT_EQ(stats_.stored_twice, 0U);
}

}  // namespace
}  // namespace penstock::testing
