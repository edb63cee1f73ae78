// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "scenarios/letter_box.h"

namespace penstock::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kStream = "EVENTS_dead_letters";

class ADeadLetterStreamThatIsDownLosesNothing : public Scenario {
 protected:
  void SetUp() override {
    UseServer();
    auto raw = RawNats::Connect(server_->port());
    ASSERT_THAT(raw, IsOk());
    raw_ = std::make_unique<RawNats>(*std::move(raw));
    bus_ = Start();
  }

  std::unique_ptr<EventBus> Start() {
    BusOptions options = Options();
    options.publish_timeout = std::chrono::milliseconds(300);
    options.log = [this](LogLevel, std::string_view line) {
      if (line.find("store a dead letter") != std::string_view::npos) refused_ = true;
    };
    auto bus = Connect(std::move(options));
    EXPECT_THAT(bus->SubscribeEnvelope("orders", {.durable = "billing"},
                                       [this](const Envelope& event, const Delivery&) {
                                         if (event.payload == "poison") return Reject("unknown currency");
                                         log_.Add(event.aggregate_id, event.payload);
                                         return Ack();
                                       }),
                IsOk());
    return bus;
  }

  nlohmann::json Ask(const std::string& what, const nlohmann::json& request) {
    auto answer = raw_->Request("$JS.API." + what, request.is_null() ? "" : request.dump());
    EXPECT_THAT(answer, IsOk());
    auto json = nlohmann::json::parse(answer.ok() ? answer->body : "{}", nullptr, false);
    EXPECT_FALSE(json.contains("error")) << json.dump();
    return json;
  }
  nlohmann::json LetterStream() const {
    return {{"name", kStream}, {"subjects", {std::string(kStream) + ".>"}}, {"storage", "file"}, {"discard", "new"}};
  }
  int Unacknowledged() { return Ask("CONSUMER.INFO.EVENTS_orders.billing", nullptr).value("num_ack_pending", -1); }

  void PublishPoison() {
    ASSERT_THAT(bus_->PublishEnvelope("orders", Event("k0", "poison")), IsOk());
    ASSERT_THAT(bus_->PublishEnvelope("orders", Event("k0", "1")), IsOk());
    ASSERT_THAT(bus_->PublishEnvelope("orders", Event("k1", "1")), IsOk());
  }
  void FillLetterStream() {
    nlohmann::json full = LetterStream();
    full["max_bytes"] = 10;
    Ask(std::string("STREAM.DELETE.") + kStream, nullptr);
    Ask(std::string("STREAM.CREATE.") + kStream, full);
  }
  void MakeRoomForLetters() {
    nlohmann::json roomy = LetterStream();
    roomy["max_bytes"] = -1;
    Ask(std::string("STREAM.UPDATE.") + kStream, roomy);
  }
  // The message stays, its key waits, other keys go on.
  void ExpectNothingIsTerminated() {
    ASSERT_TRUE(Eventually([&] { return refused_.load(); }, kPatience));
    ASSERT_TRUE(log_.Reaches(1));
    EXPECT_THAT(log_.Of("k1"), ElementsAre("1"));
    EXPECT_THAT(log_.Of("k0"), ::testing::IsEmpty());
    EXPECT_EQ(OnlySubscription(*bus_).terminated, 0U);
    EXPECT_GE(Unacknowledged(), 1);
  }
  void ExpectTheLetterArrives() {
    const auto letters = AwaitLetters(*bus_, 1);
    ASSERT_EQ(letters.size(), 1U);
    EXPECT_EQ(letters.front().stream_sequence, 1U);
    EXPECT_THAT(letters.front().error, HasSubstr("unknown currency"));
    ASSERT_TRUE(log_.Reaches(2));
    EXPECT_THAT(log_.Of("k0"), ElementsAre("1"));
    EXPECT_TRUE(Eventually([&] { return Unacknowledged() == 0; }, kPatience));
  }

  std::unique_ptr<RawNats> raw_;
  std::atomic<bool> refused_{false};
  Log log_;
  std::unique_ptr<EventBus> bus_;
};

// It is created again.
TEST_F(ADeadLetterStreamThatIsDownLosesNothing, WhenItIsGone) {
  Ask(std::string("STREAM.DELETE.") + kStream, nullptr);
  PublishPoison();
  ExpectTheLetterArrives();
  EXPECT_EQ(OnlySubscription(*bus_).terminated, 1U);
}

TEST_F(ADeadLetterStreamThatIsDownLosesNothing, WhenItIsFull) {
  FillLetterStream();
  PublishPoison();
  ExpectNothingIsTerminated();
  MakeRoomForLetters();
  ExpectTheLetterArrives();
}

TEST_F(ADeadLetterStreamThatIsDownLosesNothing, WhenTheServiceRestartsMeanwhile) {
  FillLetterStream();
  PublishPoison();
  ExpectNothingIsTerminated();
  bus_->Drain(std::chrono::milliseconds(500)).status.IgnoreError();  // cannot finish: the letter has nowhere to go
  bus_.reset();
  MakeRoomForLetters();
  bus_ = Start();
  ExpectTheLetterArrives();
}

}  // namespace
}  // namespace penstock::testing
