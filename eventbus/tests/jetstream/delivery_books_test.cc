// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdint>
#include <random>

#include "jetstream/consume/ack_batch.h"
#include "jetstream/consume/pull_flow_control.h"
#include "jetstream/recovery/gap_detector.h"
#include "jetstream/recovery/may_be_pending.h"
#include "jetstream/recovery/outstanding_deliveries.h"
#include "jetstream/recovery/recent_acks.h"
#include "jetstream/recovery/recovery_barrier.h"
#include "jetstream/recovery/stream_lineage.h"
#include "jetstream/recovery/stream_marks.h"

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::milliseconds;

TEST(PullCreditTest, AsksForTheWindowInTwoHalves) {
  PullFlowControl credit(100);
  EXPECT_EQ(credit.Next()->batch, 50U);
  EXPECT_EQ(credit.Next()->batch, 50U);
  EXPECT_FALSE(credit.Next());
  EXPECT_EQ(credit.asked(), 100U);
}

TEST(PullCreditTest, AWindowOfOneAsksForOneAtATime) {
  PullFlowControl credit(1);
  EXPECT_EQ(credit.Next()->batch, 1U);
  EXPECT_FALSE(credit.Next());
  credit.Arrived(1);
  EXPECT_FALSE(credit.Next());
  credit.Granted(1);
  EXPECT_EQ(credit.Next()->batch, 1U);
}

TEST(PullCreditTest, AsksAgainWhenAQuarterIsFree) {
  PullFlowControl credit(100);
  while (credit.Next()) {
  }
  credit.Arrived(50);
  credit.Granted(24);
  EXPECT_FALSE(credit.Next());
  credit.Granted(1);
  EXPECT_EQ(credit.Next()->batch, 25U);
}

TEST(PullCreditTest, AsksForTheLittleThatIsFreeWhenNothingIsOutstanding) {
  PullFlowControl credit(100);
  while (credit.Next()) {
  }
  credit.Arrived(100);
  EXPECT_FALSE(credit.Next());
  credit.Granted(1);
  EXPECT_EQ(credit.Next()->batch, 1U);
  credit.Granted(1);
  EXPECT_FALSE(credit.Next());
}

TEST(PullCreditTest, GrantsBeyondWhatIsHeldWidenTheWindow) {
  PullFlowControl credit(4);
  credit.Granted(6);
  EXPECT_EQ(credit.Next()->batch, 5U);
  EXPECT_EQ(credit.Next()->batch, 5U);
  EXPECT_FALSE(credit.Next());
}

TEST(PullCreditTest, ARequestThatEndedGivesBackWhatDidNotCome) {
  PullFlowControl credit(100);
  const auto first = credit.Next(), second = credit.Next();
  credit.Arrived(30);
  credit.Ended(first->id, 35);
  EXPECT_EQ(credit.asked(), 35U);
  credit.Ended(first->id, 35);
  credit.Ended(4711, 35);
  EXPECT_EQ(credit.asked(), 35U);
  credit.Ended(second->id, std::nullopt);
  EXPECT_EQ(credit.asked(), 0U);
  EXPECT_EQ(credit.held(), 30U);
}

TEST(PullCreditTest, ForgettingKeepsWhatTheOwnerHolds) {
  PullFlowControl credit(100);
  const auto request = credit.Next();
  credit.Arrived(10);
  credit.Forget();
  credit.Ended(request->id, 40);
  EXPECT_EQ(credit.asked(), 0U);
  EXPECT_EQ(credit.held(), 10U);
  EXPECT_EQ(credit.Next()->batch, 50U);
  EXPECT_EQ(credit.Next()->batch, 40U);
}

TEST(PullCreditTest, NeverAsksForMoreThanItsWindowWhateverHappens) {
  std::minstd_rand random(7);
  for (const std::size_t window : {1U, 2U, 3U, 7U, 100U, 4096U}) {
    PullFlowControl credit(window);
    std::uint64_t last = 0;
    for (int step = 0; step < 5000; ++step) {
      switch (random() % 5) {
        case 0:
          credit.Arrived(std::min<std::size_t>(random() % (window + 1), credit.asked()));
          break;
        case 1:
          credit.Granted(random() % (credit.held() + 1));
          break;
        case 2:
          credit.Ended(last - std::min<std::uint64_t>(last, random() % 4), random() % (2 * window));
          break;
        case 3:
          if (random() % 10 == 0) credit.Forget();
          break;
        default:
          if (const auto request = credit.Next()) last = request->id;
      }
      ASSERT_LE(credit.asked() + credit.held(), window);
    }
  }
}

TEST(GapDetectorTest, NoticesGapsRepetitionsAndMissingEnds) {
  GapDetector track;
  EXPECT_TRUE(track.UpToDate(99));
  EXPECT_TRUE(track.Follows(7));
  EXPECT_TRUE(track.Follows(8));
  EXPECT_FALSE(track.Follows(10));
  EXPECT_FALSE(track.Follows(8));
  EXPECT_TRUE(track.Follows(9));
  EXPECT_TRUE(track.UpToDate(9));
  EXPECT_FALSE(track.UpToDate(10));
  track.Restart();
  EXPECT_TRUE(track.Follows(3));
}

TEST(GapDetectorTest, BelievesWhatAServerCanHaveSent) {
  constexpr std::uint64_t kMost = UINT64_MAX;
  GapDetector gaps;
  gaps.Expect(1'000'000'000'000);
  const auto believes = [&gaps](std::uint64_t stream, std::uint64_t consumer, std::uint64_t deliveries) {
    return gaps.Believes({.delivery_count = deliveries, .stream_sequence = stream, .consumer_sequence = consumer});
  };
  EXPECT_TRUE(believes(1, 1, 1)) << "from the begin of a long stream";
  EXPECT_TRUE(believes(1'000'000'000'001, 7, 7));
  EXPECT_TRUE(believes(1'004'000'000'000, 8, 1)) << "others' messages lie between";
  EXPECT_FALSE(believes(kMost, 9, 1));
  EXPECT_FALSE(believes(0, 9, 1));
  EXPECT_FALSE(believes(5, 9, 10)) << "a message delivered more often than anything was";
  EXPECT_FALSE(believes(5, 9, kMost));
  EXPECT_FALSE(believes(5, 9, 0));
}

TEST(OutstandingDeliveriesTest, KnowsWhereToBeginAgain) {
  OutstandingDeliveries unsettled;
  EXPECT_EQ(unsettled.Lowest(), std::nullopt);
  unsettled.SettledUpTo(4);
  EXPECT_EQ(unsettled.Lowest(), 5U);
  for (const std::uint64_t sequence : {5U, 6U, 7U, 9U}) unsettled.Arrived(sequence);
  unsettled.Settled(5);
  unsettled.Settled(7);
  EXPECT_EQ(unsettled.Lowest(), 6U);
  unsettled.Settled(6);
  unsettled.Settled(9);
  EXPECT_EQ(unsettled.Lowest(), 10U);
  unsettled.Arrived(8);
  EXPECT_EQ(unsettled.Lowest(), 8U);
  unsettled.Clear();
  EXPECT_EQ(unsettled.Lowest(), std::nullopt);
}

TEST(AckBatchTest, WritesTheFourVerbs) {
  EXPECT_EQ(AckBody(AckType::kAck), "+ACK");
  EXPECT_EQ(AckBody(AckType::kNak), "-NAK");
  EXPECT_EQ(AckBody(AckType::kTerm), "+TERM");
  EXPECT_EQ(AckBody(AckType::kInProgress), "+WPI");
}

TEST(OutstandingDeliveriesTest, ForgetsWhatOthersSettledAndWhatComesAgain) {
  OutstandingDeliveries unsettled;
  for (const std::uint64_t sequence : {2U, 4U, 7U, 9U}) unsettled.Arrived(sequence);
  unsettled.SettledUpTo(4);
  EXPECT_EQ(unsettled.size(), 2U);
  EXPECT_EQ(unsettled.Lowest(), 7U);
  unsettled.StartAfter(5);
  EXPECT_EQ(unsettled.size(), 0U);
  EXPECT_EQ(unsettled.Lowest(), 6U);
}

TEST(OutstandingDeliveriesTest, EndsWhereTheStreamDoes) {
  OutstandingDeliveries unsettled;
  for (const std::uint64_t sequence : {8U, 9U, 12U}) unsettled.Arrived(sequence);
  unsettled.Settled(8);
  unsettled.EndAt(10);
  EXPECT_EQ(unsettled.Lowest(), 9U);
  unsettled.Settled(9);
  EXPECT_EQ(unsettled.Lowest(), 11U);
  unsettled.EndAt(0);
  EXPECT_EQ(unsettled.Lowest(), std::nullopt);
}

TEST(RecentAcksTest, RemembersTheLastTwoSpansInStreamOrder) {
  RecentAcks acks;
  const auto send = [&acks](std::uint64_t sequence) { acks.Sent({&sequence, 1}); };
  send(9);
  send(4);
  EXPECT_EQ(acks.After(0), (std::vector<std::uint64_t>{4, 9}));
  EXPECT_EQ(acks.After(4), (std::vector<std::uint64_t>{9}));
  acks.Age();
  send(11);
  EXPECT_EQ(acks.After(0), (std::vector<std::uint64_t>{4, 9, 11}));
  acks.Age();
  acks.Age();
  EXPECT_EQ(acks.After(0), (std::vector<std::uint64_t>{11})) << "nothing was sent since";
  acks.Clear();
  EXPECT_TRUE(acks.After(0).empty());
  acks.Clear(/*epoch=*/2);
  const std::uint64_t old = 7, young = 3;
  acks.Sent({&old, 1}, 1);
  acks.Sent({&young, 1}, 2);
  EXPECT_EQ(acks.After(0), (std::vector<std::uint64_t>{3})) << "7 is another message by now";
}

TEST(StreamMarksTest, ReachBackToTheBeginHoweverMuchIsDelivered) {
  const std::chrono::system_clock::time_point epoch{};
  StreamMarks marks;
  EXPECT_FALSE(marks.UpTo(5));
  for (std::uint64_t sequence = 3; sequence < 1'000'000; ++sequence) {
    marks.Delivered(sequence, epoch + std::chrono::milliseconds(sequence));
  }
  EXPECT_FALSE(marks.UpTo(2));
  for (const std::uint64_t sequence : {3U, 500U, 40'000U, 999'999U}) {
    const auto mark = marks.UpTo(sequence);
    ASSERT_TRUE(mark) << sequence;
    EXPECT_LE(mark->sequence, sequence);
    EXPECT_GT(mark->sequence + 1'000'000 / 16, sequence);
    EXPECT_EQ(mark->stored_at, epoch + std::chrono::milliseconds(mark->sequence));
  }
  marks.Delivered(7, epoch);
  EXPECT_NE(marks.UpTo(7)->stored_at, epoch) << "one that comes again changes nothing";
  marks.Clear();
  EXPECT_FALSE(marks.UpTo(999'999));
}

using Ranges = RecoveryBarrier::Ranges;
using Verdict = RecoveryBarrier::Verdict;

Ranges SettledBy(RecoveryBarrier& barrier, std::uint64_t sequence) {
  barrier.Arrived(sequence);
  return barrier.SettledBefore(sequence);
}

TEST(StreamLineageTest, AStreamThatIsShorterButAsItWasLagsAndInTheEndHasLostItsEnd) {
  using Lineage = StreamLineage::Verdict;
  constexpr StreamLineage::Time kStart{std::chrono::hours(1)};
  StreamLineage lineage;
  for (std::uint64_t sequence = 1; sequence <= 10; ++sequence) lineage.Delivered(sequence, {});
  EXPECT_FALSE(lineage.Doubts(true, 10));
  EXPECT_EQ(lineage.Saw(true, 10, std::nullopt, kStart), Lineage::kSame);
  ASSERT_TRUE(lineage.Doubts(true, 7));
  EXPECT_EQ(lineage.Doubts(true, 7)->sequence, 7u);
  EXPECT_EQ(lineage.Saw(true, 7, true, kStart), Lineage::kLags);
  EXPECT_EQ(lineage.highest(), 10u) << "nothing is forgotten while it lags";
  EXPECT_EQ(lineage.Saw(true, 7, true, kStart + std::chrono::seconds(10)), Lineage::kLostItsEnd);
  EXPECT_EQ(lineage.highest(), 7u);
}

TEST(StreamLineageTest, AnotherCreationTimeOrAnotherMessageIsAnotherStream) {
  using Lineage = StreamLineage::Verdict;
  StreamLineage lineage;
  lineage.Delivered(10, {});
  EXPECT_EQ(lineage.Saw(true, 7, false, {}), Lineage::kMadeAgain);
  EXPECT_EQ(lineage.highest(), 0u);
  lineage.Delivered(10, {});
  EXPECT_EQ(lineage.Saw(false, 20, std::nullopt, {}), Lineage::kMadeAgain);
}

TEST(StreamLineageTest, WithNoMessageToCompareItMayLagAndIsAnotherInTheEnd) {
  constexpr StreamLineage::Time kStart{std::chrono::hours(1)};
  using Lineage = StreamLineage::Verdict;
  StreamLineage lineage;
  lineage.Delivered(100, {});
  EXPECT_FALSE(lineage.Doubts(true, 90));
  EXPECT_EQ(lineage.Saw(true, 90, std::nullopt, kStart), Lineage::kLags);
  EXPECT_EQ(lineage.Saw(true, 90, std::nullopt, kStart + std::chrono::seconds(10)), Lineage::kMadeAgain);
  lineage.Delivered(100, {});
  EXPECT_EQ(lineage.Saw(true, 0, std::nullopt, kStart), Lineage::kMadeAgain) << "nothing is there";
}

TEST(MayBePendingTest, IsAllThatWasDeliveredAfterTheFloorOrItsTwoEnds) {
  EXPECT_EQ(MayBePending(3, 6), (std::vector<std::uint64_t>{4, 5, 6}));
  EXPECT_TRUE(MayBePending(6, 6).empty());
  const std::vector<std::uint64_t> ends = MayBePending(10, 1'000'000);
  ASSERT_EQ(ends.size(), 65'536u);
  EXPECT_EQ(ends.front(), 11u);
  EXPECT_EQ(ends.back(), 1'000'000u);
}

TEST(RecoveryBarrierTest, HoldsWhatComesAgainUntilAllOfItIsThere) {
  RecoveryBarrier barrier;
  barrier.Restart(0, 10, 3, true);
  EXPECT_TRUE(barrier.up());
  EXPECT_EQ(barrier.Arrived(7), Verdict::kHold);
  EXPECT_EQ(barrier.Arrived(3), Verdict::kHold);
  EXPECT_EQ(barrier.Arrived(3), Verdict::kHold) << "it came before";
  EXPECT_EQ(barrier.Arrived(9), Verdict::kRelease);
  EXPECT_FALSE(barrier.up());
  EXPECT_EQ(barrier.Arrived(11), Verdict::kPass);
}

TEST(RecoveryBarrierTest, IsNotThereWhenNothingIsPending) {
  RecoveryBarrier barrier;
  barrier.Restart(4, 10, 0, true);
  EXPECT_FALSE(barrier.up());
  EXPECT_EQ(barrier.Arrived(11), Verdict::kPass);
}

TEST(RecoveryBarrierTest, InsistsOnAllThatIsPendingOrDoesWithout) {
  RecoveryBarrier barrier;
  barrier.Restart(0, 10, 3, true);
  EXPECT_EQ(barrier.Arrived(3), Verdict::kHold);
  EXPECT_EQ(barrier.Arrived(11), Verdict::kIncomplete);
  barrier.Restart(0, 10, 3, false);
  EXPECT_EQ(barrier.Arrived(3), Verdict::kHold);
  EXPECT_EQ(barrier.Arrived(11), Verdict::kRelease);
  EXPECT_EQ(barrier.SettledBefore(11), Ranges{}) << "nobody knows what the missing ones are";
  barrier.Restart(0, 10, 3, false);
  EXPECT_EQ(barrier.Arrived(3), Verdict::kHold);
  barrier.Lift();
  EXPECT_FALSE(barrier.up());
  EXPECT_EQ(barrier.Arrived(4), Verdict::kPass);
}

TEST(RecoveryBarrierTest, KnowsAtOnceWhatLiesBelowTheAckFloor) {
  RecoveryBarrier barrier;
  EXPECT_EQ(barrier.Restart(0, 0, 0, true), Ranges{});
  EXPECT_EQ(barrier.Restart(0, 10, 3, true), Ranges{});
  EXPECT_EQ(barrier.Restart(5, 10, 3, true), (Ranges{{1, 5}}));
  EXPECT_EQ(barrier.Restart(5, 10, 0, true), (Ranges{{1, 10}})) << "nothing is pending";
}

TEST(RecoveryBarrierTest, KnowsTheRestWhenSomethingNewComesAfterAllThatWasPending) {
  RecoveryBarrier barrier;
  barrier.Restart(2, 10, 3, true);
  for (const std::uint64_t pending : {3U, 6U, 7U}) EXPECT_EQ(SettledBy(barrier, pending), Ranges{});
  EXPECT_EQ(SettledBy(barrier, 11), (Ranges{{4, 5}, {8, 10}}));
  EXPECT_EQ(SettledBy(barrier, 12), Ranges{}) << "once";
}

TEST(RecoveryBarrierTest, TakesNothingForSettledThatMayStillCome) {
  RecoveryBarrier barrier;
  barrier.Restart(2, 10, 3, false);
  SettledBy(barrier, 3);
  SettledBy(barrier, 6);
  EXPECT_EQ(SettledBy(barrier, 11), Ranges{}) << "7 is pending and has not come";
  SettledBy(barrier, 7);
  EXPECT_EQ(SettledBy(barrier, 12), (Ranges{{4, 5}, {8, 10}}));
}

TEST(RecoveryBarrierTest, AMessageThatWasSettledWhileItWasOnItsWayHidesNoOther) {
  RecoveryBarrier barrier;
  barrier.Restart(2, 10, 2, true);  // 5 was pending when the inbox was bound, and acked before the server was asked
  for (const std::uint64_t sequence : {3U, 5U}) EXPECT_EQ(SettledBy(barrier, sequence), Ranges{});
  EXPECT_EQ(SettledBy(barrier, 7), Ranges{}) << "nothing new yet, so more may be pending";
  EXPECT_EQ(SettledBy(barrier, 11), (Ranges{{4, 4}, {6, 6}, {8, 10}}));
}

TEST(RecoveryBarrierTest, BeginsAnewWithEachSynchronisation) {
  RecoveryBarrier barrier;
  barrier.Restart(0, 10, 1, true);
  SettledBy(barrier, 4);
  barrier.Restart(0, 10, 2, true);
  EXPECT_EQ(barrier.Arrived(4), Verdict::kHold);
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
