// SPDX-License-Identifier: Apache-2.0
#include "jetstream/api/timestamp.h"

#include <gtest/gtest.h>

namespace penstock::eventbus::jetstream {
namespace {

TEST(TimestampTest, ReadsWholeSeconds) {
  const auto expected = std::chrono::sys_seconds(std::chrono::seconds(1700000000));
  EXPECT_EQ(ParseTimestamp("2023-11-14T22:13:20Z"), expected);
  EXPECT_EQ(ParseTimestamp("2023-11-14T22:13:20.999999999Z"), expected);
}

TEST(TimestampTest, ReadsFractions) {
  const auto second = std::chrono::sys_seconds(std::chrono::seconds(1700000000));
  EXPECT_EQ(ParseInstant("2023-11-14T22:13:20Z"), second);
  EXPECT_EQ(ParseInstant("2023-11-14T22:13:20.5Z"), second + std::chrono::milliseconds(500));
  EXPECT_EQ(ParseInstant("2023-11-14T22:13:20.000000001Z"), second + std::chrono::nanoseconds(1));
  for (const char* text : {"", "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20.1234567890Z", "2023-11-14T22:13:20,5Z",
                           "2023-11-14T22:13:20.5x5Z", "2023-11-14T22:13:20+01:00"}) {
    EXPECT_FALSE(ParseInstant(text)) << text;
  }
}

TEST(TimestampTest, RefusesInstantsThatTheClockCannotHold) {
  for (const char* text : {"0000-01-01T00:00:00Z", "1677-09-21T00:12:43Z", "2262-04-11T23:47:16.854775808Z",
                           "2262-04-11T23:47:17Z", "9999-12-31T23:59:59.999999999Z"}) {
    EXPECT_FALSE(ParseInstant(text)) << text;
    EXPECT_TRUE(ParseTimestamp(text)) << text;
  }
  EXPECT_TRUE(ParseInstant("1678-01-01T00:00:00Z"));
  EXPECT_TRUE(ParseInstant("2261-12-31T23:59:59.999999999Z"));
}

TEST(TimestampTest, RefusesOtherTexts) {
  for (const char* text : {"", "Z", "2023-11-14T22:13:20", "2023-11-14 22:13:20Z", "2023-13-14T22:13:20Z",
                           "2023-02-30T22:13:20Z", "2023-11-14T22:13:20+01:00", "x023-11-14T22:13:20Z"}) {
    EXPECT_FALSE(ParseTimestamp(text)) << text;
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
