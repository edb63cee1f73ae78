// SPDX-License-Identifier: Apache-2.0
#include "http/connection_limit.h"

#include <gtest/gtest.h>

namespace penstock::metrics {
namespace {

using Phase = ConnectionPhase;

TEST(ConnectionLimitTest, ClosesNoneWhileThereAreNotTooMany) {
  ConnectionLimit limit(2);
  limit.Enter();
  EXPECT_EQ(limit.Excess(limit.Enter()), std::nullopt);
}

TEST(ConnectionLimitTest, ClosesTheOldestThatReadsOrLingers) {
  ConnectionLimit limit(2);
  const auto writing = limit.Enter();
  const auto lingering = limit.Enter();
  limit.Set(writing, Phase::kWriting);
  limit.Set(lingering, Phase::kLingering);
  const auto reading = limit.Enter();
  EXPECT_EQ(limit.Excess(reading), lingering);
  limit.Leave(lingering);
  EXPECT_EQ(limit.Excess(reading), std::nullopt);
  EXPECT_EQ(limit.Excess(limit.Enter()), reading);
}

TEST(ConnectionLimitTest, ClosesTheOldestThatWritesWhenAllOthersDo) {
  ConnectionLimit limit(2);
  const auto first = limit.Enter();
  const auto second = limit.Enter();
  limit.Set(first, Phase::kWriting);
  limit.Set(second, Phase::kWriting);
  EXPECT_EQ(limit.Excess(limit.Enter()), first);
}

TEST(ConnectionLimitTest, DoesNotCountThoseWithAHandlerAndStreams) {
  ConnectionLimit limit(1);
  limit.Set(limit.Enter(), Phase::kHandling);
  limit.Set(limit.Enter(), Phase::kStreaming);
  EXPECT_EQ(limit.Count(Phase::kStreaming), 1U);
  const auto first = limit.Enter();
  EXPECT_EQ(limit.Excess(first), std::nullopt);
  EXPECT_EQ(limit.Excess(limit.Enter()), first);
}

TEST(ConnectionLimitTest, ClosesOneThatReadsWhenAHandlersReplyComes) {
  ConnectionLimit limit(1);
  const auto handled = limit.Enter();
  limit.Set(handled, Phase::kHandling);
  const auto reading = limit.Enter();
  limit.Set(handled, Phase::kWriting);
  EXPECT_EQ(limit.Excess(handled), reading);
}

TEST(ConnectionLimitTest, FindsTheWeakestHoweverManyThereAre) {
  ConnectionLimit limit(10);
  EXPECT_EQ(limit.Weakest(), std::nullopt);
  limit.Set(limit.Enter(), Phase::kHandling);
  EXPECT_EQ(limit.Weakest(), std::nullopt);
  const auto writing = limit.Enter();
  limit.Set(writing, Phase::kWriting);
  EXPECT_EQ(limit.Weakest(), writing);
  EXPECT_EQ((limit.Enter(), limit.Weakest()), writing + 1);
}

TEST(ConnectionLimitTest, ForgetsThoseThatLeft) {
  ConnectionLimit limit(1);
  const auto gone = limit.Enter();
  limit.Leave(gone);
  limit.Set(gone, Phase::kReading);
  EXPECT_EQ(limit.Count(Phase::kReading), 0U);
}

}  // namespace
}  // namespace penstock::metrics
