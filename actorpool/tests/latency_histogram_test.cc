// SPDX-License-Identifier: Apache-2.0
#include "penstock/actorpool/internal/latency_histogram.h"

#include "gtest/gtest.h"

namespace penstock::actorpool {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

LatencySnapshot SnapshotOf(std::initializer_list<nanoseconds> latencies) {
  LatencyHistogram<Counter> histogram;
  for (const nanoseconds latency : latencies) histogram.Observe(latency);
  LatencySnapshot snapshot;
  histogram.AddTo(snapshot);
  return snapshot;
}

TEST(LatencyHistogramTest, UpperBoundsBelongToTheirBucket) {
  const LatencySnapshot snapshot =
      SnapshotOf({nanoseconds(0), microseconds(10), microseconds(10) + nanoseconds(1), microseconds(25)});
  EXPECT_EQ(snapshot.counts[0], 2u);
  EXPECT_EQ(snapshot.counts[1], 2u);
  EXPECT_EQ(snapshot.count, 4u);
}

TEST(LatencyHistogramTest, WhatIsBeyondTheLastBoundGoesToTheInfiniteBucket) {
  const LatencySnapshot snapshot = SnapshotOf({std::chrono::seconds(5), std::chrono::hours(1)});
  EXPECT_EQ(snapshot.counts[LatencySnapshot::kUpperBoundsSeconds.size() - 1], 1u);
  EXPECT_EQ(snapshot.counts.back(), 1u);
  EXPECT_DOUBLE_EQ(snapshot.sum_seconds, 3605);
}

TEST(LatencyHistogramTest, NegativeLatencyCountsAsNone) {
  const LatencySnapshot snapshot = SnapshotOf({nanoseconds(-5)});
  EXPECT_EQ(snapshot.counts[0], 1u);
  EXPECT_EQ(snapshot.sum_seconds, 0);
}

TEST(LatencyHistogramTest, SeveralHistogramsAddUp) {
  LatencyHistogram<Counter> one;
  LatencyHistogram<SharedCounter> other;
  one.Observe(microseconds(1));
  other.Observe(microseconds(3));
  LatencySnapshot snapshot;
  one.AddTo(snapshot);
  other.AddTo(snapshot);
  EXPECT_EQ(snapshot.count, 2u);
  EXPECT_DOUBLE_EQ(snapshot.sum_seconds, 4e-6);
}

}  // namespace
}  // namespace penstock::actorpool
