// SPDX-License-Identifier: Apache-2.0
#include "jetstream/timestamp.h"

#include <gtest/gtest.h>

namespace penstock::eventbus::jetstream {
namespace {

TEST(TimestampTest, ReadsWholeSeconds) {
  const auto expected = std::chrono::sys_seconds(std::chrono::seconds(1700000000));
  EXPECT_EQ(ParseTimestamp("2023-11-14T22:13:20Z"), expected);
  EXPECT_EQ(ParseTimestamp("2023-11-14T22:13:20.999999999Z"), expected);
}

TEST(TimestampTest, RefusesOtherTexts) {
  for (const char* text : {"", "Z", "2023-11-14T22:13:20", "2023-11-14 22:13:20Z", "2023-13-14T22:13:20Z",
                           "2023-02-30T22:13:20Z", "2023-11-14T22:13:20+01:00", "x023-11-14T22:13:20Z"}) {
    EXPECT_FALSE(ParseTimestamp(text)) << text;
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
