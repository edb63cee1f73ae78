// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "delivery/policy/failure_policy.h"

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;

TEST(RetryScheduleTest, RetriesAtOnceTheFirstTimeThenDoublesUpToTheCap) {
  RetrySchedule schedule({.min_backoff = milliseconds{100}, .max_backoff = milliseconds{500}, .jitter = 0}, 1);
  EXPECT_EQ(schedule.DelayAfter(1), milliseconds{0});
  EXPECT_EQ(schedule.DelayAfter(2), milliseconds{100});
  EXPECT_EQ(schedule.DelayAfter(3), milliseconds{200});
  EXPECT_EQ(schedule.DelayAfter(4), milliseconds{400});
  EXPECT_EQ(schedule.DelayAfter(5), milliseconds{500});
  EXPECT_EQ(schedule.DelayAfter(UINT64_MAX), milliseconds{500});
}

TEST(RetryScheduleTest, KeepsJitterWithinItsShare) {
  RetrySchedule schedule({.min_backoff = milliseconds{1000}, .max_backoff = milliseconds{1000}, .jitter = 0.2}, 42);
  milliseconds lowest{10'000}, highest{0};
  for (int i = 0; i < 1000; ++i) {
    const auto delay = schedule.DelayAfter(2);
    lowest = std::min(lowest, delay);
    highest = std::max(highest, delay);
  }
  EXPECT_GE(lowest, milliseconds{800});
  EXPECT_LE(highest, milliseconds{1200});
  EXPECT_GT(highest - lowest, milliseconds{300});
}

TEST(RetryScheduleTest, EndsAfterTheLastAttemptUnlessItNeverGivesUp) {
  RetrySchedule three({.max_attempts = 3}, 1);
  EXPECT_FALSE(three.Exhausted(2));
  EXPECT_TRUE(three.Exhausted(3));
  RetrySchedule endless({.max_attempts = 0}, 1);
  EXPECT_FALSE(endless.Exhausted(UINT64_MAX));
}

}  // namespace
}  // namespace penstock::eventbus
