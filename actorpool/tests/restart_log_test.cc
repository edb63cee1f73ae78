// SPDX-License-Identifier: Apache-2.0
#include "supervision/restart_log.h"

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
  void Throw(int at_ms, RestartDecision decision = {.suspended = false, .pause = milliseconds(20)}) {
    log_.LogThrow("actor 7", "handler threw: boom", decision, TimePoint{} + milliseconds(5000 + at_ms));
  }

  std::vector<Line> lines_{};
  RestartLog log_{"pool \"orders\"", [this](LogLevel level, std::string_view text) {
                    lines_.push_back({.level = level, .text = std::string(text)});
                  }};
};

TEST_F(RestartLogTest, NamesTheActorTheErrorAndTheTimeOfTheRestart) {
  Throw(0);
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].level, LogLevel::kWarning);
  EXPECT_EQ(lines_[0].text, "actor 7 of pool \"orders\": handler threw: boom; it restarts in 20ms");
}

TEST_F(RestartLogTest, ASuspensionIsLoggedAsAnError) {
  Throw(0, {.suspended = true, .pause = milliseconds(1000)});
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].level, LogLevel::kError);
  EXPECT_THAT(lines_[0].text, HasSubstr("it is suspended for 1000ms"));
}

TEST_F(RestartLogTest, SuppressesLinesAboveTheRateAndSaysHowMany) {
  for (int i = 0; i < 25; ++i) Throw(i);
  EXPECT_EQ(lines_.size(), static_cast<std::size_t>(LogLimit::kLinesPerSecond));
  Throw(1000);
  Throw(1001);
  ASSERT_EQ(lines_.size(), static_cast<std::size_t>(LogLimit::kLinesPerSecond) + 2);
  EXPECT_THAT(lines_[10].text, HasSubstr("(15 similar lines suppressed before)"));
  EXPECT_THAT(lines_[11].text, ::testing::Not(HasSubstr("suppressed")));
}

TEST(RestartLogWithoutSinkTest, LogsNothing) {
  RestartLog log("orders", nullptr);
  log.LogThrow("actor 0", "boom", {}, TimePoint{});
}

}  // namespace
}  // namespace penstock::actorpool
