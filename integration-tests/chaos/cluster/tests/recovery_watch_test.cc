// SPDX-License-Identifier: Apache-2.0
#include "chaos/cluster/recovery_watch.h"

#include <gtest/gtest.h>

namespace penstock::chaos {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::size_t kOwner = 0;

Record At(std::int64_t ms, Entry kind, std::uint64_t sequence, Result result = Result::kDone) {
  return {.time_ns = ms * kMillisecond, .stream_sequence = sequence, .event = {1, 1}, .kind = kind, .result = result};
}

TEST(RecoveryWatchTest, WaitsForAnEventThatWasStoredAfterTheFaultBegan) {
  RecoveryWatch watch;
  watch.Note(At(1, Entry::kAcked, 10, Result::kNone), kOwner);
  watch.Await("route_cut_reset", 5 * kMillisecond);
  watch.Note(At(6, Entry::kEnd, 10), kOwner);  // in hand before
  EXPECT_TRUE(watch.waiting());
  watch.Note(At(9, Entry::kStart, 11, Result::kNone), kOwner);
  watch.Note(At(12, Entry::kEnd, 11), kOwner);
  ASSERT_FALSE(watch.waiting());
  ASSERT_EQ(watch.recoveries().size(), 1u);
  EXPECT_EQ(watch.recoveries()[0].fault, "route_cut_reset");
  EXPECT_DOUBLE_EQ(watch.recoveries()[0].ms, 7);
}

TEST(RecoveryWatchTest, TakesNoNoticeOfWhatWasBeforeOrFailed) {
  RecoveryWatch watch;
  watch.Await("leader_killed", 5 * kMillisecond);
  watch.Note(At(4, Entry::kEnd, 1), kOwner);
  watch.Note(At(6, Entry::kEnd, 1, Result::kFailed), kOwner);
  EXPECT_TRUE(watch.waiting());
  watch.Note(At(7, Entry::kEnd, 1, Result::kRejected), kOwner);
  EXPECT_FALSE(watch.waiting());
}

TEST(RecoveryWatchTest, WaitsForAProcessThatIsNotCutOffWhereMuchWaits) {
  RecoveryWatch watch;
  watch.Note(At(1, Entry::kAcked, 10, Result::kNone), std::nullopt);
  watch.Note(At(2, Entry::kStart, 4, Result::kNone), kOwner);
  watch.AwaitOutside("route_cut_reset", 5 * kMillisecond, {kOwner});
  watch.Note(At(6, Entry::kEnd, 5), kOwner);
  watch.Note(At(7, Entry::kEnd, 4), kOwner + 1);
  EXPECT_TRUE(watch.waiting());
  watch.Note(At(8, Entry::kEnd, 5), kOwner + 1);
  ASSERT_FALSE(watch.waiting());
  EXPECT_DOUBLE_EQ(watch.recoveries()[0].ms, 3);
}

TEST(RecoveryWatchTest, WhenAllIsHealedAnyProcessShowsARecovery) {
  RecoveryWatch watch;
  watch.AwaitOutside("route_cut_reset", 5 * kMillisecond, {kOwner});
  watch.Note(At(6, Entry::kEnd, 5), kOwner);
  EXPECT_TRUE(watch.waiting());
  watch.Healed();
  watch.Note(At(9, Entry::kEnd, 6), kOwner);
  EXPECT_FALSE(watch.waiting());
}

TEST(RecoveryWatchTest, MeasuresFaultsThatBeganTogetherEachFromItsOwnBeginning) {
  RecoveryWatch watch;
  watch.Await("owner_killed", 1 * kMillisecond);
  watch.Await("leader_killed", 3 * kMillisecond);
  watch.Note(At(10, Entry::kEnd, 1), kOwner);
  ASSERT_EQ(watch.recoveries().size(), 2u);
  EXPECT_DOUBLE_EQ(watch.recoveries()[0].ms, 9);
  EXPECT_DOUBLE_EQ(watch.recoveries()[1].ms, 7);
}

}  // namespace
}  // namespace penstock::chaos
