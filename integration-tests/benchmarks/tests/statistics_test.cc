// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/statistics.h"

#include <gmock/gmock.h>

namespace penstock::bench {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(StatisticsTest, TheMedianIsTheMiddleWhateverTheOrder) {
  EXPECT_DOUBLE_EQ(Median({9, 1, 5}), 5);
  EXPECT_DOUBLE_EQ(Median({100, 1, 2, 3, 4}), 3);
}

TEST(StatisticsTest, TheMedianOfAnEvenNumberIsBetweenTheTwoInTheMiddle) {
  EXPECT_DOUBLE_EQ(Median({4, 1, 3, 100}), 3.5);
  EXPECT_DOUBLE_EQ(Median({2, 1}), 1.5);
}

TEST(StatisticsTest, TheMedianOfNothingIsZero) { EXPECT_DOUBLE_EQ(Median({}), 0); }

TEST(StatisticsTest, RatiosComparePairByPair) {
  const std::vector<double> ours = {10, 30, 20};
  const std::vector<double> peer = {5, 10, 40};
  EXPECT_THAT(PairedRatios(ours, peer), ElementsAre(DoubleEq(2), DoubleEq(3), DoubleEq(0.5)));
}

TEST(StatisticsTest, RatiosLeaveOutWhatHasNoPartner) {
  const std::vector<double> ours = {10, 30, 20};
  const std::vector<double> peer = {5};
  EXPECT_THAT(PairedRatios(ours, peer), ElementsAre(DoubleEq(2)));
  EXPECT_THAT(PairedRatios(peer, ours), ElementsAre(DoubleEq(0.5)));
  EXPECT_THAT(PairedRatios(ours, {}), IsEmpty());
}

TEST(StatisticsTest, RatiosLeaveOutAPeerOfZero) {
  const std::vector<double> ours = {10, 30};
  const std::vector<double> peer = {0, 10};
  EXPECT_THAT(PairedRatios(ours, peer), ElementsAre(DoubleEq(3)));
}

TEST(StatisticsTest, TheSpreadIsRelativeToTheMedian) {
  EXPECT_DOUBLE_EQ(Spread({2, 1, 4}), 1.5);
  EXPECT_DOUBLE_EQ(Spread({3, 3, 3}), 0);
}

TEST(StatisticsTest, TheSpreadOfNothingIsZero) {
  EXPECT_DOUBLE_EQ(Spread({}), 0);
  EXPECT_DOUBLE_EQ(Spread({0, 0, 5}), 0);
}

}  // namespace
}  // namespace penstock::bench
