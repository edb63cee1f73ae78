// SPDX-License-Identifier: Apache-2.0
#include "bus/dead_letters/rate_limiter.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;

constexpr RateLimiter::TimePoint kStart{std::chrono::hours(1)};

TEST(RateLimiterTest, StepsAreAnIntervalApart) {
  RateLimiter limiter(200);
  EXPECT_EQ(limiter.Take(kStart), kStart);
  EXPECT_EQ(limiter.Take(kStart), kStart + milliseconds(5));
  EXPECT_EQ(limiter.Take(kStart + milliseconds(5)), kStart + milliseconds(10));
}

TEST(RateLimiterTest, ALateStepIsNotMadeUpFor) {
  RateLimiter limiter(200);
  limiter.Take(kStart);
  EXPECT_EQ(limiter.Take(kStart + milliseconds(50)), kStart + milliseconds(50));
  EXPECT_EQ(limiter.Take(kStart + milliseconds(50)), kStart + milliseconds(55));
}

TEST(RateLimiterTest, WithoutARateEveryStepIsTakenAtOnce) {
  RateLimiter limiter(0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.Take(kStart), kStart);
}

TEST(RateLimiterTest, AWaitEndsAtItsTime) {
  const auto now = std::chrono::steady_clock::now();
  EXPECT_TRUE(WaitUntil(now - milliseconds(1), {}));
  EXPECT_TRUE(WaitUntil(now + milliseconds(5), {}));
  EXPECT_GE(std::chrono::steady_clock::now(), now + milliseconds(5));
}

TEST(RateLimiterTest, AStopEndsAWaitOfHours) {
  std::stop_source source;
  const std::jthread stopper([&source] { source.request_stop(); });
  const auto hours = std::chrono::steady_clock::now() + std::chrono::hours(10);
  EXPECT_FALSE(WaitUntil(hours, source.get_token()));
  EXPECT_FALSE(WaitUntil(hours, source.get_token())) << "also when it was stopped before";
}

}  // namespace
}  // namespace penstock::eventbus
