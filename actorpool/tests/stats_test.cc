// SPDX-License-Identifier: Apache-2.0
#include "penstock/actorpool/stats.h"

#include <limits>

#include "gtest/gtest.h"

namespace penstock::actorpool {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// 90 observations up to 10 us, 9 up to 1 ms, 1 beyond the last bound.
LatencySnapshot Snapshot() {
  LatencySnapshot snapshot;
  snapshot.counts[0] = 90;
  snapshot.counts[6] = 9;
  snapshot.counts.back() = 1;
  snapshot.count = 100;
  return snapshot;
}

TEST(LatencySnapshotTest, QuantileIsTheBoundOfTheBucketThatHoldsIt) {
  EXPECT_EQ(Snapshot().Quantile(0.5), 0.00001);
  EXPECT_EQ(Snapshot().Quantile(0.9), 0.00001);
  EXPECT_EQ(Snapshot().Quantile(0.91), 0.001);
  EXPECT_EQ(Snapshot().Quantile(0.99), 0.001);
}

TEST(LatencySnapshotTest, QuantileInTheLastBucketIsInfinite) {
  EXPECT_EQ(Snapshot().Quantile(0.995), kInfinity);
  EXPECT_EQ(Snapshot().Quantile(1), kInfinity);
}

TEST(LatencySnapshotTest, QuantileOfNothingIsZero) { EXPECT_EQ(LatencySnapshot{}.Quantile(0.5), 0); }

TEST(LatencySnapshotTest, QuantileOutsideZeroToOneIsTheNearestEnd) {
  EXPECT_EQ(Snapshot().Quantile(-1), 0.00001);
  EXPECT_EQ(Snapshot().Quantile(0), 0.00001);
  EXPECT_EQ(Snapshot().Quantile(kNan), 0.00001);
  EXPECT_EQ(Snapshot().Quantile(7), kInfinity);
  EXPECT_EQ(Snapshot().Quantile(kInfinity), kInfinity);
}

TEST(PoolStatsTest, TotalAddsActorsUpAndKeepsTheHighestDepth) {
  PoolStats stats;
  stats.actors = {{.sent = 10,
                   .succeeded = 5,
                   .failed = 2,
                   .restarts = 1,
                   .suspensions = 1,
                   .inbox_full = 4,
                   .inbox_depth = 3,
                   .inbox_depth_highest = 9},
                  {.sent = 1,
                   .succeeded = 0,
                   .failed = 0,
                   .restarts = 0,
                   .suspensions = 2,
                   .inbox_full = 0,
                   .inbox_depth = 1,
                   .inbox_depth_highest = 1}};
  const ActorStats total = stats.Total();
  EXPECT_EQ(total.sent, 11u);
  EXPECT_EQ(total.succeeded, 5u);
  EXPECT_EQ(total.failed, 2u);
  EXPECT_EQ(total.restarts, 1u);
  EXPECT_EQ(total.suspensions, 3u);
  EXPECT_EQ(total.inbox_full, 4u);
  EXPECT_EQ(total.inbox_depth, 4u);
  EXPECT_EQ(total.inbox_depth_highest, 9u);
}

}  // namespace
}  // namespace penstock::actorpool
