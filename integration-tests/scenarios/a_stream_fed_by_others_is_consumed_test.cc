// SPDX-License-Identifier: Apache-2.0
// Mirrors, and streams with sources: what comes from other streams is handled, tried again, dead-lettered.
#include <atomic>
#include <string>

#include "scenarios/letter_box.h"
#include "scenarios/made_ahead.h"

namespace penstock::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kOrigin = "ORIGIN_orders";

class AStreamFedByOthers : public MadeAhead {
 protected:
  void SetUp() override {
    UseServer();
    origin_ = Connect(OptionsFor("ORIGIN"));
    bus_ = Connect(OptionsFor("EVENTS"));
  }
  BusOptions OptionsFor(const std::string& base) {
    BusOptions options = LoggingOptions();
    options.base_stream_name = base;
    return options;
  }

  void MakeStream(const std::string& name, const Json& settings) const {
    Json config = {{"name", name}};
    config.update(settings);
    const Json made = Api("STREAM.CREATE." + name, config);
    ASSERT_FALSE(made.contains("error")) << made;
  }
  void PublishToOrigin(const std::string& key, const std::string& payload) {
    ASSERT_THAT(origin_->PublishEnvelope("orders", Event(key, payload)), IsOk());
  }

  // k0's second fails once; k1's first is rejected.
  void ExpectThatItIsConsumed() {
    for (const std::string number : {"0", "1", "2"}) {
      PublishToOrigin("k0", number);
      PublishToOrigin("k1", number);
    }
    ASSERT_THAT(
        bus_->SubscribeEnvelope("orders", {.durable = "billing"},
                                [this](const Envelope& event, const Delivery&) -> Outcome {
                                  if (event.aggregate_id == "k0" && event.payload == "1" && !failed_.exchange(true))
                                    return Retry("once");
                                  if (event.aggregate_id == "k1" && event.payload == "0") return Reject("never");
                                  log_.Add(event.aggregate_id, event.payload);
                                  return Ack();
                                }),
        IsOk());
    ASSERT_TRUE(log_.Reaches(5));
    EXPECT_TRUE(AllSettled("billing")) << Info("billing");
    PublishToOrigin("k0", "3");
    ASSERT_TRUE(log_.Reaches(6));
    EXPECT_THAT(log_.Of("k0"), ElementsAre("0", "1", "2", "3"));
    EXPECT_THAT(log_.Of("k1"), ElementsAre("1", "2"));
    const auto letters = AwaitLetters(*bus_, 1);
    ASSERT_EQ(letters.size(), 1U);
    EXPECT_EQ(letters.front().key, "k1");
  }

  // Redriving as well: the letter stays.
  void ExpectThatPublishingIsRefused(const std::string& field, const std::string& remedy) {
    const auto refusal =
        StatusIs(absl::StatusCode::kFailedPrecondition,
                 AllOf(HasSubstr("\"EVENTS_orders\""), HasSubstr("\"" + field + "\" is "), HasSubstr(remedy)));
    EXPECT_THAT(bus_->PublishEnvelope("orders", Event("k0", "4")), refusal);
    const auto redriven = bus_->dead_letters().Redrive({.topic = "orders"});
    ASSERT_THAT(redriven, IsOk());
    EXPECT_EQ(redriven->failed, 1U);
    EXPECT_THAT(redriven->first_error, refusal);
    EXPECT_EQ(Letters(*bus_).size(), 1U);
  }

  std::unique_ptr<EventBus> origin_, bus_;
  std::atomic<bool> failed_{false};
  Log log_;
};

TEST_F(AStreamFedByOthers, AsAMirror) {
  MakeStream(kOrigin, {{"subjects", {"orders"}}});
  MakeStream(kStream, {{"mirror", {{"name", kOrigin}}}});
  ExpectThatItIsConsumed();
  ExpectThatPublishingIsRefused("mirror", "publish to the stream that it mirrors");
}

TEST_F(AStreamFedByOthers, ByASourceAlone) {
  MakeStream(kOrigin, {{"subjects", {"orders"}}});
  MakeStream(kStream, {{"sources", {{{"name", kOrigin}}}}});
  ExpectThatItIsConsumed();
  ExpectThatPublishingIsRefused("sources", "publish to the streams that are its sources");
}

TEST_F(AStreamFedByOthers, ByASourceBesideWhatIsPublishedToIt) {
  MakeStream(kOrigin, {{"subjects", {"branch"}}});
  MakeStream(kStream, {{"subjects", {"orders"}}, {"sources", {{{"name", kOrigin}}}}});
  ASSERT_FALSE(Make({{"durable_name", "all"},
                     {"ack_policy", "explicit"},
                     {"deliver_subject", "x"},
                     {"idle_heartbeat", 1'000'000'000}})
                   .contains("error"));
  EXPECT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "all"}, Logging(log_)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("filter_subject")))
      << "what the source brings is of other subjects";
  ASSERT_THAT(bus_->PublishEnvelope("orders", Event("k0", "0")), IsOk());
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log_)), IsOk());
  auto raw = RawNats::Connect(server_->port());
  ASSERT_THAT(raw, IsOk());
  ASSERT_THAT(raw->Request("branch", "of another subject"), IsOk());
  ASSERT_TRUE(Eventually([&] { return Api("STREAM.INFO.EVENTS_orders")["state"]["messages"] == 2; }, kPatience));
  ASSERT_THAT(bus_->PublishEnvelope("orders", Event("k0", "1")), IsOk());
  ASSERT_TRUE(log_.Reaches(2));
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0", "1"));
  EXPECT_TRUE(AllSettled("billing")) << Info("billing");
}

}  // namespace
}  // namespace penstock::testing
