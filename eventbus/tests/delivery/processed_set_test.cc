// SPDX-License-Identifier: Apache-2.0
#include "delivery/policy/processed_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace penstock::eventbus {
namespace {

TEST(ProcessedSetTest, KeepsOneIntervalForAStreamWithoutGaps) {
  ProcessedSet set;
  for (std::uint64_t sequence = 1; sequence <= 10'000; ++sequence) set.Add(sequence);
  EXPECT_EQ(set.interval_count(), 1u);
  EXPECT_LE(set.page_count(), 2u) << "that of 0, which is no message, and the last";
  EXPECT_TRUE(set.Contains(1));
  EXPECT_TRUE(set.Contains(10'000));
  EXPECT_FALSE(set.Contains(10'001));
  EXPECT_FALSE(set.Contains(0));
}

TEST(ProcessedSetTest, APageIsOverWhenAllOfItIsWhateverTheOrder) {
  ProcessedSet set;
  for (std::uint64_t sequence = 191; sequence >= 64; --sequence) {
    EXPECT_FALSE(set.Contains(sequence));
    set.Add(sequence);
    EXPECT_TRUE(set.Contains(sequence));
  }
  EXPECT_EQ(set.page_count(), 0u);
  EXPECT_EQ(set.interval_count(), 1u);
  set.Add(100);
  EXPECT_EQ(set.page_count(), 0u);
  EXPECT_FALSE(set.Contains(63));
  EXPECT_FALSE(set.Contains(192));
}

TEST(ProcessedSetTest, AgreesWithASetOfNumbersInAnyOrder) {
  std::mt19937 random(7);
  ProcessedSet set;
  std::set<std::uint64_t> model;
  for (int i = 0; i < 8000; ++i) {
    const std::uint64_t sequence = 1 + random() % 4000;
    if (i % 40 == 0) {
      const std::uint64_t last = sequence + random() % 150;
      set.Add(sequence, last);
      for (std::uint64_t each = sequence; each <= last; ++each) model.insert(each);
    } else {
      set.Add(sequence);
      model.insert(sequence);
    }
    const std::uint64_t other = random() % 4200;
    ASSERT_EQ(set.Contains(other), model.contains(other)) << other;
  }
  for (std::uint64_t sequence = 0; sequence < 4200; ++sequence) {
    ASSERT_EQ(set.Contains(sequence), model.contains(sequence)) << sequence;
  }
}

TEST(ProcessedSetTest, StaysBoundedWhenEverySecondMessageIsAnothers) {
  ProcessedSet set;
  constexpr std::uint64_t kLast = 64 * ProcessedSet::kMaxPages * 2;
  for (std::uint64_t sequence = 0; sequence <= kLast; sequence += 2) set.Add(sequence);
  EXPECT_EQ(set.page_count(), ProcessedSet::kMaxPages);
  EXPECT_EQ(set.interval_count(), 1u);
  EXPECT_TRUE(set.Contains(kLast));
  EXPECT_FALSE(set.Contains(kLast - 1));
}

TEST(ProcessedSetTest, StaysBoundedWhenEverySecondRangeIsAnothers) {
  ProcessedSet set;
  for (std::uint64_t range = 1; range <= 3 * ProcessedSet::kMaxIntervals; ++range) set.Add(2 * range, 2 * range);
  EXPECT_EQ(set.interval_count(), ProcessedSet::kMaxIntervals);
  EXPECT_FALSE(set.Contains(6 * ProcessedSet::kMaxIntervals - 3));
}

TEST(ProcessedSetTest, ARangeSwallowsWhatItMeets) {
  ProcessedSet set;
  set.Add(1, 2);
  set.Add(4, 6);
  set.Add(9, 9);
  set.Add(20, 20);
  set.Add(5, 8);
  EXPECT_EQ(set.interval_count(), 3u) << "1 to 2, 4 to 9, 20";
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

TEST(ProcessedSetTest, ARangeCompletesAPage) {
  ProcessedSet set;
  set.Add(64);
  set.Add(100);
  set.Add(65, 126);
  EXPECT_EQ(set.page_count(), 1u);
  EXPECT_FALSE(set.Contains(127));
  set.Add(127);
  EXPECT_EQ(set.page_count(), 0u);
  EXPECT_EQ(set.interval_count(), 1u);
}

}  // namespace
}  // namespace penstock::eventbus
