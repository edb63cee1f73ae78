// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/inline_backoff.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::milliseconds;

class InlineBackoffTest : public testing::Test {
 protected:
  /// How long the pause lasts that begins after `later`.
  milliseconds PauseAfter(milliseconds later) {
    now_ += later;
    backoff_.Begin(now_);
    milliseconds length{0};
    while (!backoff_.over(now_ + length)) ++length;
    now_ += length;
    return length;
  }

  InlineBackoff backoff_;
  InlineBackoff::Clock::time_point now_ = InlineBackoff::Clock::now();
};

TEST_F(InlineBackoffTest, IsOverWhileNothingBlocks) { EXPECT_TRUE(backoff_.over(now_)); }

TEST_F(InlineBackoffTest, DoublesUpToTheLongest) {
  milliseconds last = PauseAfter(milliseconds(1));
  EXPECT_EQ(last, InlineBackoff::kFirst);
  while (last < InlineBackoff::kLongest) {
    const milliseconds next = PauseAfter(milliseconds(1));
    ASSERT_EQ(next, std::min(2 * last, InlineBackoff::kLongest));
    last = next;
  }
  EXPECT_EQ(PauseAfter(milliseconds(1)), InlineBackoff::kLongest);
}

TEST_F(InlineBackoffTest, IsShortAgainAfterATimeWithoutBlockingAsLongAsTheLastPause) {
  PauseAfter(milliseconds(0));
  PauseAfter(milliseconds(0));
  EXPECT_EQ(PauseAfter(milliseconds(199)), milliseconds(400)) << "a millisecond less than the last";
  EXPECT_EQ(PauseAfter(milliseconds(400)), InlineBackoff::kFirst);
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
