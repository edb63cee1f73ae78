// SPDX-License-Identifier: Apache-2.0
// Delayed messages while streams fill up, refuse, or are made anew.
#include <string>

#include "scenarios/made_ahead.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;
using ::testing::ElementsAre;

constexpr const char* kDelayed = "EVENTS-delayed";

class ADelayedMessageSurvives : public MadeAhead {
 protected:
  void SetUp() override {
    UseServer();
    BusOptions options = LoggingOptions();
    options.publish_timeout = std::chrono::seconds(2);
    options.limits.duplicate_window = std::chrono::seconds(4);
    options.relay_delayed = true;
    bus_ = Connect(std::move(options));
    ASSERT_TRUE(Eventually([&] { return bus_->Stats().delayed.owner; }, kPatience));
  }

  absl::Status Publish(const std::string& id, const PublishOptions& options) const {
    Envelope event = Event("a", id);
    event.event_id = id;
    return bus_->PublishEnvelope("orders", std::move(event), options).status();
  }
  /// Each of a key of its own, all due at once; returns when they are stored.
  void PublishMany(int count, system_clock::time_point due) const {
    std::atomic<int> stored = 0;
    for (int i = 0; i < count; ++i) {
      ASSERT_THAT(bus_->PublishEnvelopeAsync("orders", Event(std::to_string(i), "x"),
                                             [&](const absl::StatusOr<PubAck>& ack) { stored += ack.ok() ? 1 : 0; },
                                             {.deliver_at = due}),
                  IsOk());
    }
    ASSERT_TRUE(Eventually([&] { return stored == count; }, kPatience));
  }
  void Change(const std::string& stream, const Json& settings) const {
    Json config = Api("STREAM.INFO." + stream).at("config");
    config.update(settings);
    EXPECT_FALSE(Api("STREAM.UPDATE." + stream, config).contains("error"));
  }
  bool Holds(const std::string& stream, int count) const {
    return Eventually(
        [&] {
          const Json info = Api("STREAM.INFO." + stream);
          return info.contains("state") && info["state"].value("messages", -1) == count;
        },
        kPatience);
  }

  std::unique_ptr<EventBus> bus_;
  Log log_;
};

TEST_F(ADelayedMessageSurvives, TheEndOfItsTopicsStream) {
  ASSERT_THAT(Publish("1", {.delay = milliseconds(1)}), IsOk());
  ASSERT_TRUE(Holds(kStream, 1));
  Api(std::string("STREAM.DELETE.") + kStream);
  ASSERT_THAT(Publish("2", {.delay = milliseconds(1)}), IsOk());
  EXPECT_TRUE(Holds(kStream, 1)) << "its stream was not created again";
  EXPECT_TRUE(Holds(kDelayed, 0));
}

// What was published cannot be removed; an operator makes the stream anew, as its rule says.
TEST_F(ADelayedMessageSurvives, TheEndOfTheStreamInWhichOthersWaitedBeforeIt) {
  Change(kDelayed, {{"deny_delete", true}});
  // A stream made anew within a second has the same time of creation.
  const auto due = system_clock::now() + std::chrono::seconds(2);
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_THAT(bus_->PublishEnvelope("orders", Event(key, key), {.deliver_at = due}), IsOk());
  }
  ASSERT_TRUE(Holds(kStream, 3));
  Json config = Api(std::string("STREAM.INFO.") + kDelayed).at("config");
  config["deny_delete"] = false;
  Api(std::string("STREAM.DELETE.") + kDelayed);
  EXPECT_TRUE(
      Eventually([&] { return Api(std::string("STREAM.CREATE.") + kDelayed, config).contains("config"); }, kPatience));
  for (const char* id : {"4", "5", "6"}) ASSERT_THAT(Publish(id, {.delay = milliseconds(300)}), IsOk());
  EXPECT_TRUE(Holds(kStream, 6)) << "some had the sequences of those that were to be removed";
  EXPECT_TRUE(Holds(kDelayed, 0));
}

TEST_F(ADelayedMessageSurvives, AFullStreamWithoutBeingOvertaken) {
  ASSERT_THAT(Publish("first", {}), IsOk());
  Change(kStream, {{"max_msgs", 1}, {"discard", "new"}});
  ASSERT_THAT(Publish("earlier", {.delay = milliseconds(1)}), IsOk());
  ASSERT_TRUE(Eventually([&] { return bus_->Stats().delayed.failed > 0; }, kPatience));
  Change(kStream, {{"max_msgs", -1}});
  ASSERT_THAT(Publish("later", {.delay = milliseconds(1)}), IsOk());
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log_)), IsOk());
  ASSERT_TRUE(log_.Reaches(3));
  EXPECT_THAT(log_.Of("a"), ElementsAre("first", "earlier", "later"));
}

TEST_F(ADelayedMessageSurvives, BeingPutForwardToATimeThatIsPast) {
  ASSERT_THAT(Publish("moved", {.delay = std::chrono::seconds(6)}), IsOk());
  ASSERT_THAT(Publish("moved", {.deliver_at = system_clock::now() - std::chrono::seconds(1)}), IsOk());
  ASSERT_TRUE(Holds(kStream, 1));
  EXPECT_TRUE(Holds(kDelayed, 0));
  ASSERT_THAT(Publish("last", {.delay = std::chrono::seconds(7)}), IsOk());
  ASSERT_TRUE(Holds(kStream, 2));
  EXPECT_TRUE(Holds(kDelayed, 0));
  EXPECT_EQ(Api("STREAM.MSG.GET.EVENTS_orders", {{"seq", 3}}).value("error", Json::object()).value("err_code", 0),
            10037)
      << "it came at its first time, too";
}

TEST_F(ADelayedMessageSurvives, ACloseThatWaitsForNoSilentServer) {
  constexpr int kCount = 3000;
  PublishMany(kCount, system_clock::now() + std::chrono::seconds(2));
  ASSERT_TRUE(Eventually([&] { return bus_->Stats().delayed.relayed > 0; }, kPatience));
  server_->Pause();
  const auto begun = std::chrono::steady_clock::now();
  bus_->Close();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(3));
  bus_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(4));
  server_->Resume();
}

TEST_F(ADelayedMessageSurvives, ADrainThatRemovesWhatWasPublished) {
  constexpr int kCount = 5000;
  PublishMany(kCount, system_clock::now() + std::chrono::seconds(6));
  ASSERT_TRUE(Eventually([&] { return bus_->Stats().delayed.relayed > kCount / 2; }, kPatience));
  EXPECT_THAT(bus_->Drain(kPatience).status, IsOk());
  const int published = Api(std::string("STREAM.INFO.") + kStream)["state"].value("messages", 0);
  EXPECT_TRUE(Holds(kDelayed, kCount - published)) << "a successor that comes late publishes some again";
}

}  // namespace
}  // namespace penstock::testing
