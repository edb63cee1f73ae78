// SPDX-License-Identifier: Apache-2.0
#include "latency_histogram.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace penstock::demo {
namespace {

using std::chrono::nanoseconds;

TEST(LatencyHistogramTest, IsZeroWhileEmpty) { EXPECT_EQ(LatencyHistogram().Quantile(0.5).count(), 0); }

TEST(LatencyHistogramTest, IsWithinAThirtySecondOfEveryValue) {
  for (std::int64_t value = 1; value < std::numeric_limits<std::int64_t>::max() / 8; value = value * 7 / 5 + 1) {
    LatencyHistogram histogram;
    histogram.Record(nanoseconds(value));
    const std::int64_t found = histogram.Quantile(0.5).count();
    EXPECT_GE(found, value);
    EXPECT_LE(found, value + value / 32);
  }
}

TEST(LatencyHistogramTest, FindsTheRankAskedFor) {
  LatencyHistogram histogram;
  for (int i = 0; i < 98; ++i) histogram.Record(nanoseconds(10));
  histogram.Record(nanoseconds(1000));
  histogram.Record(nanoseconds(1'000'000));
  EXPECT_EQ(histogram.Quantile(0.0).count(), 10);
  EXPECT_EQ(histogram.Quantile(0.5).count(), 10);
  EXPECT_EQ(histogram.Quantile(0.98).count(), 10);
  EXPECT_NEAR(static_cast<double>(histogram.Quantile(0.99).count()), 1000, 32);
  EXPECT_NEAR(static_cast<double>(histogram.Quantile(1.0).count()), 1e6, 32e3);
}

TEST(LatencyHistogramTest, TakesTheExtremes) {
  LatencyHistogram histogram;
  histogram.Record(nanoseconds(-5));
  EXPECT_EQ(histogram.Quantile(1).count(), 0);
  histogram.Record(nanoseconds::max());
  EXPECT_EQ(histogram.Quantile(1), nanoseconds::max());
}

}  // namespace
}  // namespace penstock::demo
