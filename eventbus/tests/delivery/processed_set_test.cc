// SPDX-License-Identifier: Apache-2.0
#include "delivery/processed_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace penstock::eventbus {
namespace {

TEST(ProcessedSetTest, KeepsOneIntervalForAStreamWithoutGaps) {
  ProcessedSet set;
  for (std::uint64_t sequence = 1; sequence <= 10'000; ++sequence) set.Add(sequence);
  EXPECT_EQ(set.interval_count(), 1u);
  EXPECT_TRUE(set.Contains(1));
  EXPECT_TRUE(set.Contains(10'000));
  EXPECT_FALSE(set.Contains(10'001));
  EXPECT_FALSE(set.Contains(0));
}

TEST(ProcessedSetTest, JoinsIntervalsFromBothSides) {
  ProcessedSet set;
  set.Add(1);
  set.Add(3);
  EXPECT_EQ(set.interval_count(), 2u);
  EXPECT_FALSE(set.Contains(2));
  set.Add(2);
  EXPECT_EQ(set.interval_count(), 1u);
  set.Add(2);
  EXPECT_EQ(set.interval_count(), 1u);
}

TEST(ProcessedSetTest, AgreesWithASetOfNumbersInAnyOrder) {
  std::mt19937 random(7);
  ProcessedSet set;
  std::set<std::uint64_t> model;
  for (int i = 0; i < 5000; ++i) {
    const std::uint64_t sequence = random() % 4000;
    set.Add(sequence);
    model.insert(sequence);
  }
  for (std::uint64_t sequence = 0; sequence < 4100; ++sequence) {
    ASSERT_EQ(set.Contains(sequence), model.contains(sequence)) << sequence;
  }
}

TEST(ProcessedSetTest, StaysBoundedWhenEverySecondMessageIsAnothers) {
  ProcessedSet set;
  for (std::uint64_t sequence = 0; sequence < 3 * ProcessedSet::kMaxIntervals; ++sequence) set.Add(2 * sequence);
  EXPECT_EQ(set.interval_count(), ProcessedSet::kMaxIntervals);
  EXPECT_FALSE(set.Contains(6 * ProcessedSet::kMaxIntervals - 3));
}

TEST(ProcessedSetTest, ARangeSwallowsWhatItMeets) {
  ProcessedSet set;
  for (const std::uint64_t sequence : {2, 4, 6, 9, 20}) set.Add(sequence);
  set.Add(5, 8);
  EXPECT_EQ(set.interval_count(), 3u) << "2, 4 to 9, 20";
  EXPECT_TRUE(set.Contains(4) && set.Contains(7) && set.Contains(9));
  EXPECT_FALSE(set.Contains(3) || set.Contains(10));
  set.Add(1, 30);
  EXPECT_EQ(set.interval_count(), 1u);
  set.Add(31, 31);
  set.Add(5, 6);
  EXPECT_EQ(set.interval_count(), 1u);
  EXPECT_TRUE(set.Contains(31));
  EXPECT_FALSE(set.Contains(32));
}

}  // namespace
}  // namespace penstock::eventbus
