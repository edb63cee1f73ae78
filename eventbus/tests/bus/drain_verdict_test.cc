// SPDX-License-Identifier: Apache-2.0
#include "bus/drain_verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::eventbus {
namespace {

using ::testing::HasSubstr;

DrainReport Judged(const DrainFacts& facts, std::uint64_t abandoned = 0) {
  DrainReport report{.finished = 3, .handed_back = 2, .abandoned = abandoned};
  Judge(facts, report);
  return report;
}

TEST(DrainVerdictTest, IsOkWhenAllWasFinishedAndTheServerKnows) {
  const DrainReport report = Judged({.finished = true, .told = true});
  EXPECT_EQ(report.status, absl::OkStatus());
  EXPECT_TRUE(report.orderly);
}

TEST(DrainVerdictTest, IsOrderlyWhenTheTimeWasUpAndTheRestIsHandedBack) {
  const DrainReport report = Judged({.told = true});
  EXPECT_TRUE(absl::IsDeadlineExceeded(report.status)) << report.status;
  EXPECT_THAT(std::string(report.status.message()),
              HasSubstr("the time was up; finished 3 messages, handed back 2, left 0 to handlers that still run"));
  EXPECT_TRUE(report.orderly);
}

TEST(DrainVerdictTest, IsNotOrderlyWhileAHandlerRuns) {
  EXPECT_FALSE(Judged({.told = true}, 1).orderly);
  EXPECT_FALSE(Judged({.finished = true, .told = true}, 1).orderly);
}

TEST(DrainVerdictTest, SaysWhyWhatWasFinishedMayRunAgain) {
  const struct {
    DrainFacts facts;
    absl::StatusCode code;
    const char* text;
  } cases[] = {
      {{.finished = true}, absl::StatusCode::kUnavailable, "not back in time"},
      {{}, absl::StatusCode::kUnavailable, "not back in time"},
      {{.finished = true, .told = true, .taken_over = true}, absl::StatusCode::kAborted, "another process"},
      {{.finished = true, .told = true, .in_doubt = true}, absl::StatusCode::kUnavailable, "lost meanwhile"},
      {{.finished = true, .told = true, .flushed = absl::DataLossError("flush: gone")},
       absl::StatusCode::kDataLoss,
       "flush: gone"},
  };
  for (const auto& each : cases) {
    const DrainReport report = Judged(each.facts);
    EXPECT_EQ(report.status.code(), each.code) << report.status;
    EXPECT_THAT(std::string(report.status.message()), HasSubstr(each.text));
    EXPECT_FALSE(report.orderly);
  }
}

}  // namespace
}  // namespace penstock::eventbus
