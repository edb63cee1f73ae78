// SPDX-License-Identifier: Apache-2.0
// Covers keys that block, outages, and handlers that do not end.
#include <cstdint>

#include "delivery_fixture.h"

namespace penstock::eventbus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr auto kReject = HandlerResult::Kind::kReject;

class DeliveryPoliciesTest : public DeliveryStateMachineTest {};

TEST_F(DeliveryPoliciesTest, ABlockedKeyIsTriedForEverAndItsMessageNeverDeadLettered) {
  options_.after_dead_letter = AfterDeadLetter::kBlock;
  options_.retry.max_backoff = milliseconds{500};
  Begin();
  Arrive(1, "a");
  Arrive(2, "a");
  Finish(1, {.kind = kReject});
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  for (std::uint64_t copy = 2; copy < 20; ++copy) {
    Pass(milliseconds{500});
    Arrive(1, "a", copy);
    Fail(1);
    EXPECT_THAT(Said(), testing::IsSubsetOf({"nak 1", "run 1"}));
    Pass(milliseconds{0});
  }
  Pass(milliseconds{500});
  Arrive(1, "a", 30);
  Finish(1);
  EXPECT_THAT(Said(), testing::IsSupersetOf({"run 2", "ack 1"}));
  EXPECT_EQ(flow_->counters().dead_lettered, 0u);
}

class DeliveryOutageTest : public DeliveryStateMachineTest {
 protected:
  DeliveryOutageTest() {
    options_.outage_after = 3;
    Begin();
  }
  void FailThree() {
    for (std::uint64_t sequence : {1, 2, 3}) Arrive(sequence, std::to_string(sequence));
    for (std::uint64_t sequence : {1, 2, 3}) Fail(sequence);
    Said();
  }
};

TEST_F(DeliveryOutageTest, AfterSoManyMessagesInARowOneAtATimeIsTried) {
  FailThree();
  EXPECT_TRUE(flow_->circuit_open());
  Arrive(4, "d");
  EXPECT_THAT(Said(), IsEmpty());
  Pass(milliseconds{100});
  EXPECT_THAT(Said(), ElementsAre("run 3")) << "1 and 2 had been answered before it was an outage";
  Pass(seconds{1});
  EXPECT_THAT(Said(), IsEmpty()) << "one at a time";
  Fail(3);
  Pass(milliseconds{199});
  EXPECT_THAT(Said(), IsEmpty());
  Pass(milliseconds{1});
  EXPECT_THAT(Said(), ElementsAre("run 4")) << "they take turns";
}

TEST_F(DeliveryOutageTest, TheFirstSuccessEndsItAndEverythingGoesOn) {
  FailThree();
  Arrive(4, "d");
  Pass(milliseconds{100});
  Said();
  Finish(3);
  EXPECT_FALSE(flow_->circuit_open());
  EXPECT_THAT(Said(), ElementsAre("run 4", "ack 3"));
  EXPECT_EQ(flow_->counters().circuit_opened, 1u);
}

TEST_F(DeliveryOutageTest, NothingGoesToTheDeadLettersForWhatIsNotItsFault) {
  FailThree();
  for (int probe = 0; probe < 50; ++probe) {
    Pass(seconds{60});
    if (running_.contains(3)) Fail(3);
  }
  for (const std::string& said : Said()) EXPECT_THAT(said, testing::Not(testing::StartsWith("letter")));
}

TEST_F(DeliveryOutageTest, OnePoisonMessageIsNoOutage) {
  options_.retry.max_attempts = 5;
  Begin();
  Arrive(1, "a");
  for (std::uint64_t copy = 2; copy <= 5; ++copy) {
    Fail(1, milliseconds{0});
    Arrive(1, "a", copy);
  }
  Fail(1);
  EXPECT_FALSE(flow_->circuit_open());
  EXPECT_THAT(Said(), testing::Contains("letter 1"));
}

TEST_F(DeliveryOutageTest, WhatWasPostponedIsOfferedAgain) {
  Tick();
  Arrive(1, "a");
  Finish(1, {.kind = HandlerResult::Kind::kPostponed});
  EXPECT_FALSE(flow_->quiescent()) << "it is to begin";
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  EXPECT_EQ(flow_->next_tick(), now_ + milliseconds{50});
  Pass(milliseconds{50});
  EXPECT_THAT(Said(), ElementsAre("run 1"));
}

TEST_F(DeliveryOutageTest, AProbeThatWasPostponedIsFollowedByAnother) {
  FailThree();
  Pass(milliseconds{100});
  Finish(3, {.kind = HandlerResult::Kind::kPostponed});
  Said();
  Pass(milliseconds{100});
  EXPECT_THAT(Said(), ElementsAre("run 3"));
}

TEST_F(DeliveryOutageTest, CountsWhatFailsHereThoughItWasTakenAwayMeanwhile) {
  for (std::uint64_t sequence : {1, 2, 3}) Arrive(sequence, std::to_string(sequence));
  Fail(1, seconds{9});
  Fail(2, seconds{9});
  flow_->OwnershipLost();
  Fail(3);
  EXPECT_TRUE(flow_->circuit_open());
  EXPECT_EQ(flow_->in_hand(), 0u);
}

TEST_F(DeliveryStateMachineTest, TakenAwayForgetsWhatHasNotBegunAndLetsTheRestFinish) {
  Arrive(1, "a");
  Arrive(2, "a");
  Arrive(3, "b");
  Fail(3, seconds{5});
  Said();
  flow_->OwnershipLost();
  EXPECT_EQ(flow_->in_hand(), 1u);
  Arrive(2, "a", 2);
  Arrive(3, "b", 3);
  EXPECT_THAT(Said(), ElementsAre("run 3")) << "1 still runs";
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("run 2", "ack 1"));
  Arrive(1, "a", 2);
  EXPECT_THAT(Said(), ElementsAre("ack 1")) << "it is not run again";
}

TEST_F(DeliveryStateMachineTest, AConsumerThatWasMadeAgainBringsWhatHasNotBegunInStreamOrder) {
  options_.max_bytes = 150;
  Begin();
  Arrive(1, "a");
  Arrive(2, "a");
  Arrive(3, "a");
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("run 1", "ack 1", "nak 2"));
  flow_->ConsumerRecreated();
  EXPECT_EQ(flow_->in_hand(), 0u) << "the Nak went to the consumer that is gone";
  EXPECT_EQ(flow_->bytes(), 0u);
  Tick();
  EXPECT_EQ(granted_, 3u);
  Said();
  Arrive(2, "a");
  Arrive(3, "a");
  EXPECT_THAT(Said(), ElementsAre("run 2"));
  Finish(2);
  EXPECT_THAT(Said(), ElementsAre("ack 2", "nak 3"));
}

TEST_F(DeliveryStateMachineTest, WhatRunsWhileItsConsumerIsMadeAgainRunsOnceAndIsAnsweredOnItsCopy) {
  Arrive(1, "a", 4);
  flow_->ConsumerRecreated();
  Arrive(1, "a", 1);
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  InFlightMessage& running = *running_.at(1);
  EXPECT_EQ(running.answerable().delivery_count(), 1u);
  EXPECT_FALSE(running.ownership_lost);
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("ack 1"));
}

TEST_F(DeliveryStateMachineTest, WhatFailsAfterItWasTakenAwayIsWaitedForOnlyIfItComesAgain) {
  Arrive(1, "a");
  Arrive(2, "b");
  flow_->OwnershipLost();
  Arrive(2, "b", 2);
  Said();
  Fail(1);
  Fail(2);
  EXPECT_THAT(Said(), ElementsAre("nak 2", "run 2")) << "1 may have been settled by the other owner";
  EXPECT_EQ(flow_->in_hand(), 1u);
}

class DeliveryStuckTest : public DeliveryStateMachineTest {
 protected:
  void BeginWith(bool in_place) {
    options_.stuck_after = seconds{20};
    options_.retries_in_place = in_place;
    Begin();
    Arrive(1, "a");
    running_.at(1)->started_at.store(now_.time_since_epoch().count());
    Said();
  }
};

TEST_F(DeliveryStuckTest, AHandlerThatDoesNotEndIsToldOnceAndCountedUntilItEnds) {
  BeginWith(/*in_place=*/false);
  Pass(seconds{19});
  EXPECT_THAT(Said(), ElementsAre("extend 1"));
  Pass(seconds{1});
  EXPECT_THAT(Said(), ElementsAre("stuck 1"));
  Pass(seconds{11});
  EXPECT_THAT(Said(), ElementsAre("extend 1"));
  EXPECT_EQ(flow_->stuck(), 1u);
  Finish(1);
  EXPECT_EQ(flow_->stuck(), 0u);
}

TEST_F(DeliveryStuckTest, OnASharedConsumerItsLeaseIsLeftToRunOut) {
  BeginWith(/*in_place=*/true);
  Pass(seconds{20});
  Said();
  Pass(seconds{60});
  EXPECT_THAT(Said(), IsEmpty());
}

class DeliveryInPlaceTest : public DeliveryStateMachineTest {
 protected:
  DeliveryInPlaceTest() {
    options_.retries_in_place = true;
    Begin();
  }
};

TEST_F(DeliveryInPlaceTest, RetriesFromMemoryWithoutANakAndKeepsTheKeysOrder) {
  Arrive(1, "a");
  Arrive(2, "a");
  Fail(1);
  EXPECT_THAT(Said(), ElementsAre("run 1", "run 1")) << "the first retry is immediate";
  Fail(1);
  Pass(milliseconds{100});
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  Fail(1);
  EXPECT_THAT(Said(), ElementsAre("letter 1"));
  EXPECT_EQ(granted_, 0u);
}

TEST_F(DeliveryInPlaceTest, ClosingHandsBackWhatWaits) {
  Arrive(1, "a");
  Arrive(2, "b");
  Fail(1, seconds{5});
  flow_->Close();
  Finish(2);
  EXPECT_TRUE(flow_->quiescent());
  EXPECT_EQ(flow_->HandBack().size(), 1u);
}

}  // namespace
}  // namespace penstock::eventbus
