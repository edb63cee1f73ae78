// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/reconnect_backoff.h"

#include <gtest/gtest.h>

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::milliseconds;
using Backoff = ReconnectBackoff;

class ReconnectBackoffTest : public ::testing::Test {
 protected:
  void Live(milliseconds time) {
    backoff_.Connected(now_);
    now_ += time;
    backoff_.Lost(now_);
  }

  Backoff backoff_{};
  Backoff::Clock::time_point now_ = Backoff::Clock::now();
};

TEST_F(ReconnectBackoffTest, BeginsAnewAfterAConnectionThatHeld) {
  for (int i = 0; i < 10; ++i) backoff_.Failed(/*refused=*/true);
  Live(Backoff::kHeld);
  EXPECT_EQ(backoff_.pause(), Backoff::kFirst);
}

TEST_F(ReconnectBackoffTest, FailuresDoubleItUpToTheirLimit) {
  Live(Backoff::kHeld);
  backoff_.Failed(/*refused=*/false);
  EXPECT_EQ(backoff_.pause(), 2 * Backoff::kFirst);
  for (int i = 0; i < 10; ++i) backoff_.Failed(/*refused=*/false);
  EXPECT_EQ(backoff_.pause(), Backoff::kLongest);
  for (int i = 0; i < 20; ++i) backoff_.Failed(/*refused=*/true);
  EXPECT_EQ(backoff_.pause(), Backoff::kLongestRefused);
}

TEST_F(ReconnectBackoffTest, ConnectionsThatDoNotHoldDoubleItToo) {
  Live(Backoff::kHeld);
  milliseconds last = backoff_.pause();
  while (last < Backoff::kLongestShortLived) {
    Live(Backoff::kHeld - milliseconds(1));
    ASSERT_GT(backoff_.pause(), last);
    last = backoff_.pause();
  }
  Live(milliseconds(0));
  EXPECT_EQ(backoff_.pause(), Backoff::kLongestShortLived);
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
