// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace penstock::demo {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Report Good() {
  return {.events = 5736,
          .aggregates = 720,
          .history = "from 1 log",
          .transport = "memory",
          .storage = "embedded",
          .actors = 256,
          .workers = 2,
          .tally = {.handled = 5736, .distinct = 5736, .retried = 61, .failed = 50, .thrown = 11},
          .restarted = 11,
          .comparison = {.installed = 700, .moved = 1},
          .elapsed = std::chrono::milliseconds(50),
          .p50 = std::chrono::microseconds(1234),
          .p99 = std::chrono::microseconds(12'345)};
}

TEST(ReportTest, IsGoodOnlyWithoutLossDisorderRepetitionAndMismatch) {
  EXPECT_TRUE(Good().good());
  Report lost = Good();
  lost.tally.handled = lost.tally.distinct = 5735;
  EXPECT_EQ(lost.lost(), 1U);
  EXPECT_FALSE(lost.good());
  Report twice = Good();
  ++twice.tally.handled;
  EXPECT_FALSE(twice.good());
  Report disorder = Good();
  disorder.tally.order_violations = 1;
  EXPECT_FALSE(disorder.good());
  Report mismatch = Good();
  mismatch.comparison.mismatches.push_back({.package = "jq:amd64"});
  EXPECT_FALSE(mismatch.good());
}

TEST(ReportTest, WritesEveryPromisedFieldAsJson) {
  const std::string text = RenderJson(Good());
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["events"], 5736);
  EXPECT_EQ(json["aggregates"], 720);
  EXPECT_EQ(json["handled"], 5736);
  EXPECT_EQ(json["lost"], 0);
  EXPECT_EQ(json["order_violations"], 0);
  EXPECT_EQ(json["state_mismatches"], 0);
  EXPECT_EQ(json["retried"], 61);
  EXPECT_EQ(json["restarted"], 11);
  EXPECT_EQ(json["dead_lettered"], 0);
  EXPECT_DOUBLE_EQ(json["throughput_msg_s"], 5736 / 0.05);
  EXPECT_DOUBLE_EQ(json["p50_ms"], 1.234);
  EXPECT_DOUBLE_EQ(json["p99_ms"], 12.345);
  EXPECT_EQ(json["transport"], "memory");
}

TEST(ReportTest, WritesJsonAlsoForARunThatNeverBegan) {
  EXPECT_EQ(nlohmann::json::parse(RenderJson(Report{}))["throughput_msg_s"], 0);
}

TEST(ReportTest, ShowsATableWithoutCodesWhereThereIsNoColour) {
  const std::string text = RenderSummary(Good(), {});
  EXPECT_THAT(text, HasSubstr("events                  5,736  from 1 log"));
  EXPECT_THAT(text, HasSubstr("1.23 / 12.3"));
  EXPECT_THAT(text, HasSubstr("OK  nothing lost"));
  EXPECT_THAT(text, HasSubstr("1 history goes on under another architecture"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(RenderSummary(Good(), {.colour = true}), HasSubstr("\x1b[32m"));
}

TEST(ReportTest, ShowsTheFirstMismatchesAndHowManyMore) {
  Report report = Good();
  for (int i = 0; i < 25; ++i) {
    report.comparison.mismatches.push_back({"p" + std::to_string(i) + ":all", "installed 1", "installed 2"});
  }
  report.dpkg_busy = true;
  const std::string text = RenderSummary(report, {});
  EXPECT_THAT(text, HasSubstr("p9:all: folded to installed 1, should be: installed 2"));
  EXPECT_THAT(text, Not(HasSubstr("p10:all")));
  EXPECT_THAT(text, HasSubstr("and 15 more"));
  EXPECT_THAT(text, HasSubstr("dpkg was at work"));
  EXPECT_THAT(text, HasSubstr("FAILED"));
}

TEST(ReportTest, GroupsDigitsByThree) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1000), "1,000");
  EXPECT_EQ(Grouped(1234567), "1,234,567");
}

TEST(ReportTest, KeepsThreeDigitsOfMilliseconds) {
  EXPECT_EQ(Milliseconds(std::chrono::microseconds(851)), "0.85");
  EXPECT_EQ(Milliseconds(std::chrono::microseconds(12'440)), "12.4");
  EXPECT_EQ(Milliseconds(std::chrono::milliseconds(1204)), "1,204");
}

}  // namespace
}  // namespace penstock::demo
