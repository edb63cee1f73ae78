// SPDX-License-Identifier: Apache-2.0
#include "bus/follow/followed_topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::eventbus {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const FollowedTopics::TimePoint kStart = FollowedTopics::TimePoint() + std::chrono::hours(1);

std::vector<std::string> Names(const FollowedTopics::Changes& changes) {
  std::vector<std::string> names;
  for (const auto& each : changes.to_open) names.push_back(each.topic);
  return names;
}

TEST(FollowedTopicsTest, TopicsOfTheFirstLookBeginWithWhatIsNewAndLaterOnesWithTheirFirstMessage) {
  FollowedTopics topics;
  const auto first = topics.Saw({"a"}, kStart);
  ASSERT_THAT(Names(first), ElementsAre("a"));
  EXPECT_EQ(first.to_open[0].begins, Beginning::kNew);
  topics.Opened("a", 1);
  const auto second = topics.Saw({"a", "b"}, kStart + seconds(1));
  ASSERT_THAT(Names(second), ElementsAre("b"));
  EXPECT_EQ(second.to_open[0].begins, Beginning::kFirst);
}

TEST(FollowedTopicsTest, WhatCannotBeOpenedIsTriedAgainLaterAndLaterFromWhereItWouldHaveBegun) {
  FollowedTopics topics;
  ASSERT_THAT(Names(topics.Saw({"a"}, kStart)), ElementsAre("a"));
  topics.NotOpened("a", kStart);
  EXPECT_THAT(Names(topics.Saw({"a"}, kStart + std::chrono::milliseconds(999))), IsEmpty());
  const auto again = topics.Saw({"a"}, kStart + seconds(1));
  ASSERT_THAT(Names(again), ElementsAre("a"));
  EXPECT_EQ(again.to_open[0].begins, Beginning::kNew) << "what was there before the subscription is not its own";
  topics.NotOpened("a", kStart + seconds(1));
  EXPECT_THAT(Names(topics.Saw({"a"}, kStart + seconds(2))), IsEmpty());
  auto now = kStart + seconds(3);
  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(Names(topics.Saw({"a"}, now)), ElementsAre("a"));
    topics.NotOpened("a", now);
    now += FollowedTopics::kLongestPause;
  }
}

TEST(FollowedTopicsTest, ATopicIsClosedWhenItsStreamIsMissingForAWhile) {
  FollowedTopics topics;
  topics.Saw({"a", "b"}, kStart);
  topics.Opened("a", 1);
  topics.Opened("b", 2);
  EXPECT_THAT(topics.Saw({"b"}, kStart + seconds(9)).to_close, IsEmpty());
  EXPECT_THAT(topics.Saw({"a", "b"}, kStart + seconds(9)).to_close, IsEmpty()) << "it was back in time";
  EXPECT_THAT(topics.Saw({"b"}, kStart + seconds(19)).to_close, ElementsAre(1));
  EXPECT_THAT(topics.members(), ElementsAre(2));
  const auto back = topics.Saw({"a", "b"}, kStart + seconds(20));
  ASSERT_THAT(Names(back), ElementsAre("a"));
  EXPECT_EQ(back.to_open[0].begins, Beginning::kFirst) << "it is another stream";
}

TEST(FollowedTopicsTest, AStreamThatWasPassedOverAndMadeAnewIsNew) {
  FollowedTopics topics;
  topics.Saw({"a"}, kStart);
  topics.NotOpened("a", kStart);
  EXPECT_THAT(topics.Saw({}, kStart + seconds(1)).to_close, IsEmpty());
  const auto back = topics.Saw({"a"}, kStart + seconds(1));
  ASSERT_THAT(Names(back), ElementsAre("a"));
  EXPECT_EQ(back.to_open[0].begins, Beginning::kFirst);
}

TEST(FollowedTopicsTest, FollowsAThousandAndCountsTheRest) {
  FollowedTopics topics;
  std::set<std::string> all;
  for (std::size_t i = 0; i < FollowedTopics::kMost + 5; ++i) all.insert("t" + std::to_string(i));
  const auto changes = topics.Saw(all, kStart);
  EXPECT_EQ(changes.to_open.size(), FollowedTopics::kMost);
  EXPECT_EQ(changes.beyond, 5u);
  EXPECT_EQ(topics.Saw({"t0"}, kStart + seconds(1)).beyond, 0u);
}

}  // namespace
}  // namespace penstock::eventbus
