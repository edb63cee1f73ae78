// SPDX-License-Identifier: Apache-2.0
#include "bus/cancel/cancel_judge.h"

#include <gtest/gtest.h>

namespace penstock::eventbus {
namespace {

constexpr CancelJudge::Time kNow{std::chrono::hours{1}};
constexpr CancelJudge::Request kRequest{.revision = 3, .expires_at = kNow + std::chrono::hours{1}};

class CancelJudgeTest : public testing::Test {
 protected:
  std::optional<CancelState> Judge(InHand where, bool was_handled = false) {
    return judge_.Judge(
        "a", kRequest, [where] { return where; }, [was_handled] { return was_handled; }, kNow);
  }
  bool Holds() const { return judge_.events().Holds("a", kNow); }

  CancelJudge judge_;
  std::stop_source stop_;
  int item_ = 0;
};

TEST_F(CancelJudgeTest, AnEventThatWaitsHereIsHeld) {
  EXPECT_EQ(Judge(InHand::kWaits), CancelState::kQueued);
  EXPECT_TRUE(Holds());
}

TEST_F(CancelJudgeTest, AHandlerIsAskedToStop) {
  EXPECT_TRUE(judge_.events().Begin(&item_, "a", stop_, kNow));
  EXPECT_EQ(Judge(InHand::kWaits), CancelState::kRunning);
  EXPECT_TRUE(stop_.stop_requested());
}

TEST_F(CancelJudgeTest, NothingIsSaidOfAnEventThatIsNotHereButItIsHeld) {
  EXPECT_EQ(Judge(InHand::kNot), std::nullopt);
  EXPECT_TRUE(Holds());
}

TEST_F(CancelJudgeTest, AnEventThatIsOverIsNotHeld) {
  EXPECT_EQ(Judge(InHand::kGivenUp), CancelState::kFinished);
  EXPECT_EQ(Judge(InHand::kNot, /*was_handled=*/true), CancelState::kFinished);
  judge_.events().NoteOver("a");
  EXPECT_EQ(Judge(InHand::kNot), CancelState::kFinished);
  EXPECT_FALSE(Holds());
  EXPECT_EQ(Judge(InHand::kWaits), CancelState::kQueued) << "it was redriven";
}

TEST_F(CancelJudgeTest, WhatWasPromisedIsPromisedToALaterRequestToo) {
  EXPECT_EQ(Judge(InHand::kWaits), CancelState::kQueued);
  judge_.events().NoteOver("a");  // as a dead letter, with those of its key
  EXPECT_EQ(Judge(InHand::kGivenUp), CancelState::kQueued);
  EXPECT_EQ(Judge(InHand::kNot), CancelState::kQueued);
  EXPECT_TRUE(Holds()) << "it may be redriven";
}

TEST_F(CancelJudgeTest, WhatAnotherProcessPromisedIsPromisedHereToo) {
  EXPECT_FALSE(judge_.Take("a", CancelState::kQueued, kRequest, kNow));
  EXPECT_EQ(Judge(InHand::kGivenUp), CancelState::kQueued);
  EXPECT_TRUE(Holds());
}

TEST_F(CancelJudgeTest, AnAnswerOfAnotherProcessHolds) {
  EXPECT_TRUE(judge_.Take("a", CancelState::kRequested, kRequest, kNow));
  EXPECT_FALSE(Holds());
  EXPECT_TRUE(judge_.events().Begin(&item_, "a", stop_, kNow));
  EXPECT_FALSE(judge_.Take("a", CancelState::kQueued, kRequest, kNow));
  EXPECT_TRUE(Holds());
  EXPECT_TRUE(stop_.stop_requested());
  EXPECT_FALSE(judge_.Take("a", CancelState::kFinished, kRequest, kNow));
  EXPECT_FALSE(Holds());
}

}  // namespace
}  // namespace penstock::eventbus
