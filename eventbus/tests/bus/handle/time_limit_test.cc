// SPDX-License-Identifier: Apache-2.0
#include "bus/handle/time_limit.h"

#include <gtest/gtest.h>

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;
using Kind = HandlerResult::Kind;

constexpr TimePoint kDeadline{milliseconds{1000}};
constexpr milliseconds kLimit{50};

TEST(TimeLimitTest, WhatIsBackInTimeKeepsItsResult) {
  EXPECT_EQ(WithinLimit({}, kDeadline, kDeadline - milliseconds{1}, kLimit).kind, Kind::kHandled);
}

TEST(TimeLimitTest, WhatIsBackTooLateHasFailedWhateverItReturned) {
  const HandlerResult result = WithinLimit({}, kDeadline, kDeadline, kLimit);
  EXPECT_EQ(result.kind, Kind::kTimedOut);
  EXPECT_EQ(result.reason, "it took longer than its time limit of 50 ms");
  EXPECT_EQ(WithinLimit({.kind = Kind::kReject}, kDeadline, kDeadline, kLimit).kind, Kind::kTimedOut);
}

TEST(TimeLimitTest, WhatDidNotRunHasNoLimit) {
  for (const Kind kind : {Kind::kDropped, Kind::kExpired, Kind::kCancelled})
    EXPECT_EQ(WithinLimit({.kind = kind}, kDeadline, kDeadline, kLimit).kind, kind);
}

TEST(DeadlinesTest, GivesWhatIsDueInTheOrderOfTheDeadlines) {
  Deadlines deadlines;
  EXPECT_EQ(deadlines.next(), TimePoint::max());
  std::stop_source first, second;
  deadlines.Add(kDeadline + milliseconds{1}, second);
  deadlines.Add(kDeadline, first);
  EXPECT_EQ(deadlines.next(), kDeadline);
  EXPECT_FALSE(deadlines.TakeDue(kDeadline - milliseconds{1}));
  EXPECT_EQ(deadlines.TakeDue(kDeadline + milliseconds{1}), first);
  EXPECT_EQ(deadlines.TakeDue(kDeadline + milliseconds{1}), second);
  EXPECT_FALSE(deadlines.TakeDue(kDeadline + milliseconds{1}));
}

TEST(DeadlinesTest, WhatHasEndedIsNotAskedAnyMore) {
  Deadlines deadlines;
  const Deadlines::Place ended = deadlines.Add(kDeadline, std::stop_source());
  const Deadlines::Place taken = deadlines.Add(kDeadline, std::stop_source());
  deadlines.Remove(ended);
  ASSERT_TRUE(deadlines.TakeDue(kDeadline));
  deadlines.Remove(taken);
  EXPECT_EQ(deadlines.next(), TimePoint::max());
}

}  // namespace
}  // namespace penstock::eventbus
