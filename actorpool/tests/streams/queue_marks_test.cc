// SPDX-License-Identifier: Apache-2.0
#include "streams/queue_marks.h"

#include <limits>

#include "gtest/gtest.h"

namespace penstock::actorpool {
namespace {

TEST(QueueMarksTest, AreSharesOfTheCapacity) {
  const QueueMarks marks({.capacity = 1000, .near_full_from = 0.8, .near_full_until = 0.5});
  EXPECT_EQ(marks.full, 1000u);
  EXPECT_EQ(marks.near_full, 800u);
  EXPECT_EQ(marks.relieved, 500u);
}

TEST(QueueMarksTest, AQueueOfOneIsNearlyFullWhenItIsFull) {
  const QueueMarks marks({.capacity = 1, .near_full_from = 0.1, .near_full_until = 0.0});
  EXPECT_EQ(marks.full, 1u);
  EXPECT_EQ(marks.near_full, 1u);
  EXPECT_EQ(marks.relieved, 0u);
}

TEST(QueueMarksTest, TheLowerMarkIsAlwaysBelowTheUpperOne) {
  const QueueMarks marks({.capacity = 2, .near_full_from = 0.55, .near_full_until = 0.54});
  EXPECT_EQ(marks.near_full, 2u);
  EXPECT_EQ(marks.relieved, 1u);
  const QueueMarks close({.capacity = 10, .near_full_from = 0.8, .near_full_until = 0.7999});
  EXPECT_EQ(close.near_full, 8u);
  EXPECT_EQ(close.relieved, 7u);
}

TEST(QueueMarksTest, WithoutABoundNothingIsEverReached) {
  const QueueMarks marks({.capacity = StreamOptions::kUnbounded});
  EXPECT_EQ(marks.full, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(marks.near_full, marks.full);
}

TEST(QueueMarksTest, TheLargestCapacityIsExact) {
  const QueueMarks marks({.capacity = 1'000'000'000, .near_full_from = 1, .near_full_until = 0.5});
  EXPECT_EQ(marks.near_full, 1'000'000'000u);
  EXPECT_EQ(marks.relieved, 500'000'000u);
}

}  // namespace
}  // namespace penstock::actorpool
