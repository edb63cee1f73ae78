// SPDX-License-Identifier: Apache-2.0
#include "penstock/sdk/stderr_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace penstock {
namespace {

std::string Written(LogLevel minimum, LogLevel level, std::string_view line) {
  const LogSink log = MakeStderrLog(minimum);
  testing::internal::CaptureStderr();
  log(level, line);
  return testing::internal::GetCapturedStderr();
}

TEST(StderrLogTest, WritesTimeLevelAndText) {
  EXPECT_THAT(Written(LogLevel::kInfo, LogLevel::kWarning, "took over"),
              testing::MatchesRegex("....-..-..T..:..:..[.]...Z warning took over\n"));
}

TEST(StderrLogTest, LeavesOutWhatIsBelowItsLevel) {
  EXPECT_EQ(Written(LogLevel::kWarning, LogLevel::kInfo, "x"), "");
  EXPECT_NE(Written(LogLevel::kWarning, LogLevel::kError, "x"), "");
  EXPECT_NE(Written(LogLevel::kDebug, LogLevel::kDebug, "x"), "");
}

TEST(StderrLogTest, NeitherInterpretsNorBreaksTheText) {
  EXPECT_THAT(Written(LogLevel::kInfo, LogLevel::kInfo, "a\nforged {} %v \x1b[0m"),
              testing::EndsWith(" info a\\nforged {} %v \\x1b[0m\n"));
}

}  // namespace
}  // namespace penstock
