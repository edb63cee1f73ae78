// SPDX-License-Identifier: Apache-2.0
#include "bus/dead_letters/stream_doubt.h"

#include <gtest/gtest.h>

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;

const StreamDoubt::TimePoint kNow{std::chrono::hours(1)};

TEST(StreamDoubtTest, SequencesThatRiseLeaveNoDoubt) {
  StreamDoubt doubt;
  EXPECT_TRUE(doubt.Stored(5));
  EXPECT_TRUE(doubt.Stored(6));
  EXPECT_TRUE(doubt.Stored(60));
  EXPECT_FALSE(doubt.doubtful());
}

TEST(StreamDoubtTest, ASequenceThatFallsIsDoubtedUntilTheStreamWasLookedAt) {
  StreamDoubt doubt;
  EXPECT_TRUE(doubt.Stored(5));
  EXPECT_FALSE(doubt.Stored(1));
  EXPECT_FALSE(doubt.Stored(2));
  EXPECT_TRUE(doubt.doubtful());
  doubt.LookedAt();
  EXPECT_TRUE(doubt.Stored(1)) << "it begins anew";
}

TEST(StreamDoubtTest, ALetterThatNoStreamTookIsADoubt) {
  StreamDoubt doubt;
  doubt.NotFound();
  EXPECT_TRUE(doubt.doubtful());
}

TEST(StreamDoubtTest, AStreamIsMissingWhenTheServerHasSaidNothingElseForLong) {
  StreamDoubt doubt;
  EXPECT_FALSE(doubt.Missing(kNow));
  EXPECT_FALSE(doubt.Missing(kNow + StreamDoubt::kPatience - milliseconds(1)));
  EXPECT_FALSE(doubt.doubtful());
  EXPECT_TRUE(doubt.Missing(kNow + StreamDoubt::kPatience));
  EXPECT_TRUE(doubt.doubtful());
}

TEST(StreamDoubtTest, AnAnswerThatTheStreamIsThereBeginsThePatienceAnew) {
  StreamDoubt doubt;
  EXPECT_FALSE(doubt.Missing(kNow));
  doubt.Present();
  EXPECT_FALSE(doubt.Missing(kNow + StreamDoubt::kPatience));
  EXPECT_TRUE(doubt.Missing(kNow + 2 * StreamDoubt::kPatience));
}

}  // namespace
}  // namespace penstock::eventbus
