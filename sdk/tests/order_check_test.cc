// SPDX-License-Identifier: Apache-2.0
#include "order_check.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

std::string Report(OrderCheck& check) {
  testing::internal::CaptureStdout();
  check.PrintJson();
  return testing::internal::GetCapturedStdout();
}

TEST(OrderCheckTest, AcceptsAggregatesThatAreInterleaved) {
  OrderCheck check;
  EXPECT_EQ(check.Handle("a", 1), 1U);
  EXPECT_EQ(check.Handle("b", 1), 2U);
  EXPECT_EQ(check.Handle("a", 2), 3U);
  EXPECT_EQ(Report(check), "{\"handled\":3,\"order_violations\":0,\"duplicates\":0,\"aggregates\":2}\n");
}

TEST(OrderCheckTest, TellsGapsFromRepetitions) {
  OrderCheck check;
  check.Handle("a", 1);
  check.Handle("a", 3);
  check.Handle("a", 2);
  check.Handle("a", 3);
  check.Handle("b", 2);
  EXPECT_EQ(Report(check), "{\"handled\":5,\"order_violations\":2,\"duplicates\":2,\"aggregates\":2}\n");
}

TEST(OrderCheckTest, ReadsNothingButNumbers) {
  EXPECT_EQ(ReadSequence("42"), 42U);
  for (const char* payload : {"", "x", "4x", " 4", "-1", "4.0", "99999999999999999999"}) {
    EXPECT_EQ(ReadSequence(payload), std::nullopt) << payload;
  }
}

TEST(OrderCheckTest, TellsWhetherTheOrderHeld) {
  OrderCheck check;
  check.Handle("a", 1);
  EXPECT_TRUE(check.Verdict().ok());
  check.Handle("a", 3);
  EXPECT_FALSE(check.Verdict().ok());
}

}  // namespace
}  // namespace penstock
