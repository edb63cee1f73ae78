// SPDX-License-Identifier: Apache-2.0
#include "chaos/report.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace penstock::chaos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Report Good() {
  return {.seed = 7,
          .server = "2.9.10",
          .events = 2000,
          .faults_asked = 3,
          .credit = 1000,
          .findings = {.published = 2000, .acked = 2000, .handled = 1998, .dead_lettered = 2},
          .faults = {{"server_killed", 2}, {"consumer_cut", 1}},
          .recoveries = {{"server_killed", 30.04}, {"consumer_cut", 10}, {"server_killed", 20}},
          .seconds = 2};
}

TEST(ReportTest, PassesARunThatIsGood) { EXPECT_THAT(Shortcomings(Good()), IsEmpty()); }

TEST(ReportTest, FailsARunForEachViolation) {
  for (auto violation :
       {&Findings::lost, &Findings::order_violations, &Findings::unexpected, &Findings::duplicated_in_stream,
        &Findings::wrongly_dead_lettered, &Findings::concurrent_handlers, &Findings::reruns_without_crash}) {
    Report report = Good();
    report.findings.*violation = 1;
    EXPECT_EQ(Shortcomings(report).size(), 1u);
  }
}

TEST(ReportTest, FailsARunForWhatIsWrongWithItsTasks) {
  Report report = Good();
  report.tasks = {.planned = 100, .findings = {.early = 1}};
  report.tasks.findings.work.basics.acked = 99;
  report.tasks.findings.work.basics.lost = 2;
  EXPECT_THAT(Shortcomings(report),
              ElementsAre("tasks: 2 lost", "tasks: 99 acked of 100", "tasks: 1 begun before their time"));
  EXPECT_THAT(ToText(report), HasSubstr("FAILED: tasks: 1 begun before their time"));
  EXPECT_EQ(nlohmann::json::parse(ToJson(report))["tasks"]["early"], 1);
  EXPECT_THAT(ToText(Good()), Not(HasSubstr("tasks:"))) << "a run without tasks tells of none";
}

TEST(ReportTest, FailsARunWithMoreRerunsAfterACrashThanTheWindowHeldAndNotForMoreThanTheCredit) {
  Report report = Good();
  report.findings.max_reruns_per_crash = 1001;
  EXPECT_THAT(Shortcomings(report), IsEmpty());
  report.findings.reruns_beyond_window = 1;
  EXPECT_THAT(Shortcomings(report), ElementsAre("1 handled again after a crash beyond what the window had held"));
}

TEST(ReportTest, FailsARunInWhichAFaultIsMissing) {
  Report report = Good();
  report.faults.erase("consumer_cut");
  EXPECT_THAT(Shortcomings(report), ElementsAre("2 faults injected of 3 asked for"));
  report.faults.clear();
  EXPECT_THAT(Shortcomings(report), ElementsAre("0 faults injected of 3 asked for"));
}

TEST(ReportTest, FailsARunThatIsTooSmallToProveAnything) {
  Report report = Good();
  report.events = report.findings.acked = 999;
  EXPECT_THAT(Shortcomings(report), ElementsAre(HasSubstr("only 999 acked")));
}

TEST(ReportTest, FailsARunThatDidNotPublishEverything) {
  Report report = Good();
  report.findings.acked = 1999;
  EXPECT_THAT(Shortcomings(report), ElementsAre("1999 acked of 2000 events"));
}

TEST(ReportTest, FailsARunThatWasNotFinished) {
  Report report = Good();
  report.failure = "nothing happened for 60s";
  EXPECT_THAT(Shortcomings(report), ElementsAre("nothing happened for 60s"));
  EXPECT_THAT(ToText(report), HasSubstr("FAILED: nothing happened for 60s"));
}

TEST(ReportTest, SaysWhatTheWireWas) {
  Report report = Good();
  EXPECT_THAT(ToText(report), HasSubstr("over plaintext"));
  report.tls = true;
  EXPECT_THAT(ToText(report), HasSubstr("over TLS"));
  EXPECT_EQ(nlohmann::json::parse(ToJson(report))["wire"], "TLS");
}

TEST(ReportTest, WritesOneLineOfJson) {
  const std::string line = ToJson(Good());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto json = nlohmann::json::parse(line);
  for (const char* field : {"seed",
                            "server",
                            "wire",
                            "events",
                            "published",
                            "acked",
                            "handled",
                            "dead_lettered",
                            "lost",
                            "lost_prefix",
                            "lost_middle",
                            "lost_postfix",
                            "unexpected",
                            "duplicated_in_stream",
                            "order_violations",
                            "concurrent_handlers",
                            "reruns_without_crash",
                            "reruns_after_crash",
                            "consumer_crashes",
                            "max_reruns_per_crash",
                            "reruns_beyond_window",
                            "credit",
                            "faults",
                            "faults_injected",
                            "recovery_ms",
                            "seconds",
                            "events_per_second"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
  EXPECT_EQ(json["faults_injected"], 3);
  EXPECT_EQ(json["faults"]["server_killed"], 2);
  EXPECT_EQ(json["recovery_ms"]["p50"], 20.0);
  EXPECT_EQ(json["recovery_ms"]["max"], 30.0);
  EXPECT_EQ(json["recovery_ms"]["slowest"], "server_killed");
  EXPECT_EQ(json["events_per_second"], 999);
}

TEST(ReportTest, WritesARunOfNothing) {
  EXPECT_FALSE(Shortcomings({}).empty());
  EXPECT_EQ(nlohmann::json::parse(ToJson(Report{}))["recovery_ms"]["max"], 0);
}

}  // namespace
}  // namespace penstock::chaos
