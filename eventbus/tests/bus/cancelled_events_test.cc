// SPDX-License-Identifier: Apache-2.0
#include "bus/cancel/cancelled_events.h"

#include <gtest/gtest.h>

#include <string>

#include "bus/cancel/cancel_entry.h"
#include "naming/subject_token.h"

namespace penstock::eventbus {
namespace {

using Time = CancelledEvents::Time;
using std::chrono::seconds;

const Time kNow{seconds(1'000'000)};

class CancelledEventsTest : public ::testing::Test {
 protected:
  std::size_t Hold(std::string_view id, Time expires_at = kNow + seconds(10), bool answered = false) {
    return events_.Hold(id, {.revision = 7, .expires_at = expires_at, .answered = answered}, kNow).size();
  }
  bool Begin(const int& item, std::string_view id, Time now = kNow) {
    return events_.Begin(&item, id, std::stop_source(), now);
  }

  CancelledEvents events_;
  int first_ = 0, second_ = 0;
};

TEST_F(CancelledEventsTest, NothingBeginsThatIsHeld) {
  EXPECT_TRUE(Begin(first_, "a"));
  EXPECT_EQ(Hold("b"), 0u);
  EXPECT_FALSE(Begin(second_, "b"));
  const auto refused = events_.Ended(&second_, false);
  ASSERT_TRUE(refused);
  EXPECT_TRUE(refused->cancelled);
  EXPECT_EQ(refused->event_id, "b");
  EXPECT_FALSE(events_.Ended(&first_, true)->cancelled);
}

TEST_F(CancelledEventsTest, WhatRunsIsFoundUntilItHasEnded) {
  std::stop_source stop;
  EXPECT_TRUE(events_.Begin(&first_, "a", stop, kNow));
  EXPECT_TRUE(Begin(second_, "a"));
  auto running = events_.Hold("a", {.revision = 1, .expires_at = kNow + seconds(1)}, kNow);
  ASSERT_EQ(running.size(), 2u);
  EXPECT_FALSE(stop.stop_requested()) << "left to the caller";
  EXPECT_FALSE(events_.Unanswered("a")) << "likewise";
  for (auto& each : running) each.request_stop();
  EXPECT_TRUE(stop.stop_requested());
  EXPECT_TRUE(events_.IsCancelled(&first_));
  EXPECT_TRUE(events_.Ended(&first_, false)->cancelled);
  EXPECT_FALSE(events_.Ended(&first_, false)) << "it has ended";
  EXPECT_EQ(Hold("a"), 1u);
}

TEST_F(CancelledEventsTest, ARequestHoldsUntilItExpiresOrIsWithdrawn) {
  Hold("a", kNow + seconds(1));
  EXPECT_TRUE(events_.Holds("a", kNow));
  EXPECT_TRUE(Begin(first_, "a", kNow + seconds(1)));
  Hold("b");
  events_.Withdraw("b");
  events_.Withdraw("never held");
  EXPECT_TRUE(Begin(second_, "b"));
}

TEST_F(CancelledEventsTest, TellsWhatNobodyHasAnswered) {
  EXPECT_FALSE(events_.Unanswered("a"));
  Hold("a");
  EXPECT_EQ(events_.Unanswered("a"), 7u);
  Hold("a", kNow + seconds(10), /*answered=*/true);
  EXPECT_FALSE(events_.Unanswered("a"));
}

TEST_F(CancelledEventsTest, RemembersWhatWasCancelledWhenItIsAskedForAgain) {
  Hold("refused");
  Hold("handled all the same");
  EXPECT_FALSE(events_.WasCancelled("refused"));
  Begin(first_, "refused");
  events_.Ended(&first_, false);
  Begin(second_, "handled all the same");
  events_.Ended(&second_, true);
  Hold("refused");
  EXPECT_TRUE(events_.WasCancelled("refused"));
  EXPECT_FALSE(events_.WasCancelled("handled all the same"));
  EXPECT_FALSE(events_.WasCancelled("never asked for"));
}

TEST_F(CancelledEventsTest, ForgetsWhatHasExpired) {
  for (int i = 0; i < 10'000; ++i) Hold("old" + std::to_string(i), kNow);
  EXPECT_LE(events_.held(), 64u);
  for (int i = 0; i < 1000; ++i) Hold("new" + std::to_string(i));
  EXPECT_GE(events_.held(), 1000u);
}

TEST_F(CancelledEventsTest, RemembersTheLastThatAreOver) {
  events_.NoteOver("first");
  events_.NoteOver("first");
  EXPECT_TRUE(Begin(first_, "handled"));
  events_.Ended(&first_, true);
  EXPECT_TRUE(Begin(first_, "failed"));
  events_.Ended(&first_, false);
  EXPECT_TRUE(events_.IsOver("first"));
  EXPECT_TRUE(events_.IsOver("handled"));
  EXPECT_FALSE(events_.IsOver("failed"));
  for (std::size_t i = 0; i < CancelledEvents::kMostOver; ++i) events_.NoteOver(std::to_string(i));
  EXPECT_FALSE(events_.IsOver("first"));
  EXPECT_TRUE(events_.IsOver("0"));
}

TEST(CancelEntryTest, ReadsWhatItWrites) {
  using enum CancelState;
  for (const CancelState state : {kRequested, kQueued, kRunning, kFinished})
    EXPECT_EQ(ReadCancel(WrittenCancel(state)), state);
  EXPECT_EQ(ReadCancel(R"({"state":"running","by":"another version"})"), kRunning);
}

TEST(CancelEntryTest, RefusesAnythingElse) {
  for (const char* const text : {"", "{", "[]", "null", "7", "{}", R"({"state":7})", R"({"state":"gone"})",
                                 R"({"state":["queued"]})", R"("queued")", "\xff\xfe"})
    EXPECT_FALSE(ReadCancel(text)) << text;
}

TEST(EventEntriesTest, AnyIdIsOneTokenAndComesBack) {
  for (const std::string& id : {std::string("plain-ID_7"), std::string("a.b*c>d=2e/ "), std::string("=="),
                                std::string("\x01\xff", 2), std::string(128, '.')}) {
    const std::string token = SubjectToken(id);
    EXPECT_EQ(token.find_first_of(".*> "), std::string::npos) << token;
    EXPECT_EQ(TextOfToken(token), id);
  }
  EXPECT_EQ(TextOfToken("a=zz=2"), "a=zz=2") << "what others wrote";
}

}  // namespace
}  // namespace penstock::eventbus
