// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/parse_decimal.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace penstock::eventbus::jetstream {
namespace {

TEST(DigitsTest, ReadsNumbersOfEveryLengthWhateverFollows) {
  std::mt19937_64 random(7);
  for (std::size_t length = 1; length <= kMostDigits; ++length) {
    for (int round = 0; round < 2000; ++round) {
      std::string number;
      while (number.size() < length) number += static_cast<char>('0' + random() % 10);
      std::string after;
      for (std::size_t i = random() % 12; i > 0; --i) after += static_cast<char>(random());
      if (!after.empty() && after.front() >= '0' && after.front() <= '9') after.front() = '.';
      const LeadingDecimal read = ParseLeadingDecimal(number + after);
      EXPECT_EQ(read.count, length) << number << after;
      EXPECT_EQ(read.value, std::stoull(number)) << number << after;
    }
  }
}

TEST(DigitsTest, EveryOtherByteEndsANumber) {
  for (int byte = 0; byte < 256; ++byte) {
    const char end = static_cast<char>(byte);
    if (end >= '0' && end <= '9') continue;
    for (std::size_t at = 0; at <= 16; ++at) {
      std::string text(17, '9');
      text[at] = end;
      EXPECT_EQ(ParseLeadingDecimal(text).count, at) << byte;
    }
  }
}

TEST(DigitsTest, CountsMoreDigitsThanFit) {
  EXPECT_EQ(ParseLeadingDecimal("").count, 0U);
  EXPECT_EQ(ParseLeadingDecimal(std::string(100, '9')).count, 100U);
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
