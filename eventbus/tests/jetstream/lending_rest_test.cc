// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/lending_rest.h"

#include <gtest/gtest.h>

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::milliseconds;

class LendingRestTest : public testing::Test {
 protected:
  /// How long the rest lasts that begins after `later`.
  milliseconds RestAfter(milliseconds later) {
    now_ += later;
    rest_.Begin(now_);
    milliseconds length{0};
    while (!rest_.over(now_ + length)) ++length;
    now_ += length;
    return length;
  }

  LendingRest rest_;
  LendingRest::Clock::time_point now_ = LendingRest::Clock::now();
};

TEST_F(LendingRestTest, IsOverAsLongAsNothingBlocked) { EXPECT_TRUE(rest_.over(now_)); }

TEST_F(LendingRestTest, DoublesUpToTheLongest) {
  for (const int expected : {100, 200, 400, 800, 1600, 3200, 6400, 10'000, 10'000}) {
    EXPECT_EQ(RestAfter(milliseconds(1)), milliseconds(expected));
  }
}

TEST_F(LendingRestTest, BeginsShortAgainOnceItWentWellForAsLongAsTheLast) {
  RestAfter(milliseconds(0));
  RestAfter(milliseconds(0));
  EXPECT_EQ(RestAfter(milliseconds(199)), milliseconds(400)) << "a millisecond less than the last";
  EXPECT_EQ(RestAfter(milliseconds(400)), LendingRest::kFirst);
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
