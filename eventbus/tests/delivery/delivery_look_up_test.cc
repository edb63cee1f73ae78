// SPDX-License-Identifier: Apache-2.0
// Covers messages that are to run again and may have been deleted from their stream.
#include <cstdint>

#include "delivery_fixture.h"

namespace penstock::eventbus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class DeliveryLookUpTest : public DeliveryStateMachineTest {
 protected:
  void SetUp() override {
    options_.look_up_after = seconds{2};
    options_.after_dead_letter = AfterDeadLetter::kBlock;
    options_.retries_in_place = true;
    options_.retry.max_attempts = 0;
    Begin();
  }
};

TEST_F(DeliveryLookUpTest, WhatFailedIsLookedUpOnceEnoughTimeHasPassed) {
  Arrive(1, "a");
  Fail(1, milliseconds{1500});
  Pass(milliseconds{1500});
  Fail(1, milliseconds{500});
  EXPECT_THAT(Said(), ElementsAre("run 1", "run 1"));
  Pass(milliseconds{500});
  EXPECT_THAT(Said(), ElementsAre("look up 1"));
  LookedUp(1, /*gone=*/false);
  Fail(1, milliseconds{500});
  Pass(milliseconds{500});
  EXPECT_THAT(Said(), ElementsAre("run 1", "run 1")) << "it was there a moment ago";
}

TEST_F(DeliveryLookUpTest, WhatIsGoneIsForgottenAndItsKeyGoesOn) {
  Arrive(1, "a");
  Arrive(2, "a");
  Fail(1, seconds{2});
  Pass(seconds{2});
  EXPECT_THAT(Said(), ElementsAre("run 1", "look up 1"));
  LookedUp(1, /*gone=*/true);
  EXPECT_THAT(Said(), ElementsAre("run 2", "ack 1"));
  EXPECT_EQ(flow_->Stats().gone, 1u);
  EXPECT_EQ(flow_->Stats().acked, 0u);
  Finish(2);
  Arrive(1, "a", 2);
  EXPECT_THAT(Said(), ElementsAre("ack 2", "ack 1")) << "a late redelivery is recognised";
  EXPECT_EQ(granted_, 3u);
}

TEST_F(DeliveryLookUpTest, WhatDidNotFailRunsAsItCame) {
  Arrive(1, "a");
  Arrive(2, "a");
  now_ += seconds{60};
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("run 1", "run 2", "ack 1"));
}

TEST_F(DeliveryLookUpTest, ARedeliveryShowsThatItIsThere) {
  options_.retries_in_place = false;
  Begin();
  Arrive(1, "a");
  Fail(1, seconds{3});
  now_ += seconds{2};
  Arrive(1, "a", 2);
  Pass(seconds{1});
  EXPECT_THAT(Said(), ElementsAre("run 1", "nak 1", "run 1"));
}

TEST_F(DeliveryLookUpTest, WhatIsLookedUpIsActiveUntilItIsKnown) {
  Arrive(1, "a");
  Fail(1, seconds{2});
  Pass(seconds{2});
  EXPECT_FALSE(flow_->quiescent());
  flow_->Close();
  EXPECT_THAT(flow_->HandBack(), IsEmpty());
  LookedUp(1, /*gone=*/false);
  EXPECT_TRUE(flow_->quiescent());
  EXPECT_EQ(flow_->HandBack().size(), 1u);
}

TEST_F(DeliveryLookUpTest, WhatAnotherProcessMayHaveSettledIsForgotten) {
  Arrive(1, "a");
  Fail(1, seconds{2});
  Pass(seconds{2});
  flow_->OwnershipLost();
  Said();
  LookedUp(1, /*gone=*/true);
  EXPECT_THAT(Said(), IsEmpty());
  EXPECT_EQ(flow_->in_hand(), 0u);
}

TEST_F(DeliveryLookUpTest, OfVeryManyOnlySomeAreLookedUpAtATime) {
  options_.max_in_flight = 200;
  Begin();
  for (std::uint64_t i = 1; i <= 100; ++i) Arrive(i, "k" + std::to_string(i));
  for (std::uint64_t i = 1; i <= 100; ++i) Fail(i, seconds{2});
  Said();
  Pass(seconds{2});
  std::size_t looked_up = 0, run = 0;
  for (const std::string& what : Said()) (what.starts_with("look") ? looked_up : run) += 1;
  EXPECT_EQ(looked_up, 64u);
  EXPECT_EQ(run, 36u);
}

}  // namespace
}  // namespace penstock::eventbus
