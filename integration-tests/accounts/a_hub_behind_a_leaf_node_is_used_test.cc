// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "accounts/account_trial.h"

namespace penstock::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::json;

/// A hub, and a leaf node with a JetStream of its own that is connected to it.
class AHubBehindALeafNode : public AccountTrial {
 protected:
  void SetUp() override {
    const int leaf_port = FreePort();
    hub_ = Launch({.domain = "hub", .config = absl::StrCat("leafnodes: { listen: \"127.0.0.1:", leaf_port, "\" }")});
    leaf_ =
        Launch({.domain = "leaf",
                .config = absl::StrCat(
                    "leafnodes: { reconnect: 1, remotes: [ { url: \"nats-leaf://127.0.0.1:", leaf_port, "\" } ] }")});
    ASSERT_TRUE(hub_ && leaf_);
  }

  BusOptions OptionsFor(const std::string& domain) {
    BusOptions options = Options(leaf_->url());
    options.jetstream_domain = domain;
    options.connect_timeout = seconds(10);  // the leaf node connects meanwhile
    return options;
  }

  static std::string StreamsOf(const NatsServer& server) {
    auto raw = RawNats::Connect(server.port());
    EXPECT_THAT(raw, IsOk());
    const auto names = raw->Request("$JS.API.STREAM.NAMES", "");
    EXPECT_THAT(names, IsOk());
    return names.ok() ? Json::parse(names->body)["streams"].dump() : "";
  }

  std::unique_ptr<NatsServer> hub_{}, leaf_{};
};

TEST_F(AHubBehindALeafNode, IsUsedForEverything) {
  const auto bus = Connect(OptionsFor("hub"));
  ASSERT_NE(bus, nullptr);
  UseEverything(*bus);
  EXPECT_THAT(StreamsOf(*hub_), AllOf(HasSubstr("EVENTS_orders"), HasSubstr("EVENTS_notes"),
                                      HasSubstr("EVENTS_dead_letters"), HasSubstr("KV_settings")));
  EXPECT_EQ(StreamsOf(*leaf_), "null") << "nothing was asked of the leaf node's own JetStream";
  EXPECT_THAT(bus->Drain(seconds(5)).status, IsOk());
}

TEST_F(AHubBehindALeafNode, IsUsedAsWellByItsPrefix) {
  BusOptions options = OptionsFor("");
  options.jetstream_api_prefix = "$JS.hub.API";
  const auto bus = Connect(options);
  ASSERT_NE(bus, nullptr);
  UseABucket(*bus);
  EXPECT_THAT(StreamsOf(*hub_), HasSubstr("KV_settings"));
  EXPECT_EQ(StreamsOf(*leaf_), "null");
}

TEST_F(AHubBehindALeafNode, IsAwaitedWhileTheLeafNodeIsCutOff) {
  hub_->Stop();
  BusOptions options = OptionsFor("hub");
  options.connect_timeout = seconds(20);
  absl::StatusOr<std::unique_ptr<EventBus>> bus;
  std::thread connecting([&] { bus = EventBus::Connect(options); });
  const absl::Status started = hub_->Start();
  connecting.join();
  ASSERT_THAT(started, IsOk());
  EXPECT_THAT(bus, IsOk());
}

TEST_F(AHubBehindALeafNode, IsNamedWhenNobodyAnswersThere) {
  BusOptions options = OptionsFor("nowhere");
  options.connect_timeout = milliseconds(500);
  EXPECT_THAT(EventBus::Connect(options),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("$JS.nowhere.API.INFO"), HasSubstr("jetstream_domain"))));
}

}  // namespace
}  // namespace penstock::testing
