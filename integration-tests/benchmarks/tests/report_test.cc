// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/report.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace penstock::bench {
namespace {

using ::testing::DoubleEq;
using ::testing::Optional;
using ::testing::SizeIs;

/// `rate` messages in a second, a million of which would have taken `cpu` seconds.
Measurement RunOf(double rate, double cpu = 1, double memory = 8) {
  return {.messages = rate, .seconds = 1, .cpu_s = cpu * rate / 1e6, .peak_rss_mib = memory};
}

Measurement LatencyRun(double p50, double p99) {
  return {.messages = 10, .seconds = 1, .p50_us = p50, .p99_us = p99, .cpu_s = 0.1, .peak_rss_mib = 8};
}

Contest OneRow(Figure figure = Figure::kRate) {
  return {.rows = {{.name = "consume", .figure = figure}}, .ours = {.name = "penstock"}, .peers = {{.name = "raw"}}};
}

ContestResult ThreePairs() {
  return {.ours = {.runs = {RunOf(100, 1, 10), RunOf(300, 3, 30), RunOf(200, 2, 20)}},
          .peers = {{.runs = {RunOf(50, 4, 5), RunOf(100, 5, 6), RunOf(200, 6, 7)}}}};
}

TEST(ReportTest, ComparesMediansAndTheRatiosOfPairs) {
  const auto rows = RowsOf(OneRow(), ThreePairs());
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_DOUBLE_EQ(rows[0].ours, 200);
  EXPECT_DOUBLE_EQ(rows[0].peer, 100);
  EXPECT_DOUBLE_EQ(rows[0].ratio, 2);   // of 2, 3 and 1
  EXPECT_DOUBLE_EQ(rows[0].spread, 1);  // 3 - 1, by 2
  EXPECT_EQ(rows[0].pairs, 3u);
  EXPECT_DOUBLE_EQ(rows[0].our_cost.cpu_s_per_million, 2);
  EXPECT_DOUBLE_EQ(rows[0].our_cost.peak_rss_mib, 20);
  ASSERT_TRUE(rows[0].peer_cost);
  EXPECT_DOUBLE_EQ(rows[0].peer_cost->cpu_s_per_million, 5);
  EXPECT_DOUBLE_EQ(rows[0].peer_cost->peak_rss_mib, 6);
}

TEST(ReportTest, OneSetOfRunsServesSeveralRows) {
  Contest contest = OneRow();
  contest.rows = {{.name = "p50", .figure = Figure::kP50}, {.name = "p99", .figure = Figure::kP99}};
  const auto rows = RowsOf(
      contest, {.ours = {.runs = {LatencyRun(10, 90)}}, .peers = {{.runs = {LatencyRun(20, 30)}}}, .rate = 5000});
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_DOUBLE_EQ(rows[0].ratio, 0.5);
  EXPECT_DOUBLE_EQ(rows[1].ratio, 3);
  EXPECT_THAT(rows[1].rate, Optional(5000u));
}

TEST(ReportTest, ComparesWithAnIdealThatCostsNothing) {
  Contest contest = OneRow();
  contest.ideal = {.name = "ideal", .messages_per_second = 400};
  const auto rows = RowsOf(contest, ThreePairs());
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[1].peer_name, "ideal");
  EXPECT_DOUBLE_EQ(rows[1].peer, 400);
  EXPECT_DOUBLE_EQ(rows[1].ratio, 0.5);
  EXPECT_FALSE(rows[1].peer_cost);
}

TEST(ReportTest, StatesOursAloneWithoutAnyPeer) {
  Contest contest = OneRow(Figure::kBytesPerIdleKey);
  contest.peers.clear();
  ContestResult result;
  for (const double bytes : {3.0, 1.0, 2.0}) {
    result.ours.runs.push_back(RunOf(100));
    result.ours.runs.back().bytes_per_idle_key = bytes;
  }
  const auto rows = RowsOf(contest, result);
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_TRUE(rows[0].alone());
  const auto json = nlohmann::json::parse(ToJson({.rows = rows}));
  EXPECT_EQ(json["rows"][0], nlohmann::json::parse(R"({"name":"consume","unit":"bytes","better":"lower","ours":2.0,
      "spread":1.0,"pairs":3,"cpu_s_per_million":1.0,"peak_rss_mib":8.0})"));
  EXPECT_TRUE(AnyFailed({.rows = RowsOf(contest, {.ours = {.failed = "lost one"}})}));
}

TEST(ReportTest, EveryMemoryFigureIsReadByItsName) {
  const Measurement run = {.bytes_per_idle_actor = 1,
                           .bytes_per_idle_subscription = 2,
                           .bytes_per_idle_key = 3,
                           .bytes_per_message_seen = 4};
  EXPECT_THAT(ValueOf(run, Figure::kBytesPerIdleActor), Optional(1));
  EXPECT_THAT(ValueOf(run, Figure::kBytesPerIdleSubscription), Optional(2));
  EXPECT_THAT(ValueOf(run, Figure::kBytesPerIdleKey), Optional(3));
  EXPECT_THAT(ValueOf(run, Figure::kBytesPerMessageSeen), Optional(4));
}

TEST(ReportTest, AnAbsentPeerIsNoFailure) {
  const ContestResult result = {.ours = {.runs = {RunOf(1)}}, .peers = {{.absent = "no go"}}};
  const Report report = {.rows = RowsOf(OneRow(), result)};
  EXPECT_FALSE(AnyFailed(report));
  const auto json = nlohmann::json::parse(ToJson(report));
  EXPECT_EQ(json["rows"][0], nlohmann::json({{"name", "consume"}, {"peer_name", "raw"}, {"absent", "no go"}}));
}

TEST(ReportTest, AFailureOfEitherSideFailsTheRow) {
  const ContestResult peer_failed = {.ours = {.runs = {RunOf(1)}}, .peers = {{.failed = "lost two"}}};
  const ContestResult ours_failed = {.ours = {.failed = "lost one"}, .peers = {{.runs = {RunOf(1)}}}};
  const Report report = {.rows = RowsOf(OneRow(), peer_failed), .scale = {{"keys", RowsOf(OneRow(), ours_failed)}}};
  EXPECT_TRUE(AnyFailed(report));
  EXPECT_TRUE(AnyFailed({.scale = report.scale}));
  const auto json = nlohmann::json::parse(ToJson(report));
  EXPECT_EQ(json["rows"][0], nlohmann::json({{"name", "consume"}, {"peer_name", "raw"}, {"failed", "raw: lost two"}}));
  EXPECT_EQ(json["scale"]["keys"][0]["failed"], "ours: lost one");
}

TEST(ReportTest, AFailureOfOursFailsTheIdealToo) {
  Contest contest = OneRow();
  contest.peers.clear();
  contest.ideal = {.name = "ideal", .messages_per_second = 400};
  EXPECT_TRUE(AnyFailed({.rows = RowsOf(contest, {.ours = {.failed = "lost one"}})}));
}

TEST(ReportTest, JsonHasTheMachineAndEveryFigure) {
  Report report = {.machine = {.cpu = "fast", .cores = 2, .kernel = "6.1", .nats_server = "2.9.10", .commit = "abc"},
                   .quick = true,
                   .rows = RowsOf(OneRow(), ThreePairs())};
  const auto json = nlohmann::json::parse(ToJson(report));
  EXPECT_EQ(json["machine"]["cpu"], "fast");
  EXPECT_EQ(json["machine"]["cores"], 2);
  EXPECT_EQ(json["machine"]["kernel"], "6.1");
  EXPECT_EQ(json["machine"]["nats_server"], "2.9.10");
  EXPECT_EQ(json["machine"]["commit"], "abc");
  EXPECT_EQ(json["quick"], true);
  EXPECT_FALSE(json.contains("scale"));
  EXPECT_EQ(json["rows"][0], nlohmann::json::parse(R"({"name":"consume","peer_name":"raw","unit":"msg/s",
      "better":"higher","ours":200.0,"peer":100.0,"ratio":2.0,"spread":1.0,"pairs":3,"cpu_s_per_million":2.0,
      "peak_rss_mib":20.0,"peer_cpu_s_per_million":5.0,"peer_peak_rss_mib":6.0})"));
}

TEST(ReportTest, JsonSaysThatLowerIsBetterForLatencies) {
  const ContestResult result = {
      .ours = {.runs = {LatencyRun(10, 90)}}, .peers = {{.runs = {LatencyRun(20, 30)}}}, .rate = 5000};
  const auto json = nlohmann::json::parse(ToJson({.rows = RowsOf(OneRow(Figure::kP50), result)}));
  EXPECT_EQ(json["rows"][0]["unit"], "us");
  EXPECT_EQ(json["rows"][0]["better"], "lower");
  EXPECT_EQ(json["rows"][0]["rate"], 5000);
}

}  // namespace
}  // namespace penstock::bench
