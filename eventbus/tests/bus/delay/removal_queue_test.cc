// SPDX-License-Identifier: Apache-2.0
#include "bus/delay/removal_queue.h"

#include <gtest/gtest.h>

namespace penstock::eventbus {
namespace {

TEST(RemovalQueueTest, WhatMayBeAnothersIsLookedAtFirstAndNothingElse) {
  RemovalQueue queue;
  queue.Add(1, 0, "a");
  queue.Add(2, 0, "mark", /*look=*/true);
  EXPECT_FALSE(queue.Take()->look_first);
  EXPECT_TRUE(queue.Take()->look_first);
  queue.Add(3, 0, "b");
  EXPECT_FALSE(queue.Take()->look_first);
}

TEST(RemovalQueueTest, GivesOneAfterTheOther) {
  RemovalQueue queue;
  EXPECT_FALSE(queue.Take());
  queue.Add(1, 0, "a");
  queue.Add(2, 0, "b");
  EXPECT_EQ(queue.Take()->sequence, 1u);
  const auto second = queue.Take();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->subject, "b");
  EXPECT_FALSE(second->look_first);
  EXPECT_TRUE(queue.empty());
}

TEST(RemovalQueueTest, WhatCouldNotBeRemovedComesFirstAgainAndAllAreLookedAtBefore) {
  RemovalQueue queue;
  queue.Add(1, 0, "a");
  queue.Add(2, 0, "b");
  auto first = queue.Take();
  ASSERT_TRUE(first);
  queue.PutBack(*std::move(first));
  queue.Add(3, 0, "c");
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    const auto next = queue.Take();
    ASSERT_TRUE(next);
    EXPECT_EQ(next->sequence, sequence);
    EXPECT_TRUE(next->look_first);
  }
}

TEST(RemovalQueueTest, OfAStreamThatIsGoneNothingIsRemovedNotEvenWhatWasTaken) {
  RemovalQueue queue;
  queue.Add(1, 0, "a");
  queue.Add(2, 0, "b");
  auto first = queue.Take();
  queue.Tried(/*refused=*/true);
  EXPECT_TRUE(queue.refused());
  queue.Forget();
  EXPECT_FALSE(queue.refused());
  queue.Tried(/*refused=*/true);
  EXPECT_FALSE(queue.refused());
  queue.PutBack(*std::move(first));
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace penstock::eventbus
