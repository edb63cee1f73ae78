// SPDX-License-Identifier: Apache-2.0
#include "bus/publish/warning_rate.h"

#include <gtest/gtest.h>

namespace penstock::eventbus {
namespace {

TEST(WarningRateTest, LogsTheFirstAndThenOnePerIntervalWithWhatWasLeftOut) {
  WarningRate rate;
  const WarningRate::TimePoint begin{};
  EXPECT_EQ(rate.Note(begin), 0u);
  EXPECT_EQ(rate.Note(begin), std::nullopt);
  EXPECT_EQ(rate.Note(begin + WarningRate::kInterval - std::chrono::nanoseconds(1)), std::nullopt);
  EXPECT_EQ(rate.Note(begin + WarningRate::kInterval), 2u);
  EXPECT_EQ(rate.Note(begin + 3 * WarningRate::kInterval), 0u);
}

TEST(WarningRateTest, SaysHowManyWereLeftOut) {
  EXPECT_EQ(LeftOut(0), "");
  EXPECT_EQ(LeftOut(7), "; 7 more since the last such line");
}

}  // namespace
}  // namespace penstock::eventbus
