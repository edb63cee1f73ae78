// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "scenarios/letter_box.h"
#include "scenarios/scenario.h"
#include "scenarios/stream_trial.h"

namespace penstock::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

class WhatIsRefusedForGoodHoldsNoEvent : public Scenario {
 protected:
  void Use(NatsServerOptions options = {}, std::string_view connect = {}) {
    UseServer(std::move(options));
    auto raw = connect.empty() ? RawNats::Connect(server_->port()) : RawNats::Connect(server_->port(), connect);
    ASSERT_THAT(raw, IsOk());
    raw_ = std::make_unique<RawNats>(*std::move(raw));
    trial_ = std::make_unique<StreamTrial>(*raw_);
  }

  // All handled, none twice, and their letters still there: told once.
  void ExpectLettersKept(const TrialResult& result) {
    EXPECT_THAT(result.subscribed, IsOk());
    EXPECT_EQ(result.letters, 3U);
    EXPECT_THAT(result.redrive, IsOk());
    EXPECT_EQ(result.handled, 6U);
    EXPECT_EQ(result.handled_twice, 0U);
    EXPECT_THAT(result.drained, IsOk());
    ASSERT_EQ(result.stats.subscriptions.size(), 1U);
    EXPECT_EQ(result.stats.subscriptions[0].letters_kept, 3U);
    EXPECT_EQ(result.stats.subscriptions[0].in_flight, 0U);
    EXPECT_EQ(std::ranges::count_if(result.warnings,
                                    [](const std::string& line) { return line.starts_with("remove a dead letter"); }),
              1);
  }

  std::unique_ptr<RawNats> raw_;
  std::unique_ptr<StreamTrial> trial_;
};

TEST_F(WhatIsRefusedForGoodHoldsNoEvent, ALetterThatMustNotBeDeletedStays) {
  Use();
  ASSERT_THAT(trial_->MakeLetterStream({{"deny_delete", true}}), IsOk());
  const TrialResult result = trial_->Run(Options());
  ExpectLettersKept(result);
  EXPECT_THAT(result.warnings, Contains(HasSubstr("\"deny_delete\"")));
  EXPECT_EQ(result.stats.stream_warnings, 1U);
  EXPECT_EQ(trial_->StreamInfo(trial_->letter_stream())["state"]["messages"], 3);
}

TEST_F(WhatIsRefusedForGoodHoldsNoEvent, ALetterThatThisUserMustNotDeleteStays) {
  Use({.config = R"(authorization { users: [
      {user: ours, password: p, permissions: {publish: {deny: ["$JS.API.STREAM.MSG.DELETE.>"]}}},
      {user: all, password: p}]})"},
      R"({"user":"all","pass":"p","verbose":false,"pedantic":false,"headers":true,"no_responders":true})");
  BusOptions options = Options();
  options.credentials = {.user = "ours", .password = "p"};
  const TrialResult result = trial_->Run(options);
  ExpectLettersKept(result);
  EXPECT_THAT(result.warnings, Contains(HasSubstr("STREAM.MSG.DELETE")));
}

// The event itself is kept: its key waits, and the others go on.
TEST_F(WhatIsRefusedForGoodHoldsNoEvent, ALetterThatThisUserMustNotStoreIsToldOnceAndStoredWhenItMay) {
  const auto users = [](const std::string& permissions) {
    return "authorization { users: [ {user: ours, password: p" + permissions + "}, {user: all, password: p} ] }";
  };
  const std::string denied = users(R"(, permissions: {publish: {deny: ["EVENTS_dead_letters.>"]}})");
  UseServer({.config = denied});
  std::mutex mutex;
  std::vector<std::string> errors;
  BusOptions options = Options();
  options.credentials = {.user = "ours", .password = "p"};
  options.log = [&](LogLevel level, std::string_view line) {
    std::lock_guard<std::mutex> lock(mutex);
    if (level == LogLevel::kError) errors.emplace_back(line);
  };
  auto bus = Connect(options);
  Log log;
  std::atomic<int> rejected{0};
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "billing"},
                                     [&](const Envelope& event, const Delivery&) {
                                       if (event.payload == "poison") return ++rejected, Reject("never");
                                       log.Add(event.aggregate_id, event.payload);
                                       return Ack();
                                     }),
              IsOk());
  for (const auto& [key, payload] : {std::pair("a", "poison"), {"a", "1"}, {"b", "1"}}) {
    ASSERT_THAT(bus->PublishEnvelope("orders", Event(key, payload)), IsOk());
  }
  ASSERT_TRUE(log.Reaches(1));
  EXPECT_FALSE(Eventually([&] { return log.count() > 1; }, std::chrono::seconds(3))) << "three attempts to store it";
  EXPECT_EQ(OnlySubscription(*bus).terminated, 0U);
  {
    std::lock_guard<std::mutex> lock(mutex);
    EXPECT_THAT(errors, ::testing::UnorderedElementsAre(
                            HasSubstr("the server reports \"Permissions Violation for Publish to "),
                            AllOf(HasSubstr("store a dead letter"), HasSubstr("EVENTS_dead_letters.orders"),
                                  HasSubstr("; check the permissions of this user"))));
  }
  ASSERT_THAT(server_->Reload(users("")), IsOk());
  EXPECT_EQ(AwaitLetters(*bus, 1).size(), 1U);
  ASSERT_TRUE(log.Reaches(2));
  EXPECT_EQ(log.Of("a"), std::vector<std::string>{"1"});
  EXPECT_EQ(rejected, 1);
}

TEST_F(WhatIsRefusedForGoodHoldsNoEvent, ASealedStreamIsConsumedAndNotPublishedTo) {
  Use();
  BusOptions options = Options();
  options.base_stream_name = "TRIAL";
  {
    auto bus = Connect(options);
    PublishNumbered(*bus, kTrialTopic, 1, 3);
  }
  ASSERT_THAT(trial_->UpdateStream(trial_->topic_stream(), {{"sealed", true}}), IsOk());
  auto bus = Connect(options);
  Log log;
  ASSERT_THAT(bus->SubscribeEnvelope(kTrialTopic, Logging(log)), IsOk());
  EXPECT_TRUE(log.Reaches(3));
  EXPECT_THAT(bus->PublishEnvelope(kTrialTopic, Event("k0", "3")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("\"sealed\" is true")));
}

TEST_F(WhatIsRefusedForGoodHoldsNoEvent, AnInterestStreamWithoutAConsumerRefusesPublishesUntilThereIsOne) {
  Use();
  ASSERT_THAT(trial_->MakeTopicStream({{"retention", "interest"}}), IsOk());
  BusOptions options = Options();
  options.base_stream_name = "TRIAL";
  auto bus = Connect(options);
  EXPECT_THAT(bus->PublishEnvelope(kTrialTopic, Event("k", "lost")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("\"retention\" is interest")));
  Log log;
  ASSERT_THAT(bus->SubscribeEnvelope(kTrialTopic, Logging(log)), IsOk());
  EXPECT_THAT(bus->PublishEnvelope(kTrialTopic, Event("k", "kept")), IsOk());
  EXPECT_TRUE(log.Reaches(1));
}

// The letters' stream is replaced by one that keeps none while the subscription runs.
TEST_F(WhatIsRefusedForGoodHoldsNoEvent, AStreamOfLettersThatWasMadeAnewIsLookedAtBeforeItIsUsed) {
  Use();
  BusOptions options = Options();
  options.base_stream_name = "TRIAL";
  options.publish_timeout = std::chrono::seconds(1);
  options.limits.duplicate_window = std::chrono::seconds(2);
  auto bus = Connect(options);
  ASSERT_THAT(bus->SubscribeEnvelope(kTrialTopic, [](const Envelope&, const Delivery&) { return Reject("no"); }),
              IsOk());
  ASSERT_THAT(bus->PublishEnvelope(kTrialTopic, Event("a", "1")), IsOk());
  ASSERT_EQ(AwaitLetters(*bus, 1).size(), 1U);

  ASSERT_THAT(raw_->Request("$JS.API.STREAM.DELETE." + trial_->letter_stream(), ""), IsOk());
  ASSERT_THAT(bus->PublishEnvelope(kTrialTopic, Event("b", "2")), IsOk());
  ASSERT_EQ(AwaitLetters(*bus, 1).size(), 1U) << "created anew, since no stream took the letter";
  EXPECT_EQ(Letters(*bus)[0].key, "b");
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).terminated == 2; }, kPatience));
}

}  // namespace
}  // namespace penstock::testing
