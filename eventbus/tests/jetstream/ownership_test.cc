// SPDX-License-Identifier: Apache-2.0
#include "jetstream/ownership/ownership.h"

#include <gtest/gtest.h>

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::milliseconds;
using State = Ownership::State;
using Step = Ownership::Step;
using Sight = Ownership::Sight;

constexpr Ownership::Time kStart{std::chrono::hours(1)};

Sight Anothers(bool bound) { return {.bound = bound, .inbox = "theirs"}; }
Sight Ours() { return {.ours = true, .inbox = "ours"}; }

class OwnershipTest : public ::testing::Test {
 protected:
  Step SawAfter(milliseconds time, const std::optional<Sight>& sight) {
    now_ += time;
    return ownership_.Saw(sight, now_);
  }
  Step Saw(const std::optional<Sight>& sight) { return SawAfter(milliseconds(0), sight); }
  void Own() {
    Saw(std::nullopt);
    ownership_.Taken(now_);
    ownership_.TakeNews();
  }

  Ownership ownership_;
  Ownership::Time now_ = kStart;
};

TEST_F(OwnershipTest, AConsumerThatNobodyEverHadIsMadeAtOnce) {
  EXPECT_EQ(ownership_.state(), State::kUnknown);
  EXPECT_EQ(Saw(std::nullopt), Step::kMake);
  ownership_.Taken(now_);
  EXPECT_EQ(ownership_.state(), State::kOwner);
  EXPECT_FALSE(ownership_.TakeNews());
}

TEST_F(OwnershipTest, AnotherFenceTellsThatAnotherMayHaveHadIt) {
  Saw(std::nullopt);
  ownership_.Taken(now_, 17);
  EXPECT_FALSE(ownership_.TakeNews()) << "the first time there is nothing that could have been lost";
  ownership_.Withdrawn(now_);
  EXPECT_EQ(Saw(Ours()), Step::kBind);
  ownership_.Taken(now_, 17);
  EXPECT_FALSE(ownership_.TakeNews());
  ownership_.Withdrawn(now_);
  ownership_.Taken(now_, 19);
  EXPECT_TRUE(ownership_.TakeNews());
  ownership_.Taken(now_, 0);
  EXPECT_FALSE(ownership_.TakeNews()) << "none tells nothing";
}

TEST_F(OwnershipTest, OneThatSomebodyListensToIsLeftAlone) {
  EXPECT_EQ(Saw(Anothers(true)), Step::kStandBy);
  EXPECT_EQ(SawAfter(std::chrono::hours(1), Anothers(true)), Step::kStandBy);
  EXPECT_EQ(ownership_.state(), State::kStandBy);
}

TEST_F(OwnershipTest, AVacantOneIsTakenWhenItsOwnerMustHaveStopped) {
  Saw(Anothers(true));
  EXPECT_EQ(SawAfter(milliseconds(100), Anothers(false)), Step::kStandBy);
  EXPECT_EQ(ownership_.state(), State::kVacant);
  EXPECT_EQ(ownership_.Pause(now_, milliseconds(200)), milliseconds(200));
  EXPECT_EQ(SawAfter(ownership_time::kTakeOver - milliseconds(1), Anothers(false)), Step::kStandBy);
  EXPECT_EQ(ownership_.Pause(now_, milliseconds(200)), milliseconds(1));
  EXPECT_EQ(SawAfter(milliseconds(1), Anothers(false)), Step::kBind);
  static_assert(ownership_time::kTakeOver > ownership_time::kLease);
}

TEST_F(OwnershipTest, AStandbyOfManyConsumersLooksLessOftenAtEach) {
  EXPECT_EQ(Ownership::LookEvery(1).most, ownership_time::kLongestPause);
  EXPECT_EQ(Ownership::LookEvery(8).most, ownership_time::kLongestPause);
  EXPECT_EQ(Ownership::LookEvery(9).least, 2 * ownership_time::kShortestPause);
  EXPECT_EQ(Ownership::LookEvery(1000).most, 4 * ownership_time::kLongestPause);
  static_assert(ownership_time::kLongestPause < milliseconds(100));
}

TEST_F(OwnershipTest, TheWaitBeginsAnewWithEachOwnerAndEachListener) {
  Saw(Anothers(false));
  EXPECT_EQ(SawAfter(ownership_time::kTakeOver, Sight{.inbox = "a third's"}), Step::kStandBy);
  EXPECT_EQ(SawAfter(milliseconds(100), Sight{.bound = true, .inbox = "a third's"}), Step::kStandBy);
  EXPECT_EQ(SawAfter(milliseconds(500), Sight{.inbox = "a third's"}), Step::kStandBy);
  EXPECT_EQ(SawAfter(ownership_time::kTakeOver, Sight{.inbox = "a third's"}), Step::kBind);
}

TEST_F(OwnershipTest, AReleasedOneIsTakenAtOnce) {
  Saw(Anothers(true));
  EXPECT_EQ(Saw(Sight{.released = true, .inbox = "theirs"}), Step::kBind);
  EXPECT_EQ(Saw(Sight{.bound = true, .released = true, .inbox = "theirs"}), Step::kStandBy) << "it has not left yet";
}

TEST_F(OwnershipTest, ADeletedOneIsMadeAgainByItsOwnerAtOnceAndByOthersOnlyWhenItDoesNot) {
  Own();
  ownership_.Withdrawn(now_);
  EXPECT_EQ(Saw(std::nullopt), Step::kMake);

  Ownership standby;
  standby.Saw(Anothers(true), now_);
  EXPECT_EQ(standby.Saw(std::nullopt, now_), Step::kStandBy);
  EXPECT_EQ(standby.state(), State::kMissing);
  const Ownership::Time last = now_ + ownership_time::kMissing;
  for (Ownership::Time at = now_; at < last; at += milliseconds(200)) {
    EXPECT_EQ(standby.Saw(std::nullopt, at), Step::kStandBy);
  }
  EXPECT_EQ(standby.Saw(std::nullopt, last), Step::kMake);
  static_assert(ownership_time::kMissing > ownership_time::kSilence, "its owner handles until then");
}

TEST_F(OwnershipTest, ADeletedOneThatWasVacantMayHaveHadAnOwnerBetweenTwoLooks) {
  Saw(Anothers(false));
  EXPECT_EQ(SawAfter(milliseconds(100), std::nullopt), Step::kStandBy);
  EXPECT_EQ(ownership_.state(), State::kMissing);
  for (int i = 1; i < 10; ++i) EXPECT_EQ(SawAfter(ownership_time::kMissing / 10, std::nullopt), Step::kStandBy);
  EXPECT_EQ(SawAfter(ownership_time::kMissing / 10, std::nullopt), Step::kMake);
}

TEST_F(OwnershipTest, WhoDidNotLookForAWhileWaitsForAnOwnerThatMayHaveComeMeanwhile) {
  Saw(Anothers(true));
  EXPECT_EQ(Saw(std::nullopt), Step::kStandBy);
  EXPECT_EQ(SawAfter(2 * ownership_time::kMissing, std::nullopt), Step::kStandBy);
  EXPECT_EQ(ownership_.state(), State::kMissing);
}

TEST_F(OwnershipTest, WhoLostProofOfADeletedOneLongAgoWaitsForItsSuccessor) {
  Own();
  ownership_.Withdrawn(now_);
  EXPECT_EQ(SawAfter(ownership_time::kTakeOver, Ours()), Step::kBind);
  EXPECT_EQ(SawAfter(milliseconds(1), std::nullopt), Step::kStandBy) << "another may have bound it since that look";
  EXPECT_EQ(ownership_.state(), State::kMissing);
}

TEST_F(OwnershipTest, OursIsBoundAgainAtOnceAndMadeAgainWhenTheServerHoldsItForADeadConnection) {
  Own();
  ownership_.Withdrawn(now_);
  EXPECT_EQ(ownership_.state(), State::kWithdrawn);
  EXPECT_EQ(Saw(Ours()), Step::kBind);
  EXPECT_FALSE(ownership_.Refused(now_));
  EXPECT_FALSE(ownership_.Refused(now_ + ownership_time::kHalfOpen - milliseconds(1)));
  EXPECT_TRUE(ownership_.Refused(now_ + ownership_time::kHalfOpen));
}

TEST_F(OwnershipTest, WhoIsRefusedWhileTakingFromAnotherStandsBy) {
  Saw(Anothers(false));
  EXPECT_EQ(SawAfter(ownership_time::kTakeOver, Anothers(false)), Step::kBind);
  EXPECT_FALSE(ownership_.Refused(now_));
  EXPECT_EQ(ownership_.state(), State::kStandBy);
  EXPECT_EQ(SawAfter(milliseconds(100), Anothers(false)), Step::kStandBy) << "the wait begins anew";
}

TEST_F(OwnershipTest, ALossIsToldWhenItIsSeenAndOnceMoreWhenItIsOver) {
  Own();
  Saw(Anothers(true));
  EXPECT_TRUE(ownership_.TakeNews());
  EXPECT_FALSE(ownership_.TakeNews());
  Saw(Anothers(true));
  EXPECT_FALSE(ownership_.TakeNews());
  Saw(Sight{.released = true, .inbox = "theirs"});
  ownership_.Taken(now_);
  EXPECT_TRUE(ownership_.TakeNews());
}

TEST_F(OwnershipTest, AFreshOwnerIsToldOfTheOneBeforeOnceItIsTheOwner) {
  Saw(Anothers(true));
  EXPECT_FALSE(ownership_.TakeNews()) << "nothing is in hand";
  ownership_.Taken(now_);
  EXPECT_TRUE(ownership_.TakeNews());
}

TEST_F(OwnershipTest, AnOwnerBeginsNothingAfterItsLeaseOrALongSilence) {
  const auto may = [](milliseconds since_proof, milliseconds since_word) {
    return Ownership::MayBegin(kStart, kStart - since_proof, kStart - since_word);
  };
  EXPECT_TRUE(may(milliseconds(0), milliseconds(0)));
  EXPECT_TRUE(may(ownership_time::kLease - milliseconds(1), ownership_time::kSilence));
  EXPECT_FALSE(may(ownership_time::kLease, milliseconds(0)));
  EXPECT_FALSE(may(milliseconds(0), ownership_time::kSilence + milliseconds(1)));
  EXPECT_FALSE(Ownership::MayBegin(kStart, Ownership::Time{}, kStart)) << "never proven";
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
