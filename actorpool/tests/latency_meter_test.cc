// SPDX-License-Identifier: Apache-2.0
#include "measure/latency_meter.h"

#include "gtest/gtest.h"

namespace penstock::actorpool {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

constexpr TimePoint kStart = TimePoint{} + std::chrono::hours(1);

LatencySnapshot SnapshotOf(const LatencyMeter& meter) {
  LatencySnapshot snapshot;
  meter.AddTo(snapshot);
  return snapshot;
}

/// Notes `messages` ends of messages that were accepted at `accepted`.
void End(LatencyMeter& meter, std::size_t messages, TimePoint accepted = kStart) {
  for (std::size_t i = 0; i < messages; ++i) meter.Ended(accepted);
}

TEST(LatencyMeterTest, PendingMessagesEndAtTheNextReading) {
  LatencyMeter meter;
  meter.Ended(kStart);
  meter.Ended(kStart + microseconds(10));
  EXPECT_EQ(meter.pending(), 2u);
  EXPECT_EQ(SnapshotOf(meter).count, 0u);
  meter.Count(kStart + microseconds(30));
  EXPECT_EQ(meter.pending(), 0u);
  EXPECT_EQ(SnapshotOf(meter).count, 2u);
  EXPECT_DOUBLE_EQ(SnapshotOf(meter).sum_seconds, 50e-6);
}

TEST(LatencyMeterTest, CountsEachMessageOnce) {
  LatencyMeter meter;
  End(meter, 3);
  meter.Count(kStart + microseconds(1));
  meter.Count(kStart + microseconds(2));
  EXPECT_EQ(SnapshotOf(meter).count, 3u);
}

TEST(LatencyMeterTest, TheFirstReadingIsNotShared) {
  LatencyMeter meter;
  End(meter, 1);
  EXPECT_EQ(meter.Count(kStart), 1u);
}

TEST(LatencyMeterTest, ShortMessagesShareReadings) {
  constexpr nanoseconds kAlmostMany = LatencyMeter::kMaxPending * microseconds(1) - nanoseconds(1);
  LatencyMeter meter;
  meter.Count(kStart);
  End(meter, 1);
  EXPECT_EQ(meter.Count(kStart + nanoseconds(999)), LatencyMeter::kMaxPending);
  End(meter, LatencyMeter::kMaxPending);
  EXPECT_EQ(meter.Count(kStart + nanoseconds(999) + kAlmostMany), LatencyMeter::kMaxPending);
}

TEST(LatencyMeterTest, LongMessagesGetAReadingEach) {
  LatencyMeter meter;
  meter.Count(kStart);
  End(meter, 1);
  EXPECT_EQ(meter.Count(kStart + microseconds(1)), 1u);
  End(meter, LatencyMeter::kMaxPending);
  EXPECT_EQ(meter.Count(kStart + microseconds(1 + LatencyMeter::kMaxPending)), 1u) << "1 us each on average";
}

TEST(LatencyMeterTest, MessagesThatBecomeShortShareReadingsAgain) {
  LatencyMeter meter;
  meter.Count(kStart);
  End(meter, 1);
  ASSERT_EQ(meter.Count(kStart + microseconds(500)), 1u);
  End(meter, 1);
  EXPECT_EQ(meter.Count(kStart + microseconds(500) + nanoseconds(100)), LatencyMeter::kMaxPending);
}

}  // namespace
}  // namespace penstock::actorpool
