// SPDX-License-Identifier: Apache-2.0
#include "bus/dead_letters/pace.h"

#include <gtest/gtest.h>

#include <thread>

namespace penstock::eventbus {
namespace {

TEST(PaceTest, SpreadsStepsOverTime) {
  Pace pace(200, {});
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(pace.AwaitTurn());
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(20));
}

TEST(PaceTest, WithoutARateNothingWaits) {
  Pace pace(0, {});
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(pace.AwaitTurn());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

TEST(PaceTest, AStopEndsAWaitOfMinutes) {
  std::stop_source source;
  Pace pace(0.01, source.get_token());
  ASSERT_TRUE(pace.AwaitTurn());
  std::jthread stopper([&source] { source.request_stop(); });
  EXPECT_FALSE(pace.AwaitTurn());
  EXPECT_FALSE(pace.AwaitTurn());
}

}  // namespace
}  // namespace penstock::eventbus
