// SPDX-License-Identifier: Apache-2.0
#include "pace.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(PaceTest, DoesNotWaitWithoutARate) {
  Pace pace(0);
  EXPECT_TRUE(pace.Await(1'000'000'000, std::stop_token()));
}

TEST(PaceTest, WaitsForItsTurn) {
  Pace pace(100);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(pace.Await(3, std::stop_token()));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(25));
}

TEST(PaceTest, StopsWaitingWhenAsked) {
  Pace pace(0.001);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(pace.Await(1, stop.get_token()));
}

}  // namespace
}  // namespace penstock
