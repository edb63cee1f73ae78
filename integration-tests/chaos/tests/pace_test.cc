// SPDX-License-Identifier: Apache-2.0
#include "chaos/pace.h"

#include <gtest/gtest.h>

namespace penstock::chaos {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(PaceTest, FollowsTheConsumerAtADistance) {
  Pace pace(10'000);  // a window of 500
  EXPECT_EQ(pace.Allow(milliseconds(1), 0), 500u);
  EXPECT_EQ(pace.Allow(milliseconds(1), 100), 600u);
  EXPECT_EQ(pace.Allow(milliseconds(1), 9999), 10'000u);
}

TEST(PaceTest, TricklesOnAtThePoint) {
  Pace pace(10'000);
  pace.Free(300);
  EXPECT_EQ(pace.Allow(milliseconds(1), 0), 300u);
  EXPECT_EQ(pace.Allow(seconds(1), 300), 500u);
}

TEST(PaceTest, SpreadsWhatIsLeftOverTheTime) {
  Pace pace(10'000);
  pace.Free(300);
  pace.Allow(milliseconds(1), 0);
  pace.Spread(1300, seconds(2));
  EXPECT_EQ(pace.Allow(seconds(1), 300), 800u);
  EXPECT_EQ(pace.Allow(milliseconds(500), 800), 1050u);
  EXPECT_EQ(pace.Allow(seconds(9), 1050), 1300u);
}

TEST(PaceTest, NeverGoesBack) {
  Pace pace(10'000);
  EXPECT_EQ(pace.Allow(milliseconds(1), 1000), 1500u);
  pace.Spread(1200, seconds(1));
  EXPECT_EQ(pace.Allow(milliseconds(0), 1000), 1500u);
  EXPECT_EQ(pace.Allow(milliseconds(0), 0), 1500u);
}

TEST(PaceTest, LetsAlwaysSomethingGo) {
  Pace pace(10);
  pace.Spread(0, milliseconds(0));
  EXPECT_EQ(pace.Allow(seconds(1), 0), 1u) << "a window of one";
  EXPECT_EQ(pace.Allow(seconds(1), 9), 10u);
}

}  // namespace
}  // namespace penstock::chaos
