// SPDX-License-Identifier: Apache-2.0
// Covers limits of rate and of handlers at once.
#include <cstdint>

#include "delivery_fixture.h"

namespace penstock::eventbus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TimePoint At(int ms) { return TimePoint(seconds{1000}) + milliseconds{ms}; }

TEST(TokenBucketTest, GivesATokenPerInterval) {
  TokenBucket bucket({.per_second = 10});
  EXPECT_EQ(bucket.Take(At(0)), At(0));
  EXPECT_EQ(bucket.Take(At(0)), At(100));
  EXPECT_EQ(bucket.Take(At(50)), At(200));
  EXPECT_FALSE(bucket.full(At(299)));
  EXPECT_TRUE(bucket.full(At(300)));
  EXPECT_EQ(bucket.Take(At(1000)), At(1000));
  EXPECT_EQ(bucket.Take(At(1000)), At(1100)) << "what was not taken is not saved";
}

TEST(TokenBucketTest, SavesABurst) {
  TokenBucket bucket({.per_second = 10, .burst = 3});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.Take(At(0)), At(0));
  EXPECT_EQ(bucket.Take(At(0)), At(100));
  EXPECT_EQ(bucket.Take(At(500)), At(500)) << "three of five intervals were saved";
  EXPECT_EQ(bucket.Take(At(500)), At(500));
  EXPECT_EQ(bucket.Take(At(500)), At(500));
  EXPECT_EQ(bucket.Take(At(500)), At(600));
}

TEST(PacingTest, ForgetsKeysThatHaveAllTheirTokens) {
  Pacing pacing({}, {.per_second = 1000});
  InFlightMessage item;
  item.actor = 0;
  for (std::uint64_t key = 0; key < 100'000; ++key) {
    item.key_hash = key;
    pacing.Take(item, At(static_cast<int>(key)));
  }
  EXPECT_LE(pacing.keys(), 2048u);
}

class DeliveryPacingTest : public DeliveryStateMachineTest {};

TEST_F(DeliveryPacingTest, WhatMustWaitForTheRateHoldsItsKeyAndNoOther) {
  options_.key_rate = {.per_second = 10};
  Begin();
  Arrive(1, "a");
  Arrive(2, "a");
  Arrive(3, "b");
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("run 1", "run 3", "ack 1"));
  EXPECT_EQ(flow_->waiting(), 1u);
  Pass(milliseconds{99});
  EXPECT_THAT(Said(), IsEmpty());
  Pass(milliseconds{1});
  EXPECT_THAT(Said(), ElementsAre("run 2")) << "and no Nak";
}

TEST_F(DeliveryPacingTest, TheRateOfAllCountsEveryKeyAndEveryAttempt) {
  options_.rate = {.per_second = 10, .burst = 2};
  Begin();
  for (std::uint64_t i = 1; i <= 4; ++i) Arrive(i, "k" + std::to_string(i));
  EXPECT_THAT(Said(), ElementsAre("run 1", "run 2"));
  Fail(1);
  EXPECT_THAT(Said(), ElementsAre("nak 1"));
  Pass(milliseconds{100});
  EXPECT_THAT(Said(), ElementsAre("run 3"));
  Pass(milliseconds{100});
  EXPECT_THAT(Said(), ElementsAre("run 4"));
  Pass(milliseconds{100});
  EXPECT_THAT(Said(), ElementsAre("run 1"));
}

TEST_F(DeliveryPacingTest, ARetryWaitsForItsBackOffAndThenForTheRate) {
  options_.rate = {.per_second = 10};
  Begin();
  Arrive(1, "a");
  Fail(1, milliseconds{150});
  Arrive(2, "b");
  Pass(milliseconds{100});
  EXPECT_THAT(Said(), ElementsAre("run 1", "run 2"));
  Pass(milliseconds{50});
  EXPECT_THAT(Said(), ElementsAre("nak 1"));
  Pass(milliseconds{50});
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  Pass(seconds{10});
  EXPECT_THAT(Said(), testing::Not(testing::Contains("run 1"))) << "once";
}

TEST_F(DeliveryPacingTest, WhatWasLookedUpMeanwhileHasItsPlaceStill) {
  options_.rate = {.per_second = 0.1};
  options_.look_up_after = seconds{2};
  Begin();
  Arrive(1, "a");
  Fail(1, seconds{1});
  Pass(seconds{1});
  Pass(seconds{9});
  EXPECT_THAT(Said(), testing::Contains("look up 1"));
  LookedUp(1, /*gone=*/false);
  EXPECT_THAT(Said(), ElementsAre("run 1"));
}

TEST_F(DeliveryPacingTest, WhatWaitsForTheRateIsHandedBackAtTheEnd) {
  options_.rate = {.per_second = 1};
  Begin();
  Arrive(1, "a");
  Arrive(2, "b");
  Finish(1);
  flow_->Close();
  EXPECT_TRUE(flow_->quiescent());
  EXPECT_EQ(flow_->HandBack().size(), 1u);
}

TEST_F(DeliveryPacingTest, NoMoreRunAtOnceThanMay) {
  options_.max_concurrent = 2;
  Begin();
  for (std::uint64_t i = 1; i <= 4; ++i) Arrive(i, "k" + std::to_string(i));
  Arrive(5, "k1");
  EXPECT_THAT(Said(), ElementsAre("run 1", "run 2"));
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("ack 1", "run 3")) << "before the next one of the same key";
  Fail(2, milliseconds{50});
  EXPECT_THAT(Said(), ElementsAre("run 4"));
  Finish(3);
  Finish(4);
  EXPECT_THAT(Said(), ElementsAre("ack 3", "run 5", "ack 4"));
  Pass(milliseconds{50});
  EXPECT_THAT(Said(), ElementsAre("nak 2", "run 2"));
  Finish(2);
  Finish(5);
  EXPECT_EQ(flow_->in_hand(), 0u);
}

TEST_F(DeliveryPacingTest, WhatWaitedForAHandlerToEndIsForgottenWithItsOwner) {
  options_.max_concurrent = 1;
  Begin();
  Arrive(1, "a");
  Arrive(2, "b");
  flow_->OwnershipLost();
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("run 1", "ack 1"));
  Arrive(2, "b", 2);
  EXPECT_THAT(Said(), ElementsAre("run 2"));
  Arrive(3, "c");
  flow_->Close();
  Finish(2);
  EXPECT_EQ(flow_->HandBack().size(), 1u);
}

}  // namespace
}  // namespace penstock::eventbus
