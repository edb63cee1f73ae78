// SPDX-License-Identifier: Apache-2.0
#include "naming/timestamp.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace penstock::eventbus {
namespace {

using std::chrono::sys_days;
using std::chrono::system_clock;
using std::chrono::year;
using namespace std::chrono_literals;

TEST(TimestampTest, IsWrittenAsGoDoes) {
  const auto day = sys_days{year{2024} / 2 / 29};
  EXPECT_EQ(FormatTimestamp(day), "2024-02-29T00:00:00Z");
  EXPECT_EQ(FormatTimestamp(day + 1h + 2min + 3s), "2024-02-29T01:02:03Z");
  EXPECT_EQ(FormatTimestamp(day + 10s), "2024-02-29T00:00:10Z");
  EXPECT_EQ(FormatTimestamp(day + 500ms), "2024-02-29T00:00:00.5Z");
  EXPECT_EQ(FormatTimestamp(day + 1ns), "2024-02-29T00:00:00.000000001Z");
  EXPECT_EQ(FormatTimestamp(system_clock::time_point{}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatTimestamp(system_clock::time_point{} - 1ns), "1969-12-31T23:59:59.999999999Z");
}

TEST(TimestampTest, IsReadWithAnyOffsetAndFraction) {
  const auto noon = sys_days{year{2024} / 2 / 29} + 12h;
  EXPECT_EQ(ParseTimestamp("2024-02-29T12:00:00Z"), noon);
  EXPECT_EQ(ParseTimestamp("2024-02-29T14:00:00+02:00"), noon);
  EXPECT_EQ(ParseTimestamp("2024-02-28T12:01:00-23:59"), noon);
  EXPECT_EQ(ParseTimestamp("2024-03-01T11:59:00+23:59"), noon);
  EXPECT_EQ(ParseTimestamp("2024-02-29T12:00:00-00:00"), noon);
  EXPECT_EQ(ParseTimestamp("2024-02-29T12:00:00.5Z"), noon + 500ms);
  EXPECT_EQ(ParseTimestamp("2024-02-29T12:00:00.123456789+00:00"), noon + 123'456'789ns);
  EXPECT_EQ(ParseTimestamp("2024-02-29T12:00:00.12345678999Z"), noon + 123'456'789ns);
}

TEST(TimestampTest, IsReadInLowerCase) {
  const auto noon = sys_days{year{2024} / 2 / 29} + 12h;
  EXPECT_EQ(ParseTimestamp("2024-02-29t12:00:00z"), noon);
  EXPECT_EQ(ParseTimestamp("2024-02-29t12:00:00Z"), noon);
  EXPECT_EQ(ParseTimestamp("2024-02-29T12:00:00.5z"), noon + 500ms);
  EXPECT_EQ(ParseTimestamp("2024-02-29t14:00:00+02:00"), noon);
}

TEST(TimestampTest, GoesZeroTimeIsUnset) {
  EXPECT_EQ(ParseTimestamp("0001-01-01T00:00:00Z"), system_clock::time_point{});
  EXPECT_EQ(TimestampFrom(-62'135'596'800, 0), system_clock::time_point{});
  EXPECT_EQ(ParseTimestamp("0001-01-01T00:00:00.000000001Z"), std::nullopt);
}

TEST(TimestampTest, RefusesWhatIsNoTime) {
  for (const std::string_view text : {"",
                                      "2024",
                                      "2024-02-29",
                                      "2024-02-29T12:00:00",
                                      "2024-02-29 12:00:00Z",
                                      "2023-02-29T12:00:00Z",
                                      "2024-13-01T00:00:00Z",
                                      "2024-00-01T00:00:00Z",
                                      "2024-01-00T00:00:00Z",
                                      "2024-01-32T00:00:00Z",
                                      "2024-01-01T24:00:00Z",
                                      "2024-01-01T00:60:00Z",
                                      "2024-01-01T00:00:60Z",
                                      "2024-01-01T00:00:00.Z",
                                      "2024-01-01T00:00:00,5Z",
                                      "2024-01-01T00:00:00+24:00",
                                      "2024-01-01T00:00:00+02:60",
                                      "2024-01-01T00:00:00+0200",
                                      "2024-01-01T00:00:00+2:00",
                                      "2024-01-01T00:00:00Z ",
                                      " 2024-01-01T00:00:00Z",
                                      "2024-01-01T00:00:00ZZ",
                                      "+024-01-01T00:00:00Z",
                                      "-024-01-01T00:00:00Z",
                                      "12024-01-01T00:00:00Z",
                                      "2024-1-1T0:0:0Z",
                                      "2024-01-01T00:00:00Z\n",
                                      "infinite-future",
                                      "now"}) {
    EXPECT_EQ(ParseTimestamp(text), std::nullopt) << text;
  }
}

TEST(TimestampTest, RefusesWhatTheClockCannotHold) {
  EXPECT_EQ(ParseTimestamp("1677-12-31T23:59:59.999999999Z"), std::nullopt);
  EXPECT_NE(ParseTimestamp("1678-01-01T00:00:00Z"), std::nullopt);
  EXPECT_NE(ParseTimestamp("2261-12-31T23:59:59.999999999Z"), std::nullopt);
  EXPECT_EQ(ParseTimestamp("2262-01-01T00:00:00Z"), std::nullopt);
  EXPECT_NE(ParseTimestamp("2262-01-01T00:30:00+01:00"), std::nullopt);
  EXPECT_EQ(ParseTimestamp("0000-01-01T00:00:00Z"), std::nullopt);
  EXPECT_EQ(ParseTimestamp("9999-12-31T23:59:59Z"), std::nullopt);
  for (const std::int64_t seconds : {INT64_MIN, INT64_MIN + 1, INT64_MAX, std::int64_t{253'402'300'799}}) {
    EXPECT_EQ(TimestampFrom(seconds, 0), std::nullopt) << seconds;
  }
  EXPECT_EQ(TimestampFrom(0, -1), std::nullopt);
  EXPECT_EQ(TimestampFrom(0, 1'000'000'000), std::nullopt);
  EXPECT_EQ(TimestampFrom(-1, 999'999'999), system_clock::time_point{} - 1ns);
}

TEST(TimestampTest, ComesBackTheSame) {
  for (auto time = system_clock::time_point(sys_days{year{1678} / 1 / 1}); IsTimestampInRange(time);
       time += 97 * 24h + 7'654'321ns) {
    ASSERT_EQ(ParseTimestamp(FormatTimestamp(time)), time) << FormatTimestamp(time);
  }
}

}  // namespace
}  // namespace penstock::eventbus
