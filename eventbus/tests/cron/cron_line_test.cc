// SPDX-License-Identifier: Apache-2.0
#include "cron/cron_line.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "naming/timestamp.h"

namespace penstock::eventbus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

CronLine::Time At(const std::string& text) { return *ParseTimestamp(text); }

std::vector<std::string> Following(const std::string& line, const std::string& after, int count,
                                   const std::string& zone = "UTC") {
  const auto cron = CronLine::Parse(line, zone);
  EXPECT_TRUE(cron.ok()) << cron.status();
  std::vector<std::string> times;
  auto time = At(after);
  for (int i = 0; cron.ok() && i < count; ++i) {
    time = cron->Next(time);
    times.push_back(FormatTimestamp(time));
  }
  return times;
}

TEST(CronLineTest, GivesTheFirstTimeAfterATime) {
  EXPECT_THAT(Following("* * * * *", "2026-11-30T10:00:00Z", 2),
              ElementsAre("2026-11-30T10:01:00Z", "2026-11-30T10:02:00Z"));
  EXPECT_THAT(Following("* * * * *", "2026-11-30T10:00:59.999Z", 1), ElementsAre("2026-11-30T10:01:00Z"));
  EXPECT_THAT(Following("30 2 * * *", "2026-12-31T02:30:00Z", 1), ElementsAre("2027-01-01T02:30:00Z"));
  EXPECT_THAT(Following("0 0 29 2 *", "2026-01-01T00:00:00Z", 2),
              ElementsAre("2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"));
  EXPECT_THAT(Following("0 12 31 * *", "2026-04-01T00:00:00Z", 2),
              ElementsAre("2026-05-31T12:00:00Z", "2026-07-31T12:00:00Z"));
}

TEST(CronLineTest, TakesListsRangesStepsAndNames) {
  EXPECT_THAT(
      Following("*/20 9-17/4 * * *", "2026-11-30T09:30:00Z", 4),
      ElementsAre("2026-11-30T09:40:00Z", "2026-11-30T13:00:00Z", "2026-11-30T13:20:00Z", "2026-11-30T13:40:00Z"));
  EXPECT_THAT(
      Following("5,50/5 0 1 jan,JUL *", "2026-11-30T00:00:00Z", 4),
      ElementsAre("2027-01-01T00:05:00Z", "2027-01-01T00:50:00Z", "2027-01-01T00:55:00Z", "2027-07-01T00:05:00Z"));
  EXPECT_THAT(Following("0 8 * * mon-fri", "2026-12-04T08:00:00Z", 2),
              ElementsAre("2026-12-07T08:00:00Z", "2026-12-08T08:00:00Z"));
  EXPECT_EQ(Following("0 0 * * 0", "2026-11-30T00:00:00Z", 3), Following("0 0 * * 7", "2026-11-30T00:00:00Z", 3));
  EXPECT_EQ(Following("@weekly", "2026-11-30T00:00:00Z", 3), Following("0 0 * * sun", "2026-11-30T00:00:00Z", 3));
  EXPECT_THAT(Following("@hourly", "2026-11-30T10:30:00Z", 1), ElementsAre("2026-11-30T11:00:00Z"));
}

TEST(CronLineTest, OfTwoRestrictedDaysEitherFits) {
  EXPECT_THAT(
      Following("0 0 13 * fri", "2026-11-01T00:00:00Z", 4),
      ElementsAre("2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z"));
  EXPECT_THAT(Following("0 0 13 12 fri", "2026-12-11T00:00:00Z", 2),
              ElementsAre("2026-12-13T00:00:00Z", "2026-12-18T00:00:00Z"));
}

// Berlin: clocks went from 2:00 to 3:00 on 29 March 2026, and from 3:00 to 2:00 on 25 October.
TEST(CronLineTest, ComesOnceWhenTheClocksChange) {
  EXPECT_THAT(Following("30 2 * * *", "2026-03-28T00:00:00Z", 3, "Europe/Berlin"),
              ElementsAre("2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"));
  EXPECT_THAT(Following("30 2 * * *", "2026-10-24T12:00:00Z", 2, "Europe/Berlin"),
              ElementsAre("2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"));
  EXPECT_THAT(Following("0 12 * * *", "2026-10-24T00:00:00Z", 2, "Europe/Berlin"),
              ElementsAre("2026-10-24T10:00:00Z", "2026-10-25T11:00:00Z"));
}

TEST(CronLineTest, WhatIsNoLineIsRefusedByItsField) {
  const auto error = [](const std::string& line, const std::string& zone = "UTC") {
    const auto cron = CronLine::Parse(line, zone);
    EXPECT_EQ(cron.status().code(), absl::StatusCode::kInvalidArgument) << line;
    return std::string(cron.status().message());
  };
  for (const char* line : {"", "* * * *", "* * * * * *", "@never", "\n", "*\n* * * *"})
    EXPECT_THAT(error(line), HasSubstr("cron"));
  EXPECT_THAT(error("60 * * * *"), HasSubstr("as minute; use 0 to 59"));
  EXPECT_THAT(error("* 24 * * *"), HasSubstr("as hour"));
  EXPECT_THAT(error("* * 0 * *"), HasSubstr("as day of the month"));
  EXPECT_THAT(error("* * * 13 *"), HasSubstr("as month"));
  EXPECT_THAT(error("* * * * 8"), HasSubstr("as day of the week"));
  for (const char* minute : {"-1", "+1", "1-", "5-1", "*/0", "*/x", "*/61", "1//2", "1,,2", "mon", "1-2-3", "0x1",
                             "99999999999999999999", "*/-1", "1/2/3"}) {
    EXPECT_THAT(error(std::string(minute) + " * * * *"), HasSubstr("minute")) << minute;
  }
  EXPECT_THAT(error("0 0 30 2 *"), HasSubstr("never comes"));
  EXPECT_THAT(error(std::string(300, '*')), HasSubstr("256"));
  for (const char* zone : {"", "Mars/Olympus", "../../etc/passwd", "/etc/localtime"})
    EXPECT_THAT(error("* * * * *", zone), HasSubstr("time_zone"));
}

}  // namespace
}  // namespace penstock::eventbus
