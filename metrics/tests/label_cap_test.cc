// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "families.h"

namespace penstock::metrics {
namespace {

TEST(LabelCapTest, AdmitsTheFirstNamesAndNoFurtherOnes) {
  LabelCap cap(2);
  EXPECT_TRUE(cap.Admit("a"));
  EXPECT_TRUE(cap.Admit("b"));
  EXPECT_FALSE(cap.Admit("c"));
}

TEST(LabelCapTest, NeverChangesItsAnswer) {
  LabelCap cap(1);
  EXPECT_TRUE(cap.Admit("a"));
  EXPECT_FALSE(cap.Admit("b"));
  EXPECT_TRUE(cap.Admit("a"));
  EXPECT_FALSE(cap.Admit("b"));
}

}  // namespace
}  // namespace penstock::metrics
