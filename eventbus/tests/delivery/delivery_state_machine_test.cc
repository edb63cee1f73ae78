// SPDX-License-Identifier: Apache-2.0
#include "delivery/delivery_state_machine.h"

#include <cstdint>
#include <vector>

#include "delivery_fixture.h"

namespace penstock::eventbus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(DeliveryStateMachineTest, RunsOneMessageOfAKeyAtATimeInStreamOrder) {
  Arrive(1, "a");
  Arrive(2, "a");
  Arrive(3, "a");
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  EXPECT_EQ(flow_->parked(), 2u);
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("run 2", "ack 1"));
  Finish(2);
  Finish(3);
  EXPECT_THAT(Said(), ElementsAre("run 3", "ack 2", "ack 3"));
  EXPECT_EQ(flow_->in_hand(), 0u);
  EXPECT_TRUE(flow_->quiescent());
  EXPECT_EQ(granted_, 3u);
}

TEST_F(DeliveryStateMachineTest, OtherKeysAndKeylessMessagesNeverWaitForAHeldKey) {
  Arrive(1, "a");
  Fail(1);
  Said();
  Arrive(2, "a");
  Arrive(3, "b");
  Arrive(4, "");
  EXPECT_THAT(Said(), ElementsAre("run 3", "run 4"));
}

TEST_F(DeliveryStateMachineTest, HoldsLaterMessagesOfAKeyUntilItsRetryIsSettled) {
  Arrive(1, "a");
  Arrive(2, "a");
  Fail(1);
  Arrive(3, "a");
  EXPECT_THAT(Said(), ElementsAre("run 1", "nak 1", "run 1")) << "from memory, without waiting for the redelivery";
  Arrive(1, "a", 2);
  EXPECT_THAT(Said(), IsEmpty()) << "the redelivery is recognised";
  Finish(1);
  Finish(2);
  Finish(3);
  EXPECT_THAT(Said(), ElementsAre("run 2", "ack 1", "run 3", "ack 2", "ack 3"));
}

TEST_F(DeliveryStateMachineTest, WaitsHereBeforeALaterRetryAndTakesTheHandlersDelayOverItsOwn) {
  Arrive(1, "a");
  Fail(1);
  Arrive(1, "a", 2);
  Fail(1);
  EXPECT_THAT(Said(), ElementsAre("run 1", "nak 1", "run 1"));
  Tick();
  EXPECT_EQ(flow_->next_tick(), now_ + milliseconds{100});
  Pass(milliseconds{99});
  EXPECT_THAT(Said(), IsEmpty());
  Pass(milliseconds{1});
  EXPECT_THAT(Said(), ElementsAre("nak 1", "run 1"));
  Arrive(5, "b", 1);
  Fail(5, milliseconds{7});
  EXPECT_THAT(Said(), ElementsAre("run 5"));
  Pass(milliseconds{7});
  EXPECT_THAT(Said(), ElementsAre("nak 5", "run 5"));
}

TEST_F(DeliveryStateMachineTest, WaitsForEverWhenTheHandlersDelayIsPastTheEndOfTime) {
  now_ += std::chrono::hours(24 * 365);
  for (const milliseconds endless : {milliseconds::max(), milliseconds(std::chrono::hours(24 * 365 * 300))}) {
    Begin();
    running_.clear();
    Arrive(1, "a");
    Fail(1, endless);
    Arrive(2, "b");
    EXPECT_THAT(Said(), ElementsAre("run 1", "run 2"));
    Pass(std::chrono::hours(24 * 365));
    EXPECT_THAT(Said(), testing::Not(testing::Contains("run 1")));
  }
}

TEST_F(DeliveryStateMachineTest, ARedeliveryThatComesTooEarlyDoesNotShortenTheWait) {
  Arrive(1, "a");
  Fail(1, milliseconds{100});
  Said();
  Arrive(1, "a", 2);
  EXPECT_THAT(Said(), IsEmpty()) << "a new inbox makes the server send everything pending";
  Pass(milliseconds{100});
  EXPECT_THAT(Said(), ElementsAre("nak 1", "run 1"));
}

TEST_F(DeliveryStateMachineTest, CountsWhatItSawFailAndNotWhatWasDeliveredAgainMeanwhile) {
  Arrive(1, "a");
  for (std::uint64_t copy = 2; copy < 10; ++copy) Arrive(1, "a", copy);
  Fail(1);
  EXPECT_THAT(Said(), ElementsAre("run 1", "nak 1", "run 1")) << "the second attempt of three is still to come";
}

TEST_F(DeliveryStateMachineTest, DeliveriesToEarlierProcessesShortenTheAttemptsToTwoAtTheLeast) {
  Arrive(1, "a", 50);
  Fail(1, milliseconds{0});
  EXPECT_THAT(Said(), ElementsAre("run 1", "nak 1", "run 1"));
  Fail(1);
  EXPECT_THAT(Said(), ElementsAre("letter 1"));
}

TEST_F(DeliveryStateMachineTest, StoresADeadLetterBeforeItTerminatesAndOnlyThenReleasesTheKey) {
  Arrive(1, "a", 2);
  Arrive(2, "a");
  Fail(1, milliseconds{0});
  Arrive(1, "a", 3);
  Fail(1);
  EXPECT_THAT(Said(), ElementsAre("run 1", "nak 1", "run 1", "letter 1"));
  EXPECT_FALSE(flow_->quiescent());
  StoreLetter(1, true);
  EXPECT_THAT(Said(), ElementsAre("run 2", "term 1"));
  EXPECT_EQ(flow_->counters().dead_lettered, 1u);
}

TEST_F(DeliveryStateMachineTest, TriesADeadLetterAgainAndTerminatesNothingMeanwhile) {
  Arrive(1, "a");
  Finish(1, {.kind = HandlerResult::Kind::kReject, .reason = "never"});
  StoreLetter(1, false);
  EXPECT_THAT(Said(), ElementsAre("run 1", "letter 1"));
  Pass(milliseconds{500});
  EXPECT_THAT(Said(), IsEmpty());
  Pass(milliseconds{600});
  EXPECT_THAT(Said(), ElementsAre("letter 1"));
  Pass(seconds{5});
  EXPECT_THAT(Said(), IsEmpty()) << "one attempt at a time";
  StoreLetter(1, true);
  EXPECT_THAT(Said(), ElementsAre("term 1"));
}

TEST_F(DeliveryStateMachineTest, AcksAgainWhatItHasFinishedWithoutRunningIt) {
  Arrive(1, "a");
  Finish(1);
  Said();
  Arrive(1, "a", 2);
  EXPECT_THAT(Said(), ElementsAre("ack 1"));
  EXPECT_EQ(flow_->counters().duplicates, 1u);
  EXPECT_EQ(granted_, 2u);
}

TEST_F(DeliveryStateMachineTest, WhatComesAfterItsNakIsNoDuplicate) {
  Arrive(1, "a");
  Finish(1, {.kind = HandlerResult::Kind::kRetry, .delay = milliseconds{0}});
  Arrive(1, "a", 2);
  EXPECT_EQ(flow_->counters().duplicates, 0u) << "while the retry from memory runs";
  Finish(1, {.kind = HandlerResult::Kind::kRetry, .delay = milliseconds{0}});
  Finish(1);
  Arrive(1, "a", 3);
  EXPECT_EQ(flow_->counters().duplicates, 0u) << "when it was over before";
  EXPECT_EQ(flow_->nak_redeliveries(), 2u);
  Arrive(1, "a", 4);
  EXPECT_EQ(flow_->counters().duplicates, 1u) << "nobody has asked for this one";
  EXPECT_EQ(flow_->counters().naks, 2u);
  EXPECT_EQ(flow_->counters().redelivered, 3u);
}

TEST_F(DeliveryStateMachineTest, DropsACopyOfWhatRunsOrIsParked) {
  Arrive(1, "a");
  Arrive(2, "a");
  Said();
  Arrive(1, "a", 2);
  Arrive(2, "a", 2);
  EXPECT_THAT(Said(), IsEmpty());
  EXPECT_EQ(flow_->counters().duplicates, 2u);
  Finish(1);
  Finish(2);
  EXPECT_THAT(Said(), ElementsAre("run 2", "ack 1", "ack 2"));
}

TEST_F(DeliveryStateMachineTest, AnswersTheLatestCopyOfWhatCameAgainWhileItRan) {
  Arrive(1, "a");
  Arrive(1, "a", 4);
  InFlightMessage* item = running_.at(1);
  item->result = {};
  Actions actions;
  flow_->Finished(*item, now_, actions);
  ASSERT_EQ(actions.list.size(), 1u);
  EXPECT_EQ(actions.list[0].message->delivery_count(), 4u);
}

TEST_F(DeliveryStateMachineTest, AnswersTheLatestCopyAlsoAfterANak) {
  Arrive(1, "a");
  Arrive(1, "a", 4);
  Fail(1);
  InFlightMessage* item = running_.at(1);
  item->result = {};
  Actions actions;
  flow_->Finished(*item, now_, actions);
  ASSERT_EQ(actions.list.size(), 1u);
  EXPECT_EQ(actions.list[0].message->delivery_count(), 4u) << "an answer to an older one may mean nothing any more";
}

TEST_F(DeliveryStateMachineTest, ParksRedeliveriesThatComeOutOfOrderByTheirSequence) {
  Arrive(1, "a");
  Arrive(7, "a");
  Arrive(3, "a", 2);
  Arrive(9, "a");
  Arrive(2, "a", 2);
  Said();
  for (std::uint64_t sequence : {1, 2, 3, 7, 9}) Finish(sequence);
  EXPECT_THAT(Said(), ElementsAre("run 2", "ack 1", "run 3", "ack 2", "run 7", "ack 3", "run 9", "ack 7", "ack 9"));
}

TEST_F(DeliveryStateMachineTest, OffersARefusedMessageAgainWhenItsActorHasRoom) {
  Arrive(1, "a");
  Arrive(2, "a");
  Arrive(3, "");
  Refuse(3);
  EXPECT_FALSE(flow_->quiescent());
  Said();
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("run 3", "run 2", "ack 1"));
  Refuse(2);
  Tick();
  EXPECT_THAT(Said(), ElementsAre("run 2"));
}

TEST_F(DeliveryStateMachineTest, ExtendsTheLeaseOfAllThatIsInHandWhateverItWaitsFor) {
  Arrive(1, "a");
  Arrive(2, "a");
  Arrive(3, "b");
  Fail(3, seconds{1000});
  Said();
  Pass(seconds{5});
  EXPECT_THAT(Said(), IsEmpty());
  Pass(seconds{6});
  EXPECT_THAT(Said(), testing::UnorderedElementsAre("extend 1", "extend 2", "extend 3"));
  Pass(seconds{1});
  EXPECT_THAT(Said(), IsEmpty());
}

TEST_F(DeliveryStateMachineTest, DoesNotWaitForWhatTheServerCountsAsSettled) {
  options_.max_bytes = 150;
  Begin();
  Arrive(5, "b");
  Arrive(1, "a");
  Arrive(2, "a");
  Finish(5);
  EXPECT_THAT(Said(), ElementsAre("run 5", "ack 5", "nak 1"));
  flow_->SettledElsewhere(2, now_);
  Pass(milliseconds{900});
  EXPECT_EQ(flow_->held(), 1u) << "it may be under way";
  Pass(milliseconds{300});
  Pass(milliseconds{10});
  EXPECT_THAT(Said(), testing::Contains("nak 2"));
  Pass(milliseconds{1300});
  EXPECT_EQ(flow_->vanished(), 2u);
  EXPECT_EQ(flow_->in_hand(), 0u);
}

TEST_F(DeliveryStateMachineTest, DoesNotWaitForEachThatTheServerCountsAsSettled) {
  constexpr std::uint64_t kLast = 100;
  EvictedOfOneKey(kLast);
  flow_->SettledElsewhere(kLast, now_);
  for (int ticks = 0; ticks < 12; ++ticks) Pass(milliseconds{300});
  EXPECT_EQ(flow_->vanished(), kLast);
  EXPECT_EQ(flow_->in_hand(), 0u);
}

TEST_F(DeliveryStateMachineTest, WaitsForWhatComesAlthoughTheServerCountedItAsSettled) {
  EvictedOfOneKey(4);
  flow_->SettledElsewhere(4, now_);
  for (int ticks = 0; ticks < 5; ++ticks) Pass(milliseconds{300});
  EXPECT_THAT(Said(), testing::IsSupersetOf({"nak 2", "nak 3", "nak 4"})) << "the others are asked for at once";
  Arrive(3, "a", 2);
  for (int ticks = 0; ticks < 5; ++ticks) Pass(milliseconds{300});
  EXPECT_EQ(flow_->vanished(), 2u);
  EXPECT_THAT(Said(), testing::IsSupersetOf({"nak 3"})) << "its body was dropped: there was no room";
  Arrive(3, "a", 3);
  EXPECT_THAT(Said(), ElementsAre("run 3"));
  Pass(seconds{5});
  EXPECT_EQ(flow_->vanished(), 2u) << "its key waits";
  Finish(3);
  EXPECT_THAT(Said(), testing::IsSupersetOf({"ack 3", "nak 4"})) << "asked for long ago";
  for (int ticks = 0; ticks < 5; ++ticks) Pass(milliseconds{300});
  EXPECT_EQ(flow_->vanished(), 3u);
  EXPECT_EQ(flow_->in_hand(), 0u);
}

TEST_F(DeliveryStateMachineTest, KeepsNoLeaseOfWhatItAskedForAndDidNotGet) {
  EvictedOfOneKey(3);
  flow_->SettledElsewhere(3, now_);
  for (int ticks = 0; ticks < 5; ++ticks) Pass(milliseconds{300});
  Arrive(2, "a", 2);
  EXPECT_THAT(Said(), testing::IsSupersetOf({"nak 3", "run 2"}));
  Pass(seconds{20});
  EXPECT_THAT(Said(), testing::Not(testing::Contains("extend 3")));
}

TEST_F(DeliveryStateMachineTest, WaitsForARedeliveryUntilItIsGoneFromItsStream) {
  options_.max_bytes = 150;
  Begin();
  Arrive(5, "b");
  Arrive(1, "a");
  Finish(5);
  EXPECT_THAT(Said(), ElementsAre("run 5", "ack 5", "nak 1")) << "there was no room for it";
  Arrive(2, "a");
  Pass(seconds{60});
  Pass(seconds{59});
  EXPECT_EQ(flow_->held(), 1u);
  Said();
  Pass(seconds{2});
  EXPECT_THAT(Said(), testing::Contains("look for 1"));
  OverdueLookedUp(1, /*gone=*/false);
  Pass(seconds{119});
  EXPECT_THAT(Said(), testing::Not(testing::Contains("nak 2"))) << "it comes yet, however late: its key waits";
  Pass(seconds{2});
  EXPECT_THAT(Said(), testing::Contains("look for 1"));
  OverdueLookedUp(1, /*gone=*/true);
  Pass(seconds{1});
  EXPECT_THAT(Said(), testing::Contains("nak 2"));
  EXPECT_EQ(flow_->vanished(), 1u);
}

TEST_F(DeliveryStateMachineTest, WhatComesWhileItIsLookedForRuns) {
  options_.max_bytes = 150;
  Begin();
  Arrive(5, "b");
  Arrive(1, "a");
  Finish(5);
  Pass(seconds{121});
  EXPECT_THAT(Said(), testing::Contains("look for 1"));
  Arrive(1, "a", 2);
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  OverdueLookedUp(1, /*gone=*/true);
  EXPECT_EQ(flow_->vanished(), 0u);
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("ack 1"));
}

TEST_F(DeliveryStateMachineTest, RunsNothingTwiceAtOnceAcrossEpochsAndSettlesNothingOfTheOld) {
  Arrive(1, "a");
  Arrive(2, "a");
  Arrive(3, "b");
  Fail(3, seconds{5});
  Said();
  flow_->StreamRecreated();
  EXPECT_EQ(flow_->parked(), 0u);
  EXPECT_EQ(flow_->held(), 0u);
  InFlightMessage* old = running_.at(1);
  running_.clear();
  Arrive(1, "a");
  Arrive(3, "b");
  EXPECT_THAT(Said(), ElementsAre("run 3")) << "1 still runs in its old epoch";
  Actions actions;
  flow_->Finished(*old, now_, actions);
  Note(actions);
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  Finish(1);
  Finish(3);
  EXPECT_THAT(Said(), ElementsAre("ack 1", "ack 3"));
  EXPECT_TRUE(flow_->quiescent());
}

TEST_F(DeliveryStateMachineTest, HandsBackAscendingWhatHasNotBegunOnceClosed) {
  Arrive(1, "a");
  Arrive(4, "a");
  Arrive(3, "b");
  Arrive(2, "c");
  Refuse(2);
  Said();
  flow_->Close();
  Finish(3, {.kind = HandlerResult::Kind::kAbandoned});
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("ack 1")) << "nothing new is begun";
  EXPECT_TRUE(flow_->quiescent());
  std::vector<std::uint64_t> sequences;
  for (const auto& item : flow_->HandBack()) sequences.push_back(item->sequence);
  EXPECT_THAT(sequences, ElementsAre(2, 3, 4));
  EXPECT_EQ(flow_->in_hand(), 0u);
}

TEST_F(DeliveryStateMachineTest, ClosingDoesNotWaitForADeadLetterStreamThatIsDown) {
  Arrive(1, "a");
  Arrive(2, "b");
  Finish(1, {.kind = HandlerResult::Kind::kReject});
  Finish(2, {.kind = HandlerResult::Kind::kReject});
  StoreLetter(1, false);
  flow_->Close();
  EXPECT_FALSE(flow_->quiescent()) << "2 is still being stored";
  StoreLetter(2, false);
  EXPECT_TRUE(flow_->quiescent());
  EXPECT_EQ(flow_->HandBack().size(), 2u);
}

TEST_F(DeliveryStateMachineTest, AtMostOnceSettlesNothingAndForgetsWhatFailed) {
  options_.acknowledges = false;
  Begin();
  Arrive(1, "");
  Arrive(2, "");
  Fail(1);
  Finish(2);
  EXPECT_THAT(Said(), ElementsAre("run 1", "run 2"));
  EXPECT_EQ(flow_->counters().failed, 1u);
  EXPECT_EQ(flow_->counters().handled, 1u);
  EXPECT_EQ(flow_->in_hand(), 0u);
  EXPECT_EQ(granted_, 2u);
}

TEST_F(DeliveryStateMachineTest, GrantsExactlyOneCreditForEveryArrival) {
  std::size_t arrivals = 0;
  auto arrive = [&](std::uint64_t sequence, std::uint64_t count) {
    ++arrivals;
    Arrive(sequence, "a", count);
  };
  arrive(1, 1);
  arrive(1, 2);  // a copy of what runs
  Fail(1);
  arrive(1, 3);
  Fail(1, milliseconds{0});
  arrive(1, 4);
  Fail(1);  // the last attempt
  StoreLetter(1, true);
  arrive(1, 5);  // Term was lost
  EXPECT_EQ(granted_, arrivals);
}

}  // namespace
}  // namespace penstock::eventbus
