// SPDX-License-Identifier: Apache-2.0
#include "scenarios/letter_box.h"

namespace penstock::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class DeadLettersAreRedrivenByChoice : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    bus_ = Connect();
    for (const char* topic : {"orders", "orders.eu"}) ASSERT_THAT(Subscribe(topic), IsOk());
  }

  absl::Status Subscribe(const std::string& topic) {
    return bus_
        ->SubscribeEnvelope(topic, {.durable = "billing"},
                            [this](const Envelope& event, const Delivery& delivery) { return Handle(event, delivery); })
        .status();
  }

  Outcome Handle(const Envelope& event, const Delivery& delivery) {
    if (!fixed_) return Reject("not yet");
    log_.Add(std::string(delivery.topic()), event.aggregate_id + event.payload);
    return Ack();
  }
  // Three letters of "orders", of keys a, b, a, and one of "orders.eu".
  void MakeLetters() {
    for (const char* key : {"a", "b", "a"}) {
      ASSERT_THAT(bus_->PublishEnvelope("orders", Event(key, std::to_string(published_++))), IsOk());
    }
    ASSERT_THAT(bus_->PublishEnvelope("orders.eu", Event("a", std::to_string(published_++))), IsOk());
    ASSERT_EQ(AwaitLetters(*bus_, 4).size(), 4U);
    ASSERT_TRUE(Eventually([this] { return IsQuiet(); }, kPatience));
  }

  bool IsQuiet() const {
    const auto all = bus_->Stats().subscriptions;
    return std::all_of(all.begin(), all.end(), [](const auto& each) { return each.in_flight == 0; });
  }

  std::atomic<bool> fixed_{false};
  int published_ = 0;
  Log log_;
  std::unique_ptr<EventBus> bus_;
};

PENSTOCK_ON_EVERY_TRANSPORT(DeadLettersAreRedrivenByChoice);

TEST_P(DeadLettersAreRedrivenByChoice, OfATopicAKeyAnIdOrATime) {
  MakeLetters();
  fixed_ = true;
  EXPECT_EQ(Redrive(*bus_, {.topic = "orders", .key = "b"}).sent, 1U);
  EXPECT_EQ(AwaitLetters(*bus_, 3).size(), 3U);
  EXPECT_THAT(log_.Of("orders"), ElementsAre("b1"));
  EXPECT_EQ(Redrive(*bus_, {.topic = "orders.eu"}).sent, 1U);
  EXPECT_EQ(AwaitLetters(*bus_, 2).size(), 2U);
  EXPECT_THAT(log_.Of("orders.eu"), ElementsAre("a3"));
  const auto left = Letters(*bus_);
  EXPECT_EQ(Redrive(*bus_, {.failed_to = left.front().last_failed_at - std::chrono::hours(1)}).matched, 0U);
  EXPECT_EQ(Redrive(*bus_, {.ids = {left.back().id}}).sent, 1U);
  EXPECT_EQ(AwaitLetters(*bus_, 1).size(), 1U);
  EXPECT_EQ(Redrive(*bus_, {.failed_from = left.front().last_failed_at}).sent, 1U);
  EXPECT_THAT(AwaitLetters(*bus_, 0), IsEmpty());
  EXPECT_THAT(log_.Of("orders"), ElementsAre("b1", "a2", "a0"));
}

TEST_P(DeadLettersAreRedrivenByChoice, InPlanBeforeInDeed) {
  MakeLetters();
  fixed_ = true;
  const RedriveReport plan = Redrive(*bus_, {.error_class = "rejected"}, {.mode = RedriveMode::kDryRun});
  EXPECT_EQ(plan.matched, 4U);
  EXPECT_EQ(plan.sent, 4U);
  EXPECT_EQ(Letters(*bus_).size(), 4U);
  EXPECT_EQ(log_.count(), 0U);
  EXPECT_EQ(Redrive(*bus_, {.error_class = "rejected"}).sent, plan.sent);
  EXPECT_THAT(AwaitLetters(*bus_, 0), IsEmpty());
  EXPECT_THAT(log_.Of("orders"), UnorderedElementsAre("a0", "b1", "a2"));
}

TEST_P(DeadLettersAreRedrivenByChoice, NoFasterThanAllowed) {
  MakeLetters();
  fixed_ = true;
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(Redrive(*bus_, {.topic = "orders"}, {.messages_per_second = 20}).sent, 3U);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(100));
}

TEST_P(DeadLettersAreRedrivenByChoice, NotForEver) {
  ASSERT_THAT(bus_->PublishEnvelope("orders", Event("a", "0")), IsOk());
  ASSERT_EQ(AwaitLetters(*bus_, 1).size(), 1U);
  for (std::uint64_t round = 1; round <= 3; ++round) {
    EXPECT_EQ(Redrive(*bus_, {.topic = "orders"}).sent, 1U);
    ASSERT_TRUE(Eventually(
        [&] {
          const auto letters = Letters(*bus_);
          return letters.size() == 1 && letters.front().redrive_count == round;
        },
        kPatience))
        << "round " << round;
  }
  EXPECT_EQ(Redrive(*bus_, {.topic = "orders"}).skipped_loop_guard, 1U);
  const auto letters = Letters(*bus_);
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters.front().origin_sequence, 1U);
  fixed_ = true;
  EXPECT_EQ(Redrive(*bus_, {.topic = "orders"}, {.max_redrives = 4}).sent, 1U) << "unless it is asked for";
  EXPECT_THAT(AwaitLetters(*bus_, 0), IsEmpty());
}

TEST_P(DeadLettersAreRedrivenByChoice, WithoutTheSubscriptionTheyWaitForIt) {
  MakeLetters();
  fixed_ = true;
  const auto id = bus_->Stats().subscriptions.front().id;
  ASSERT_EQ(bus_->Stats().subscriptions.front().topic, "orders");
  ASSERT_THAT(bus_->Unsubscribe(id), IsOk());
  EXPECT_EQ(Redrive(*bus_, {.topic = "orders"}).sent, 3U);
  EXPECT_EQ(Letters(*bus_, {.topic = "orders"}).size(), 3U) << "nobody has settled them";
  // The durable is free again a moment after its subscription has ended.
  ASSERT_TRUE(Eventually([this] { return Subscribe("orders").ok(); }, kPatience));
  EXPECT_THAT(AwaitLetters(*bus_, 0, {.topic = "orders"}), IsEmpty());
  EXPECT_EQ(log_.Of("orders").size(), 3U);
}

}  // namespace
}  // namespace penstock::testing
