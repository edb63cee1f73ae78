// SPDX-License-Identifier: Apache-2.0
#include "bus/dead_letters/pace.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;

constexpr Pace::TimePoint kStart{std::chrono::hours(1)};

TEST(PaceTest, StepsAreAnIntervalApart) {
  Pace pace(200);
  EXPECT_EQ(pace.Take(kStart), kStart);
  EXPECT_EQ(pace.Take(kStart), kStart + milliseconds(5));
  EXPECT_EQ(pace.Take(kStart + milliseconds(5)), kStart + milliseconds(10));
}

TEST(PaceTest, ALateStepIsNotMadeUpFor) {
  Pace pace(200);
  pace.Take(kStart);
  EXPECT_EQ(pace.Take(kStart + milliseconds(50)), kStart + milliseconds(50));
  EXPECT_EQ(pace.Take(kStart + milliseconds(50)), kStart + milliseconds(55));
}

TEST(PaceTest, WithoutARateEveryStepIsTakenAtOnce) {
  Pace pace(0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pace.Take(kStart), kStart);
}

TEST(PaceTest, AWaitEndsAtItsTime) {
  const auto now = std::chrono::steady_clock::now();
  EXPECT_TRUE(WaitUntil(now - milliseconds(1), {}));
  EXPECT_TRUE(WaitUntil(now + milliseconds(5), {}));
  EXPECT_GE(std::chrono::steady_clock::now(), now + milliseconds(5));
}

TEST(PaceTest, AStopEndsAWaitOfHours) {
  std::stop_source source;
  const std::jthread stopper([&source] { source.request_stop(); });
  const auto hours = std::chrono::steady_clock::now() + std::chrono::hours(10);
  EXPECT_FALSE(WaitUntil(hours, source.get_token()));
  EXPECT_FALSE(WaitUntil(hours, source.get_token())) << "also when it was stopped before";
}

}  // namespace
}  // namespace penstock::eventbus
