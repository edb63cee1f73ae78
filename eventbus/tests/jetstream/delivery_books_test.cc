// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdint>
#include <random>

#include "jetstream/consume/ack_batch.h"
#include "jetstream/consume/gap_detector.h"
#include "jetstream/consume/outstanding_deliveries.h"
#include "jetstream/consume/pull_flow_control.h"
#include "jetstream/consume/recovered_ack_state.h"

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

TEST(OutstandingDeliveriesTest, TellsWhatMayBePendingInStreamOrder) {
  OutstandingDeliveries unsettled;
  for (const std::uint64_t sequence : {4U, 2U, 7U, 9U}) unsettled.Arrived(sequence);
  unsettled.Settled(7);
  EXPECT_EQ(unsettled.MayBePending(9, 100), (std::vector<std::uint64_t>{2, 4, 9}));
  EXPECT_EQ(unsettled.MayBePending(12, 100), (std::vector<std::uint64_t>{2, 4, 9, 10, 11, 12}));
  EXPECT_EQ(unsettled.MayBePending(12, 1), (std::vector<std::uint64_t>{2, 4, 9, 12}));
}

using Ranges = RecoveredAckState::Ranges;

TEST(SettledBeforeTest, KnowsAtOnceWhatLiesBelowTheAckFloor) {
  RecoveredAckState settled;
  EXPECT_EQ(settled.Restart(0, 0, 0), Ranges{});
  EXPECT_EQ(settled.Restart(0, 10, 3), Ranges{});
  EXPECT_EQ(settled.Restart(5, 10, 3), (Ranges{{1, 5}}));
  EXPECT_EQ(settled.Restart(5, 10, 0), (Ranges{{1, 10}})) << "nothing is pending";
}

TEST(SettledBeforeTest, KnowsTheRestWhenSomethingNewComesAfterAllThatWasPending) {
  RecoveredAckState settled;
  settled.Restart(2, 10, 3);
  for (const std::uint64_t pending : {3U, 6U, 7U}) EXPECT_EQ(settled.Arrived(pending), Ranges{});
  EXPECT_EQ(settled.Arrived(11), (Ranges{{4, 5}, {8, 10}}));
  EXPECT_EQ(settled.Arrived(12), Ranges{}) << "once";
}

TEST(SettledBeforeTest, TakesNothingForSettledThatMayStillCome) {
  RecoveredAckState settled;
  settled.Restart(2, 10, 3);
  settled.Arrived(3);
  settled.Arrived(3);
  settled.Arrived(6);
  EXPECT_EQ(settled.Arrived(11), Ranges{}) << "7 is pending and has not come";
  settled.Arrived(7);
  EXPECT_EQ(settled.Arrived(12), (Ranges{{4, 5}, {8, 10}}));
}

TEST(SettledBeforeTest, AMessageThatWasSettledWhileItWasOnItsWayHidesNoOther) {
  RecoveredAckState settled;
  settled.Restart(2, 10, 2);  // 5 was pending when the inbox was bound, and acked before the server was asked
  for (const std::uint64_t sequence : {3U, 5U}) EXPECT_EQ(settled.Arrived(sequence), Ranges{});
  EXPECT_EQ(settled.Arrived(7), Ranges{}) << "nothing new yet, so more may be pending";
  EXPECT_EQ(settled.Arrived(11), (Ranges{{4, 4}, {6, 6}, {8, 10}}));
}

TEST(SettledBeforeTest, BeginsAnewWithEachSynchronisation) {
  RecoveredAckState settled;
  settled.Restart(0, 10, 1);
  settled.Arrived(4);
  settled.Restart(0, 10, 2);
  settled.Arrived(4);
  EXPECT_EQ(settled.Arrived(11), Ranges{});
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
