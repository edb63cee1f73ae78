// SPDX-License-Identifier: Apache-2.0
#include "bus/liveness/liveness_entry.h"

#include <gtest/gtest.h>

#include <string>

#include "bus/liveness/pool_progress.h"

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;

WorkerLiveness Worker() {
  return {.client_id = "billing",
          .instance = "0123456789abcdef",
          .host = "host",
          .pid = 17,
          .version = "1.2.3",
          .started_at = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000)),
          .period = milliseconds(2000),
          .workers = 4,
          .since_progress = milliseconds(5)};
}

TEST(LivenessEntryTest, ReadsWhatItWrites) {
  WorkerLiveness worker = Worker();
  using enum SubscriptionRole;
  for (const SubscriptionRole role : {kInactive, kOwns, kStandsBy, kShares, kListens}) {
    worker.subscriptions.push_back({.topic = "orders",
                                    .durable = "d",
                                    .role = role,
                                    .running = 1,
                                    .longest_running = milliseconds(2),
                                    .waiting = 3,
                                    .oldest_waiting = milliseconds(4)});
  }
  const auto read = ReadBeat(WrittenBeat(worker));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->client_id, worker.client_id);
  EXPECT_EQ(read->instance, worker.instance);
  EXPECT_EQ(read->host, worker.host);
  EXPECT_EQ(read->pid, worker.pid);
  EXPECT_EQ(read->version, worker.version);
  EXPECT_EQ(read->started_at, worker.started_at);
  EXPECT_EQ(read->period, worker.period);
  EXPECT_EQ(read->workers, worker.workers);
  EXPECT_EQ(read->since_progress, worker.since_progress);
  EXPECT_EQ(read->subscriptions, worker.subscriptions);
}

TEST(LivenessEntryTest, TellsAboutTheFirstSubscriptionsOnly) {
  WorkerLiveness worker = Worker();
  worker.subscriptions.resize(10'000);
  EXPECT_EQ(ReadBeat(WrittenBeat(worker))->subscriptions.size(), kMostSubscriptionsTold);
}

TEST(LivenessEntryTest, JudgesByThreePeriods) {
  WorkerLiveness worker = Worker();
  EXPECT_EQ(StateOf(worker, milliseconds(6000)), WorkerState::kAlive);
  EXPECT_EQ(StateOf(worker, milliseconds(6001)), WorkerState::kDead);
  worker.since_progress = milliseconds(6001);
  EXPECT_EQ(StateOf(worker, milliseconds(0)), WorkerState::kStuck);
  EXPECT_EQ(StateOf(worker, milliseconds(6001)), WorkerState::kDead);
}

TEST(PoolProgressTest, IsWhenMessagesEnd) {
  const PoolProgress::TimePoint start{};
  PoolProgress progress(start);
  EXPECT_EQ(progress.Look(0, start + milliseconds(5)), milliseconds(5));
  EXPECT_EQ(progress.Look(1, start + milliseconds(9)), milliseconds(0));
  EXPECT_EQ(progress.Look(1, start + milliseconds(12)), milliseconds(3));
}

TEST(PoolProgressTest, PassesABoundedNumberOfEmptyMessages) {
  const PoolProgress::TimePoint start{};
  PoolProgress progress(start);
  for (int i = 0; i < PoolProgress::kMostProbes; ++i) EXPECT_TRUE(progress.TakeProbe());
  EXPECT_FALSE(progress.TakeProbe());
  progress.Look(1, start);
  EXPECT_TRUE(progress.TakeProbe());
}

}  // namespace
}  // namespace penstock::eventbus
