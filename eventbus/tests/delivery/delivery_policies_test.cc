// SPDX-License-Identifier: Apache-2.0
// Covers keys after one of their messages was given up, outages, and handlers that do not end.
#include <cstdint>

#include "delivery_fixture.h"

namespace penstock::eventbus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr auto kReject = HandlerResult::Kind::kReject;

class DeliveryPoliciesTest : public DeliveryStateMachineTest {
 protected:
  /// A message redriven from letter number `letter` that first had the sequence `origin`.
  void Redrive(std::uint64_t sequence, std::uint64_t origin, std::uint64_t letter, bool for_other_consumer = false) {
    auto item = Make(sequence, "a");
    item->origin = origin;
    item->letter = letter;
    item->for_other_consumer = for_other_consumer;
    Arrive(std::move(item));
  }
  void KnowLettersOf(std::string_view key, std::initializer_list<std::uint64_t> origins) {
    eventbus::Quarantine letters;
    for (const std::uint64_t origin : origins) letters.Add(std::hash<std::string_view>{}(key), origin);
    flow_->Quarantined(std::move(letters));
  }
  void Quarantine() {
    options_.after_dead_letter = AfterDeadLetter::kQuarantine;
    Begin();
  }
};

TEST_F(DeliveryPoliciesTest, AQuarantinedKeyFollowsItsMessageToTheDeadLettersInOrder) {
  Quarantine();
  Arrive(1, "a");
  Arrive(2, "a");
  Arrive(3, "b");
  Finish(1, {.kind = kReject});
  EXPECT_THAT(Said(), ElementsAre("run 1", "run 3", "letter 1"));
  StoreLetter(1, true);
  EXPECT_THAT(Said(), ElementsAre("letter 2", "term 1"));
  StoreLetter(2, true);
  Arrive(4, "a");
  EXPECT_THAT(Said(), ElementsAre("term 2", "letter 4"));
  EXPECT_EQ(flow_->Stats().quarantined_keys, 1u);
}

TEST_F(DeliveryPoliciesTest, ARedrivenKeyIsHandledInItsOldOrderAndThenReleased) {
  Quarantine();
  KnowLettersOf("a", {1, 2});
  Redrive(11, 1, 101);
  Redrive(12, 2, 102);
  Arrive(13, "a");
  EXPECT_THAT(Said(), ElementsAre("run 11"));
  Finish(11);
  EXPECT_THAT(Said(), ElementsAre("remove letter of 11"));
  RemoveLetter(11, true);
  EXPECT_THAT(Said(), ElementsAre("run 12", "ack 11"));
  Finish(12);
  RemoveLetter(12, true);
  EXPECT_THAT(Said(), ElementsAre("remove letter of 12", "run 13", "ack 12"));
  EXPECT_EQ(flow_->Stats().quarantined_keys, 0u);
}

TEST_F(DeliveryPoliciesTest, ALetterThatMustStayHoldsNeitherItsMessageNorItsKey) {
  Quarantine();
  KnowLettersOf("a", {1});
  Redrive(11, 1, 101);
  Arrive(12, "a");
  Finish(11);
  RemoveLetter(11, LetterRemoval::kRefused);
  EXPECT_THAT(Said(), ElementsAre("run 11", "remove letter of 11", "run 12", "ack 11"));
  EXPECT_EQ(flow_->Stats().letters_kept, 1u);
  EXPECT_EQ(flow_->Stats().quarantined_keys, 0u);
  Finish(12);
  Redrive(13, 1, 101);
  EXPECT_THAT(Said(), ElementsAre("ack 12", "ack 13")) << "redriven once more, its message is not handled again";
}

TEST_F(DeliveryPoliciesTest, WhatFailsAgainAfterARedriveTakesItsFollowersBackWithIt) {
  Quarantine();
  KnowLettersOf("a", {1, 2});
  Redrive(11, 1, 101);
  Redrive(12, 2, 102);
  Finish(11, {.kind = kReject});
  StoreLetter(11, true);
  RemoveLetter(11, true);
  EXPECT_THAT(Said(), ElementsAre("run 11", "letter 11", "remove letter of 11", "letter 12", "term 11"));
  StoreLetter(12, true);
  RemoveLetter(12, true);
  EXPECT_THAT(Said(), ElementsAre("remove letter of 12", "term 12"));
  EXPECT_EQ(flow_->Stats().quarantined_keys, 1u);
}

TEST_F(DeliveryPoliciesTest, ALetterThatCannotBeRemovedIsTriedAgainBeforeItsMessageIsAcked) {
  Redrive(11, 1, 101);
  Finish(11);
  RemoveLetter(11, false);
  EXPECT_THAT(Said(), ElementsAre("run 11", "remove letter of 11"));
  Pass(milliseconds{1100});
  EXPECT_THAT(Said(), ElementsAre("remove letter of 11"));
  RemoveLetter(11, true);
  EXPECT_THAT(Said(), ElementsAre("ack 11"));
}

TEST_F(DeliveryPoliciesTest, ALetterThatIsToBeRemovedOutlivesTheConsumerAndTheStream) {
  for (const bool stream_too : {false, true}) {
    Begin();
    Redrive(11, 1, 101);
    Finish(11);
    RemoveLetter(11, false);
    Said();
    stream_too ? flow_->StreamRecreated() : flow_->ConsumerRecreated();
    Pass(milliseconds{1100});
    EXPECT_THAT(Said(), ElementsAre("remove letter of 11")) << "it would be redriven, and handled, once more";
    RemoveLetter(11, true);
    EXPECT_THAT(Said(), stream_too ? IsEmpty() : testing::Matcher<std::vector<std::string>>(ElementsAre("ack 11")));
    EXPECT_EQ(flow_->in_hand(), 0u);
    EXPECT_EQ(flow_->active(), 0u);
  }
}

TEST_F(DeliveryPoliciesTest, WhatRanWhenTheStreamWasMadeAgainLosesItsLetterAllTheSame) {
  Redrive(11, 1, 101);
  flow_->StreamRecreated();
  Finish(11);
  EXPECT_THAT(Said(), ElementsAre("run 11", "remove letter of 11"));
  RemoveLetter(11, false);
  flow_->Close();
  EXPECT_TRUE(flow_->quiescent());
  EXPECT_THAT(flow_->HandBack(), IsEmpty()) << "it is of no stream any more";
}

TEST_F(DeliveryPoliciesTest, WhatWasRedrivenTwiceOrForAnotherConsumerIsNotRun) {
  Redrive(11, 1, 101);
  Finish(11);
  RemoveLetter(11, true);
  Said();
  Redrive(12, 1, 101);
  Redrive(13, 5, 105, /*for_other_consumer=*/true);
  EXPECT_THAT(Said(), ElementsAre("ack 12", "ack 13"));
  EXPECT_EQ(flow_->counters().skipped, 1u);
  Quarantine();
  Redrive(14, 1, 101);
  EXPECT_THAT(Said(), ElementsAre("remove letter of 14")) << "no letter of its key is known: it was handled";
  RemoveLetter(14, true);
  EXPECT_THAT(Said(), ElementsAre("ack 14"));
}

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
