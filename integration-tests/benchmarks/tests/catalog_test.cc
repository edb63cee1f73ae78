// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/catalog.h"

#include <gmock/gmock.h>

#include <set>

namespace penstock::bench {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::vector<std::string> NamesOf(const std::vector<Contest>& contests) {
  std::vector<std::string> names;
  for (const Contest& contest : contests) {
    for (const Row& row : contest.rows) names.push_back(row.name);
  }
  return names;
}

void ExpectSame(const Side& side, const Side& other) {
  EXPECT_EQ(side.name, other.name);
  EXPECT_EQ(side.program, other.program);
  EXPECT_EQ(side.arguments, other.arguments);
  EXPECT_EQ(side.size, other.size);
  EXPECT_EQ(side.ground, other.ground);
}

bool StatesMemory(const Contest& contest) { return contest.rows[0].figure == Figure::kBytesPerIdleActor; }

TEST(CatalogTest, HasEveryRow) {
  EXPECT_THAT(
      NamesOf(AllContests(Effort::kFull)),
      ElementsAre("jetstream_consume_explicit", "jetstream_consume_cumulative", "jetstream_consume_at_most_once",
                  "publish_async", "publish_sync_latency", "publish_sync_latency_p99", "end_to_end_p50",
                  "end_to_end_p99", "jetstream_consume_explicit_tls", "jetstream_consume_cumulative_tls",
                  "jetstream_consume_at_most_once_tls", "publish_async_tls", "publish_sync_latency_tls",
                  "publish_sync_latency_p99_tls", "end_to_end_p50_tls", "end_to_end_p99_tls", "dispatch_256",
                  "dispatch_64_producers", "streams", "streams_one_sleeps_p50", "streams_one_sleeps_p99",
                  "metrics_overhead", "slow_handlers"));
  EXPECT_EQ(NamesOf(AllContests(Effort::kQuick)), NamesOf(AllContests(Effort::kFull)));
}

TEST(CatalogTest, QuickIsSmaller) {
  const auto full = AllContests(Effort::kFull);
  const auto quick = AllContests(Effort::kQuick);
  for (std::size_t i = 0; i < full.size(); ++i) EXPECT_LT(quick[i].ours.size, full[i].ours.size);
}

TEST(CatalogTest, EveryContestIsBetweenOursAndNamedPeersThatDoSomething) {
  std::vector<Contest> contests = AllContests(Effort::kQuick);
  for (const auto& [table, scale] : ScaleContests()) contests.insert(contests.end(), scale.begin(), scale.end());
  for (const Contest& contest : contests) {
    EXPECT_THAT(contest.ours.program, StartsWith("load/"));
    EXPECT_GT(contest.ours.size, 0u);
    std::set<std::string> names;
    for (const Side& peer : contest.peers) {
      EXPECT_GT(peer.size, 0u) << peer.name;
      EXPECT_TRUE(names.insert(peer.name).second) << peer.name;
    }
    const std::string& row = contest.rows[0].name;
    EXPECT_EQ(names.empty(), StatesMemory(contest) || row == "hand_over" || row == "delay");
  }
}

TEST(CatalogTest, OverTlsTheWorkIsThatOfThePlaintextRow) {
  std::map<std::string, Contest> plaintext;
  for (const Contest& contest : AllContests(Effort::kFull)) {
    if (!contest.tls) plaintext[contest.rows[0].name + "_tls"] = contest;
  }
  int over_tls = 0;
  for (const Contest& contest : AllContests(Effort::kFull)) {
    if (!contest.tls) continue;
    ++over_tls;
    ASSERT_TRUE(plaintext.contains(contest.rows[0].name)) << contest.rows[0].name;
    const Contest& same = plaintext[contest.rows[0].name];
    ExpectSame(contest.ours, same.ours);
    ASSERT_THAT(contest.peers, SizeIs(1));
    EXPECT_THAT(contest.peers[0].program, StartsWith("peers/raw_"));
    ExpectSame(contest.peers[0], same.peers[0]);
  }
  EXPECT_EQ(over_tls, 6);
}

TEST(CatalogTest, GrowsFromOneSubscriptionToTwoHundred) {
  const std::vector<Contest> contests = ScaleContests().at("subscriptions");
  EXPECT_THAT(NamesOf(contests),
              ElementsAre("subscriptions_1", "subscribe_call_1", "subscriptions_10", "subscribe_call_10",
                          "subscriptions_50", "subscribe_call_50", "subscriptions_200", "subscribe_call_200"));
  EXPECT_THAT(contests.back().ours.arguments, ElementsAre("--subscriptions", "200"));
  for (const Contest& contest : contests) {
    ASSERT_THAT(contest.peers, SizeIs(1));
    EXPECT_THAT(contest.peers[0].arguments, ElementsAre("--subscriptions", "1"));
    EXPECT_EQ(contest.peers[0].size, contest.ours.size);
  }
}

TEST(CatalogTest, StatesTheMemoryOfWhatIsIdle) {
  EXPECT_THAT(NamesOf(ScaleContests().at("fan_out")), ElementsAre("fan_out"));
  EXPECT_THAT(NamesOf(ScaleContests().at("delay")), ElementsAre("delay", "delay_p99"));
  EXPECT_THAT(ScaleContests().at("fan_out")[0].ours.arguments, ElementsAre("--subscribers", "10000"));
  EXPECT_THAT(NamesOf(ScaleContests().at("memory")),
              ElementsAre("idle_actor", "idle_subscription", "idle_key", "message_seen"));
}

TEST(CatalogTest, DoesTheWorkOfATaskSystemBesideDramatiqOnItsBrokers) {
  const std::vector<Contest> contests = ScaleContests().at("tasks");
  EXPECT_THAT(NamesOf(contests), ElementsAre("actors", "results", "delay_5000", "delay_5000_p99"));
  for (const Contest& contest : contests) {
    ASSERT_THAT(contest.peers, SizeIs(3));
    EXPECT_EQ(contest.peers[0].program, "peers/dramatiq_redis");
    EXPECT_THAT(contest.peers[1].arguments, Contains("--persistence"));
    EXPECT_EQ(contest.peers[2].program, "peers/dramatiq_rabbitmq");
    for (const Side& peer : contest.peers) {
      EXPECT_EQ(peer.size, contest.ours.size) << "the same work";
      EXPECT_EQ(peer.ground, Ground::kNone) << "its servers are its own";
      for (const std::string& argument : contest.ours.arguments) EXPECT_THAT(peer.arguments, Contains(argument));
    }
  }
}

TEST(CatalogTest, WhoSharesAStreamWantsAsManyMessagesAsItHolds) {
  for (const Contest& contest : AllContests(Effort::kFull)) {
    for (const Side& peer : contest.peers) {
      if (peer.ground != Ground::kFilledStream) continue;
      EXPECT_EQ(contest.ours.ground, Ground::kFilledStream);
      EXPECT_EQ(peer.size, contest.ours.size) << peer.name;
    }
  }
}

TEST(CatalogTest, ChoosesRowsOfTablesByName) {
  const ContestTables tables = Only({"uniform_keys_1", "payload_65536", "subscriptions_200"}, ScaleContests());
  EXPECT_THAT(tables,
              ElementsAre(Pair("keys", SizeIs(1)), Pair("payload", SizeIs(1)), Pair("subscriptions", SizeIs(1))));
  EXPECT_THAT(NamesOf(tables.at("subscriptions")), ElementsAre("subscriptions_200"));
  EXPECT_THAT(tables.at("payload")[0].fill, ElementsAre("--payload", "65636"));
  EXPECT_THAT(tables.at("keys")[0].fill, ElementsAre("--keys", "1"));
}

TEST(CatalogTest, AgainstAnotherBuildOursIsComparedWithItsProgramAlone) {
  const std::vector<Contest> contests = AllContests(Effort::kFull);
  const std::vector<Contest> against = Against("/other", contests);
  ASSERT_EQ(NamesOf(against), NamesOf(contests));
  for (std::size_t i = 0; i < contests.size(); ++i) {
    EXPECT_FALSE(against[i].ideal);
    ASSERT_THAT(against[i].peers, SizeIs(1));
    Side other = against[i].peers[0];
    EXPECT_EQ(other.name, contests[i].ours.name + ", other build");
    EXPECT_EQ(other.program, "/other/bin/benchmarks/" + contests[i].ours.program);
    other.name = contests[i].ours.name;
    other.program = contests[i].ours.program;
    ExpectSame(other, contests[i].ours);
  }
}

TEST(CatalogTest, ChoosesRowsByName) {
  EXPECT_THAT(NamesOf(Only({"dispatch_256", "end_to_end_p99"}, AllContests(Effort::kQuick))),
              ElementsAre("end_to_end_p99", "dispatch_256"));
  EXPECT_THAT(Only({"no such row"}, AllContests(Effort::kQuick)), IsEmpty());
  EXPECT_THAT(Only({}, AllContests(Effort::kQuick)), SizeIs(AllContests(Effort::kQuick).size()));
}

}  // namespace
}  // namespace penstock::bench
