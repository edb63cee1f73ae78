// SPDX-License-Identifier: Apache-2.0
#include "restart_log.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock::actorpool {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

struct Line {
  LogLevel level = LogLevel::kDebug;
  std::string text{};
};

class RestartLogTest : public ::testing::Test {
 protected:
  void Throw(int at_ms, RestartVerdict verdict = {.rests = false, .pause = milliseconds(20)}) {
    log_.Threw(7, "handler threw: boom", verdict, TimePoint{} + milliseconds(5000 + at_ms));
  }

  std::vector<Line> lines_{};
  RestartLog log_{"orders", [this](LogLevel level, std::string_view text) {
                    lines_.push_back({.level = level, .text = std::string(text)});
                  }};
};

TEST_F(RestartLogTest, SaysWhoThrewWhatAndWhenItGoesOn) {
  Throw(0);
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].level, LogLevel::kWarning);
  EXPECT_EQ(lines_[0].text, "actor 7 of pool \"orders\": handler threw: boom; it restarts in 20ms");
}

TEST_F(RestartLogTest, ARestIsAnError) {
  Throw(0, {.rests = true, .pause = milliseconds(1000)});
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].level, LogLevel::kError);
  EXPECT_THAT(lines_[0].text, HasSubstr("it rests for 1000ms"));
}

TEST_F(RestartLogTest, LeavesOutWhatIsTooMuchForASecondAndSaysSo) {
  for (int i = 0; i < 25; ++i) Throw(i);
  EXPECT_EQ(lines_.size(), static_cast<std::size_t>(RestartLog::kLinesPerSecond));
  Throw(1000);
  Throw(1001);
  ASSERT_EQ(lines_.size(), static_cast<std::size_t>(RestartLog::kLinesPerSecond) + 2);
  EXPECT_THAT(lines_[10].text, HasSubstr("(15 such lines left out before)"));
  EXPECT_THAT(lines_[11].text, ::testing::Not(HasSubstr("left out")));
}

TEST(RestartLogWithoutSinkTest, StaysSilent) {
  RestartLog log("orders", nullptr);
  log.Threw(0, "boom", {}, TimePoint{});
}

}  // namespace
}  // namespace penstock::actorpool
