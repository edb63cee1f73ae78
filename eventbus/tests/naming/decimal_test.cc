// SPDX-License-Identifier: Apache-2.0
#include "naming/decimal.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace penstock::eventbus {
namespace {

TEST(DecimalTest, ReadsWholeTextsThatFit) {
  EXPECT_EQ(ParseDecimal<std::uint64_t>("0"), 0U);
  EXPECT_EQ(ParseDecimal<std::uint64_t>("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(ParseDecimal<std::int64_t>("-7"), -7);
}

TEST(DecimalTest, RefusesEverythingElse) {
  for (const char* text : {"", " 1", "1 ", "+1", "-1", "1x", "0x1", "1.0", "18446744073709551616"}) {
    EXPECT_FALSE(ParseDecimal<std::uint64_t>(text)) << '"' << text << '"';
  }
}

}  // namespace
}  // namespace penstock::eventbus
