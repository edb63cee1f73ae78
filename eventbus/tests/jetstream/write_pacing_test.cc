// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/write_pacing.h"

#include <gtest/gtest.h>

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

class WritePacingTest : public ::testing::Test {
 protected:
  const WritePacing::Clock::time_point now_ = WritePacing::Clock::now();
  WritePacing pacing_{};
};

TEST_F(WritePacingTest, TheFirstDataGoesOutAtOnce) { EXPECT_EQ(pacing_.UntilWrite(now_, false), nanoseconds(0)); }

TEST_F(WritePacingTest, DataThatIsWaitedForGoesOutSooner) {
  pacing_.Wrote(now_, false);
  EXPECT_EQ(pacing_.UntilWrite(now_, true), WritePacing::kSoon);
  EXPECT_EQ(pacing_.UntilWrite(now_, false), WritePacing::kLate);
  EXPECT_EQ(pacing_.UntilWrite(now_ + WritePacing::kLate, false), nanoseconds(0));
}

TEST_F(WritePacingTest, SleepsForEverWithoutTraffic) {
  EXPECT_EQ(pacing_.LongestSleep(now_, WritePacing::kNever), WritePacing::kNever);
}

TEST_F(WritePacingTest, SleepsUntilTheNextWriteIsDue) {
  pacing_.Wrote(now_, false);
  EXPECT_EQ(pacing_.LongestSleep(now_, microseconds(700)), microseconds(700));
}

TEST_F(WritePacingTest, LooksByItselfForAWhileAfterMessagesCame) {
  pacing_.Received(now_);
  EXPECT_EQ(pacing_.LongestSleep(now_, WritePacing::kNever), WritePacing::kLate);
  EXPECT_EQ(pacing_.LongestSleep(now_ + WritePacing::kLate, WritePacing::kNever), WritePacing::kNever);
}

TEST_F(WritePacingTest, LooksByItselfWhilePublishFollowsPublish) {
  pacing_.Wrote(now_, true);
  EXPECT_TRUE(pacing_.publishing(now_));
  EXPECT_EQ(pacing_.LongestSleep(now_, WritePacing::kNever), WritePacing::kSoon);
  EXPECT_FALSE(pacing_.publishing(now_ + WritePacing::kSoon));
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
