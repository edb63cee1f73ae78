// SPDX-License-Identifier: Apache-2.0
// A stream that an operator deletes and makes anew, with settings that lose messages, while a bus uses it.
#include <algorithm>
#include <string>

#include "scenarios/letter_box.h"
#include "scenarios/made_ahead.h"

namespace penstock::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kLetters = "EVENTS_dead_letters";

class AStreamMadeAnew : public MadeAhead {
 protected:
  void SetUp() override {
    UseServer();
    BusOptions options = LoggingOptions();
    options.publish_timeout = std::chrono::seconds(2);
    bus_ = Connect(std::move(options));
  }

  void Subscribe() {
    ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "billing"},
                                        [this](const Envelope& event, const Delivery&) {
                                          if (event.payload == "poison") return Reject("unknown currency");
                                          log_.Add(event.aggregate_id, event.payload);
                                          return Ack();
                                        }),
                IsOk());
  }
  absl::Status Publish(const std::string& key, const std::string& payload) {
    return bus_->PublishEnvelope("orders", Event(key, payload)).status();
  }

  void MakeAnew(const std::string& stream, const std::string& subject, const Json& settings = Json::object()) const {
    Api("STREAM.DELETE." + stream);  // if it is there
    Json config = {{"name", stream}, {"subjects", Json::array({subject})}};
    config.update(settings);
    // A server may still be removing the files of the other one.
    EXPECT_TRUE(Eventually([&] { return Api("STREAM.CREATE." + stream, config).contains("config"); }, kPatience));
  }
  bool Update(const std::string& stream, const Json& settings) const {
    Json config = Api("STREAM.INFO." + stream).at("config");
    config.update(settings);
    return !Api("STREAM.UPDATE." + stream, config).contains("error");
  }

  // Its letter was lost; the message was not, and its key waits.
  void LoseALetter() {
    Subscribe();
    ASSERT_THAT(Publish("a", "poison"), IsOk());
    ASSERT_EQ(AwaitLetters(*bus_, 1).size(), 1U);
    MakeAnew(kLetters, std::string(kLetters) + ".>", {{"retention", "interest"}, {"duplicate_window", 5'000'000'000}});
    ASSERT_THAT(Publish("b", "poison"), IsOk());
    ASSERT_THAT(Publish("b", "1"), IsOk());
    ASSERT_THAT(Publish("c", "1"), IsOk());
    ASSERT_TRUE(lines_.Gets("\"retention\" is interest"));
    ASSERT_TRUE(log_.Reaches(1));
    EXPECT_THAT(log_.Of("b"), IsEmpty());
    EXPECT_EQ(OnlySubscription(*bus_).terminated, 1U);
    EXPECT_EQ(Info("billing").value("num_ack_pending", 0), 2);
  }

  void ExpectItsLetter() {
    const auto letters = AwaitLetters(*bus_, 1);
    ASSERT_EQ(letters.size(), 1U);
    EXPECT_EQ(letters.front().key, "b");
    EXPECT_TRUE(log_.Reaches(2));
    EXPECT_THAT(log_.Of("b"), ElementsAre("1"));
    EXPECT_TRUE(AllSettled("billing")) << Info("billing");
  }

  std::unique_ptr<EventBus> bus_;
  Log log_;
};

TEST_F(AStreamMadeAnew, ThatKeepsNoLetterTerminatesNothingUntilItIsMadeAnewOnceMore) {
  LoseALetter();
  MakeAnew(kLetters, std::string(kLetters) + ".>");
  ExpectItsLetter();
}

// The server knows the ID of the letter that it did not keep, until its duplicate window is over.
TEST_F(AStreamMadeAnew, ThatKeepsNoLetterTerminatesNothingUntilItIsChangedAsTheRemedySays) {
  LoseALetter();
  if (!Update(kLetters, {{"retention", "limits"}})) {
    GTEST_SKIP() << "this server changes no retention";
  }
  ExpectItsLetter();
}

// The second event's PubAck shows that the stream is another one.
TEST_F(AStreamMadeAnew, OfATopicIsRefusedByThePublishAfterNext) {
  for (const auto& [field, settings] :
       {std::pair<std::string, Json>{"retention", {{"retention", "interest"}}}, {"max_msgs", {{"max_msgs", 1}}}}) {
    auto bus = Connect();
    MakeAnew(kStream, "orders");
    ASSERT_THAT(bus->PublishEnvelope("orders", Event("a", "1")), IsOk());
    MakeAnew(kStream, "orders", settings);
    bus->PublishEnvelope("orders", Event("a", "2")).status().IgnoreError();
    EXPECT_THAT(bus->PublishEnvelope("orders", Event("a", "3")),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr("\"EVENTS_orders\""), HasSubstr("\"" + field + "\""))));
    MakeAnew(kStream, "orders");
    EXPECT_THAT(bus->PublishEnvelope("orders", Event("a", "3")), IsOk()) << "what is refused is looked at every time";
  }
}

TEST_F(AStreamMadeAnew, OfATopicIsLookedAtByItsConsumerToo) {
  Subscribe();
  ASSERT_THAT(Publish("a", "1"), IsOk());
  ASSERT_TRUE(log_.Reaches(1));
  MakeAnew(kStream, "orders", {{"max_msgs_per_subject", 5000}});
  ASSERT_TRUE(Eventually([&] { return Info("billing").contains("config"); }, kPatience));
  ASSERT_THAT(Publish("a", "2"), IsOk());
  ASSERT_TRUE(log_.Reaches(2));
  ASSERT_THAT(Publish("a", "3"), IsOk());
  ASSERT_TRUE(log_.Reaches(3));
  EXPECT_THAT(log_.Of("a"), ElementsAre("1", "2", "3"));
  EXPECT_TRUE(lines_.Gets("\"max_msgs_per_subject\" is 5000"));
}

}  // namespace
}  // namespace penstock::testing
