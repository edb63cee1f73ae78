// SPDX-License-Identifier: Apache-2.0
#include "chaos/progress.h"

#include <gtest/gtest.h>

namespace penstock::chaos {
namespace {

Record At(std::int64_t milliseconds, Entry kind, std::uint32_t n, Result result = Result::kNone) {
  return {.time_ns = milliseconds * 1'000'000, .stream_sequence = n, .event = {1, n}, .kind = kind, .result = result};
}

TEST(ProgressTest, CountsWhatEndedOnce) {
  Progress progress;
  progress.Note(At(1, Entry::kAcked, 1));
  progress.Note(At(2, Entry::kStart, 1));
  progress.Note(At(3, Entry::kEnd, 1, Result::kFailed));
  EXPECT_EQ(progress.ended(), 0u);
  progress.Note(At(4, Entry::kEnd, 1, Result::kDone));
  progress.Note(At(5, Entry::kEnd, 1, Result::kDone));
  progress.Note(At(6, Entry::kEnd, 2, Result::kRejected));
  EXPECT_EQ(progress.ended(), 2u);
  EXPECT_EQ(progress.acked(), 1u);
}

TEST(ProgressTest, MeasuresRecoveryToTheFirstEndOfAMessageThatHadNotBegun) {
  Progress progress;
  progress.Note(At(1, Entry::kStart, 5));
  progress.AwaitRecovery("server_killed", false, 10'000'000);
  progress.Note(At(9, Entry::kEnd, 6, Result::kDone));   // before the fault's end
  progress.Note(At(11, Entry::kEnd, 5, Result::kDone));  // was in hand
  progress.Note(At(12, Entry::kAcked, 7));
  progress.Note(At(13, Entry::kStart, 6));
  EXPECT_TRUE(progress.recovering());
  progress.Note(At(14, Entry::kEnd, 6, Result::kDone));
  EXPECT_FALSE(progress.recovering());
  ASSERT_EQ(progress.recoveries().size(), 1u);
  EXPECT_DOUBLE_EQ(progress.recoveries()[0].ms, 4.0);
  EXPECT_EQ(progress.recoveries()[0].fault, "server_killed");
}

TEST(ProgressTest, MeasuresThePublishersRecoveryToItsNextAcknowledgement) {
  Progress progress;
  progress.AwaitRecovery("publisher_cut", true, 10'000'000);
  progress.Note(At(9, Entry::kAcked, 1));
  progress.Note(At(11, Entry::kEnd, 1, Result::kDone));
  EXPECT_TRUE(progress.recovering());
  progress.Note(At(12, Entry::kAcked, 2));
  EXPECT_FALSE(progress.recovering());
}

TEST(ProgressTest, BearsRecordsOfKeysThatDoNotExist) {
  Progress progress;
  Record record = At(1, Entry::kEnd, 1, Result::kDone);
  record.event.key = EventPlan::kKeys;
  progress.Note(record);
  EXPECT_EQ(progress.ended(), 0u);
}

}  // namespace
}  // namespace penstock::chaos
