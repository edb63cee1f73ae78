// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AnEventThatIsTooOld : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    bus_ = Connect();
  }

  void Publish(const std::string& payload, system_clock::time_point expires_at = {}) {
    Envelope event = Event("a", payload);
    event.expires_at = expires_at;
    ASSERT_THAT(bus_->PublishEnvelope("orders", std::move(event)), IsOk());
  }
  static system_clock::time_point Past() { return system_clock::now() - std::chrono::hours(1); }
  static system_clock::time_point Future() { return system_clock::now() + std::chrono::hours(1); }

  std::vector<DeadLetter> Letters() {
    const auto listed = bus_->dead_letters().List({.topic = "orders"});
    EXPECT_THAT(listed, IsOk());
    return listed.ok() ? listed->letters : std::vector<DeadLetter>();
  }

  std::unique_ptr<EventBus> bus_;
  Log log_;
};

TEST_P(AnEventThatIsTooOld, IsKeptAsADeadLetterAndHandledWhenItIsRedriven) {
  Publish("expired", Past());
  Publish("good", Future());
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log_)), IsOk());
  ASSERT_TRUE(log_.Reaches(1));
  EXPECT_THAT(log_.Of("a"), ElementsAre("good"));
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus_).terminated == 1; }, kPatience));
  const auto letters = Letters();
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].error_class, "expired");
  EXPECT_EQ(OnlySubscription(*bus_).expired, 1u);
  EXPECT_EQ(OnlySubscription(*bus_).failed, 0u);
  ASSERT_THAT(bus_->dead_letters().Redrive({.topic = "orders"}), IsOk());
  ASSERT_TRUE(log_.Reaches(2));
  EXPECT_THAT(log_.Of("a"), ElementsAre("good", "expired"));
}

TEST_P(AnEventThatIsTooOld, IsDroppedWhereThatIsAskedFor) {
  Publish("expired", Past());
  Publish("good");
  ASSERT_THAT(
      bus_->SubscribeEnvelope("orders", {.durable = "billing", .when_expired = WhenExpired::kDrop}, Logging(log_)),
      IsOk());
  ASSERT_TRUE(log_.Reaches(1));
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus_).acked == 2; }, kPatience));
  EXPECT_THAT(log_.Of("a"), ElementsAre("good"));
  EXPECT_EQ(OnlySubscription(*bus_).expired, 1u);
  EXPECT_TRUE(Letters().empty());
}

TEST_P(AnEventThatIsTooOld, IsOneThatWasStoredTooLongAgo) {
  Publish("old");
  const auto stored = system_clock::now();
  ASSERT_TRUE(Eventually([&] { return system_clock::now() - stored > milliseconds(50); }, kPatience));
  ASSERT_THAT(bus_->SubscribeEnvelope(
                  "orders", {.durable = "billing", .max_age = milliseconds(20), .when_expired = WhenExpired::kDrop},
                  Logging(log_)),
              IsOk());
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus_).expired == 1; }, kPatience));
  EXPECT_EQ(log_.count(), 0u);
}

TEST_P(AnEventThatIsTooOld, TakesWhatFollowsAlongWhereTheKeyIsQuarantined) {
  Publish("expired", Past());
  Publish("follows");
  ASSERT_THAT(bus_->SubscribeEnvelope(
                  "orders", {.durable = "billing", .after_dead_letter = AfterDeadLetter::kQuarantine}, Logging(log_)),
              IsOk());
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus_).terminated == 2; }, kPatience));
  EXPECT_EQ(log_.count(), 0u);
  ASSERT_THAT(bus_->dead_letters().Redrive({.topic = "orders"}), IsOk());
  ASSERT_TRUE(log_.Reaches(2));
  EXPECT_THAT(log_.Of("a"), ElementsAre("expired", "follows"));
}

TEST_P(AnEventThatIsTooOld, OptionsOutOfRangeAreRefused) {
  const auto refused = [&](EnvelopeSubscribeOptions options, const char* field) {
    EXPECT_THAT(bus_->SubscribeEnvelope("orders", std::move(options), Logging(log_)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field)));
  };
  refused({.max_age = milliseconds(-1)}, "max_age");
  refused({.max_age = milliseconds::max()}, "max_age");
  refused({.when_expired = static_cast<WhenExpired>(7)}, "when_expired");
  refused({.after_dead_letter = AfterDeadLetter::kBlock, .max_age = milliseconds(1)}, "when_expired");
  Envelope event = Event("a", "");
  event.expires_at = system_clock::time_point::max();
  EXPECT_THAT(bus_->PublishEnvelope("orders", event),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expires_at")));
}

PENSTOCK_ON_EVERY_TRANSPORT(AnEventThatIsTooOld);

}  // namespace
}  // namespace penstock::testing
