// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/table.h"

#include <gmock/gmock.h>

#include <sstream>

namespace penstock::bench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

RowResult Rate() {
  return {.name = "consume",
          .peer_name = "raw",
          .ours = 1'234'567.8,
          .peer = 999,
          .ratio = 1.239,
          .spread = 0.041,
          .pairs = 5,
          .our_cost = {.cpu_s_per_million = 2.5, .peak_rss_mib = 20.4},
          .peer_cost = Cost{.cpu_s_per_million = 1.5, .peak_rss_mib = 4}};
}

RowResult Latency() {
  RowResult row = Rate();
  row.name = "a_longer_name";
  row.figure = Figure::kP99;
  row.ours = 98.76;
  row.rate = 26'000;
  return row;
}

RowResult Absent(const std::string& name) { return {.name = name, .peer_name = "CAF", .absent = "no libcaf-dev"}; }

TEST(TableTest, GroupsDigitsAndNamesUnitAndDirection) {
  EXPECT_EQ(
      ToMarkdown(std::vector{Rate(), Latency()}),
      "| row | unit | better | ours | peer | peer's | ratio | spread | cpu s/mill | peer's cpu | peak MiB | "
      "peer's peak |\n"
      "| --- | --- | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
      "| consume | msg/s | higher | 1,234,568 | raw | 999 | 1.24 | 4 % | 2.50 | 1.50 | 20 | 4 |\n"
      "| a_longer_name at 26,000 msg/s | us | lower | 98.8 | raw | 999.0 | 1.24 | 4 % | 2.50 | 1.50 | 20 | 4 |\n");
}

TEST(TableTest, AlignsColumns) {
  std::istringstream text(ToText(std::vector{Rate(), Latency()}));
  std::string header;
  std::string rate;
  std::string latency;
  ASSERT_TRUE(std::getline(text, header) && std::getline(text, rate) && std::getline(text, latency));
  EXPECT_EQ(rate.find("msg/s"), header.find("unit"));
  EXPECT_EQ(latency.find("lower"), header.find("better"));
  EXPECT_EQ(rate.find("1.24") + 4, header.find("ratio") + 5);
  EXPECT_EQ(rate.size(), header.size());
}

TEST(TableTest, SaysOnceWhyAPeerIsAbsent) {
  const std::string text = ToText(std::vector{Absent("one"), Absent("two"), Rate()});
  const std::string note = "CAF is absent: no libcaf-dev\n";
  EXPECT_THAT(text, HasSubstr(note));
  EXPECT_EQ(text.find(note), text.rfind(note));
}

TEST(TableTest, SaysInOneLineWhyARowFailed) {
  RowResult failed = {.name = "consume", .peer_name = "raw", .failed = "raw: lost\ntwo"};
  EXPECT_THAT(ToText(std::vector{failed}), AllOf(HasSubstr("consume failed: raw: lost two\n"), HasSubstr("failed\n")));
}

TEST(TableTest, LeavesOutTheCostOfAnIdeal) {
  RowResult ideal = Rate();
  ideal.peer_cost.reset();
  EXPECT_THAT(ToMarkdown(std::vector{ideal}), HasSubstr("| 2.50 |  | 20 |  |\n"));
}

TEST(TableTest, LeavesOutThePeerThatThereIsNot) {
  const RowResult alone = {.name = "idle_subscription",
                           .figure = Figure::kBytesPerIdleSubscription,
                           .ours = 26'325.5,
                           .spread = 0.1,
                           .pairs = 5,
                           .our_cost = {.cpu_s_per_million = 2.5, .peak_rss_mib = 20}};
  EXPECT_THAT(ToMarkdown(std::vector{alone}),
              HasSubstr("| idle_subscription | bytes | lower | 26,326 |  |  |  | 10 % | 2.50 |  | 20 |  |\n"));
}

TEST(TableTest, AReportHasItsMachineAndEveryTable) {
  const Report report = {
      .machine = {.cpu = "fast", .cores = 2, .kernel = "6.1", .nats_server = "2.9.10", .commit = "abc"},
      .quick = true,
      .rows = {Rate()},
      .scale = {{"keys", {Latency()}}}};
  EXPECT_THAT(ToText(report),
              AllOf(HasSubstr("fast, 2 cores, load 0.0, Linux 6.1, nats-server 2.9.10, commit abc, quick\n"),
                    HasSubstr("consume"), HasSubstr("keys"), HasSubstr("a_longer_name")));
  EXPECT_THAT(ToMarkdown(report),
              AllOf(HasSubstr("| consume |"), HasSubstr("### keys\n"), HasSubstr("| a_longer_name")));
  EXPECT_THAT(ToText(Report{}), Not(HasSubstr("ratio")));
}

}  // namespace
}  // namespace penstock::bench
