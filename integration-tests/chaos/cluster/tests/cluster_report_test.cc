// SPDX-License-Identifier: Apache-2.0
#include "chaos/cluster/cluster_report.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace penstock::chaos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ClusterReport Good(std::vector<std::string> servers = {"2.15.1"}) {
  return {.seed = 7,
          .nodes = 3,
          .servers = std::move(servers),
          .events = 2000,
          .faults_asked = 3,
          .credit = 1000,
          .findings = {.basics = {.published = 2000, .acked = 2000, .handled = 1998, .dead_lettered = 2}},
          .faults = {{"leader_killed", {2, {900, 100}, {700, 600.04}}}, {"owner_killed", {1, {50}, {}}}},
          .seconds = 2};
}

TEST(ClusterReportTest, PassesARunThatIsGood) {
  EXPECT_THAT(Shortcomings(Good()), IsEmpty());
  EXPECT_THAT(NotPromised(Good()), IsEmpty());
}

TEST(ClusterReportTest, FailsARunForEachViolation) {
  for (auto violation :
       {&ClusterFindings::publish_inversions, &ClusterFindings::inversions_after_failure,
        &ClusterFindings::stored_twice, &ClusterFindings::reruns_beyond_window, &ClusterFindings::reruns_below_floor}) {
    ClusterReport report = Good();
    report.findings.*violation = 1;
    EXPECT_EQ(Shortcomings(report).size(), 1u);
  }
  for (auto violation :
       {&ClusterFindings::overlaps, &ClusterFindings::concurrent_in_process, &ClusterFindings::begun_after_later,
        &ClusterFindings::reruns_owner_stayed, &ClusterFindings::reruns_living_owner}) {
    ClusterReport report = Good();
    (report.findings.*violation).elsewhere = 1;
    EXPECT_EQ(Shortcomings(report).size(), 1u);
    report = Good();
    (report.findings.*violation).across_cut = 1;
    EXPECT_EQ(Shortcomings(report).size(), 1u);
  }
  for (auto violation : {&Findings::lost, &Findings::unexpected, &Findings::wrongly_dead_lettered}) {
    ClusterReport report = Good();
    report.findings.basics.*violation = 1;
    EXPECT_EQ(Shortcomings(report).size(), 1u);
  }
}

TEST(ClusterReportTest, FailsARunForWhatIsWrongWithItsTasks) {
  ClusterReport report = Good();
  report.tasks.findings.early = 1;
  report.tasks.findings.work.overlaps.across_cut = 2;
  report.tasks.findings.work.basics.lost = 3;
  EXPECT_THAT(Losses(report), ElementsAre("tasks: 3 lost"));
  EXPECT_THAT(Shortcomings(report),
              ElementsAre("tasks: 3 lost", "tasks: 1 begun before their time",
                          "tasks: 2 handlers that began beside one of their key in another process"));
  report.servers = {"2.9.10"};
  EXPECT_THAT(Shortcomings(report), ElementsAre("tasks: 3 lost", "tasks: 1 begun before their time"));
  EXPECT_EQ(nlohmann::json::parse(ToJson(report))["tasks"]["lost"], 3);
}

TEST(ClusterReportTest, ForgivesWhatAnOwnerThatWasCutOffHadNotCommitted) {
  ClusterReport report = Good();
  report.findings.reruns_cut_off_owner.across_cut = 10;
  report.findings.reruns_after_crash = 10;
  report.findings.reruns_after_deletion = 10;
  EXPECT_THAT(Shortcomings(report), IsEmpty());
}

TEST(ClusterReportTest, NamesTwoOwnersAcrossARouteCutOnOldServersAndDoesNotFailForThem) {
  for (const auto& servers : {std::vector<std::string>{"2.9.10"}, {"2.9.20", "2.15.1"}}) {
    ClusterReport report = Good(servers);
    report.findings.overlaps.across_cut = 3;
    EXPECT_THAT(Shortcomings(report), IsEmpty());
    EXPECT_THAT(NotPromised(report), ElementsAre(HasSubstr("3 handlers that began beside one of their key")));
    report.findings.overlaps.elsewhere = 1;
    EXPECT_EQ(Shortcomings(report).size(), 1u);
  }
}

TEST(ClusterReportTest, FailsForTwoOwnersOnServersThatSerialiseTheirCompareAndSet) {
  for (const char* const version : {"2.9.21", "2.10.27", "2.12.0-RC.1", "3.0.0"}) {
    ClusterReport report = Good({version});
    report.findings.overlaps.across_cut = 3;
    EXPECT_THAT(Shortcomings(report), ElementsAre(HasSubstr("across a route cut"))) << version;
    EXPECT_THAT(NotPromised(report), IsEmpty());
  }
}

TEST(ClusterReportTest, AVersionThatIsNoneExcludesNothing) { EXPECT_FALSE(ExcludesTwoOwners(Good({"unknown"}))); }

TEST(ClusterReportTest, ASkippedFaultIsNotMissing) {
  ClusterReport report = Good();
  report.faults.erase("owner_killed");
  EXPECT_THAT(Shortcomings(report), ElementsAre("2 faults injected of 3 asked for, 0 skipped"));
  report.skipped = {"disk_full: needs root"};
  EXPECT_THAT(Shortcomings(report), IsEmpty());
  EXPECT_THAT(ToText(report), HasSubstr("skipped: disk_full: needs root"));
}

TEST(ClusterReportTest, FailsForProcessesThatEndedAndForStalls) {
  ClusterReport report = Good();
  report.ended_by_themselves = 2;
  report.stalls = {"leader_stepped_down consumer_leader"};
  EXPECT_THAT(Shortcomings(report),
              ElementsAre("2 processes that ended by themselves", HasSubstr("leader_stepped_down")));
}

TEST(ClusterReportTest, TellsLossesFromWhatIsOnlyRepeatedOrOutOfOrder) {
  ClusterReport report = Good();
  report.findings.overlaps.elsewhere = 1;
  report.findings.stored_twice = 1;
  report.stalls = {"publishing after leader_killed"};
  EXPECT_THAT(Losses(report), IsEmpty());
  report.findings.basics.lost = 1;
  EXPECT_THAT(Losses(report), ElementsAre("1 lost"));
  report = Good();
  report.failure = "the cluster did not come together";
  EXPECT_THAT(Losses(report), ElementsAre("the cluster did not come together"));
}

TEST(ClusterReportTest, StatesRecoveryAndElectionOfEachClassOfFaults) {
  const auto json = nlohmann::json::parse(ToJson(Good()));
  const auto& killed = json.at("faults").at("leader_killed");
  EXPECT_EQ(killed.at("recovery_ms").at("p50"), 900);
  EXPECT_EQ(killed.at("recovery_ms").at("max"), 900);
  EXPECT_EQ(killed.at("election_ms").at("p50"), 700);
  EXPECT_EQ(killed.at("elections"), 2);
  EXPECT_EQ(json.at("faults").at("owner_killed").at("elections"), 0);
  EXPECT_EQ(json.at("faults_injected"), 3);
  EXPECT_EQ(json.at("failed").size(), 0u);
  EXPECT_THAT(ToText(Good()), HasSubstr("leader_killed"));
}

}  // namespace
}  // namespace penstock::chaos
