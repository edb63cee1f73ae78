// SPDX-License-Identifier: Apache-2.0
#include "health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <string>

namespace penstock {
namespace {

using std::chrono::seconds;

TEST(HealthTest, IsReadyWhenConnectedAndEverySubscriptionReceives) {
  BusStats stats;
  stats.connection.connected = true;
  EXPECT_EQ(WhyNotReady(stats), std::nullopt);
  stats.subscriptions = {{.topic = "a", .active = true}, {.topic = "b", .active = true}};
  EXPECT_EQ(WhyNotReady(stats), std::nullopt);
}

TEST(HealthTest, SaysWhatIsMissing) {
  BusStats stats;
  EXPECT_EQ(WhyNotReady(stats), "not connected to the server");
  stats.connection.connected = true;
  stats.subscriptions = {{.topic = "a", .active = true}, {.topic = "b", .active = false}};
  EXPECT_EQ(WhyNotReady(stats), "the subscription to \"b\" does not receive");
}

TEST(HealthTest, IsReadyWhileAnotherProcessOwnsADurable) {
  BusStats stats;
  stats.connection.connected = true;
  stats.subscriptions = {{.topic = "orders", .standing_by = true}, {.topic = "b", .active = true}};
  EXPECT_EQ(WhyNotReady(stats), std::nullopt);
  EXPECT_EQ(ReadyText(stats), "ready, standing by for orders");
  stats.subscriptions.push_back({.topic = "a", .standing_by = true});
  stats.subscriptions.push_back({.topic = "orders", .standing_by = true});
  stats.subscriptions[1].degraded = true;
  EXPECT_EQ(ReadyText(stats), "ready, standing by for a, orders, degraded: message after message of \"b\" fails");
}

TEST(HealthTest, ShowsThatDeadLettersAreRead) {
  BusStats stats;
  stats.subscriptions = {{.topic = "a", .reading_letters = true, .active = true}};
  EXPECT_EQ(ReadyText(stats), "ready, reading the dead letters of \"a\"");
}

TEST(HealthTest, ShowsTheChecksOfTheServiceByName) {
  BusStats stats;
  stats.connection.connected = true;
  const CheckResults fine = {{"cache", absl::OkStatus()}, {"database", absl::OkStatus()}};
  EXPECT_EQ(ReadyReply(stats, fine).status, 200);
  EXPECT_EQ(ReadyReply(stats, fine).body, "ready\ncache: ok\ndatabase: ok\n");
  const CheckResults broken = {{"cache", absl::OkStatus()}, {"database", absl::UnavailableError("no\nroute")}};
  EXPECT_EQ(ReadyReply(stats, broken).status, 503);
  EXPECT_EQ(ReadyReply(stats, broken).body,
            "the check \"database\" failed\ncache: ok\ndatabase: UNAVAILABLE: no\\nroute\n");
  stats.connection.connected = false;
  EXPECT_EQ(ReadyReply(stats, fine).body, "not connected to the server\ncache: ok\ndatabase: ok\n");
}

TEST(HealthTest, CountsACheckThatThrowsAsFailed) {
  const std::map<std::string, ReadyCheck> checks = {{"a", []() -> absl::Status { throw std::runtime_error("broken"); }},
                                                    {"b", []() -> absl::Status { throw 1; }},
                                                    {"c", [] { return absl::OkStatus(); }}};
  const CheckResults results = RunChecks(checks);
  ASSERT_EQ(results.size(), 3U);
  EXPECT_THAT(results[0].second.ToString(), testing::HasSubstr("broken"));
  EXPECT_FALSE(results[1].second.ok());
  EXPECT_TRUE(results[2].second.ok());
}

TEST(HealthTest, TellsOfAnOutageWithoutCallingItselfNotReady) {
  BusStats stats;
  EXPECT_EQ(ReadyText(stats), "ready");
  stats.subscriptions = {{.topic = "a", .active = true}, {.topic = "b", .degraded = true, .active = true}};
  EXPECT_EQ(ReadyText(stats), "ready, degraded: message after message of \"b\" fails");
}

TEST(HealthTest, AnswersWithAStatusThatProbesUnderstand) {
  EXPECT_EQ(HealthReply(std::nullopt, "ready").status, 200);
  EXPECT_EQ(HealthReply(std::nullopt, "ready").body, "ready\n");
  EXPECT_EQ(HealthReply("stopping", "ready").status, 503);
  EXPECT_EQ(HealthReply("stopping", "ready").body, "stopping\n");
}

class StallWatchTest : public testing::Test {
 protected:
  /// Observes a pool with `waiting` and `finished` messages, `at` seconds after the first observation.
  bool StalledAt(int at, std::size_t waiting, std::uint64_t finished) {
    actorpool::PoolStats pool;
    pool.actors = {{.succeeded = finished / 2, .inbox_depth = waiting}, {.failed = finished - finished / 2}};
    return watch_.Stalled(pool, begin_ + seconds(at));
  }

  StallWatch watch_{seconds(10)};
  const StallWatch::Clock::time_point begin_{};
};

TEST_F(StallWatchTest, NoticesThatMessagesWaitAndNoneIsFinished) {
  EXPECT_FALSE(StalledAt(0, 5, 7));
  EXPECT_FALSE(StalledAt(9, 5, 7));
  EXPECT_TRUE(StalledAt(10, 5, 7));
  EXPECT_TRUE(StalledAt(11, 6, 7));
}

TEST_F(StallWatchTest, RecoversWithTheNextMessageThatIsFinished) {
  StalledAt(0, 5, 7);
  ASSERT_TRUE(StalledAt(10, 5, 7));
  EXPECT_FALSE(StalledAt(11, 5, 8));
  EXPECT_FALSE(StalledAt(20, 5, 8));
  EXPECT_TRUE(StalledAt(21, 5, 8));
}

TEST_F(StallWatchTest, IsContentWithAnIdlePool) {
  EXPECT_FALSE(StalledAt(0, 0, 7));
  EXPECT_FALSE(StalledAt(1000, 0, 7));
}

TEST_F(StallWatchTest, DoesNotBlameWhatHappenedBetweenTwoDistantObservations) {
  StalledAt(0, 0, 7);
  EXPECT_FALSE(StalledAt(1000, 3, 7));
  EXPECT_FALSE(StalledAt(1009, 3, 7));
}

TEST(StallWatchOffTest, NeverStallsWithoutALimit) {
  StallWatch watch{std::chrono::milliseconds(0)};
  actorpool::PoolStats pool;
  pool.actors = {{.inbox_depth = 1}};
  EXPECT_FALSE(watch.Stalled(pool, StallWatch::Clock::time_point{}));
  EXPECT_FALSE(watch.Stalled(pool, StallWatch::Clock::time_point{} + std::chrono::hours(100)));
}

}  // namespace
}  // namespace penstock
