// SPDX-License-Identifier: Apache-2.0
#include "naming/characters.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace penstock::eventbus {
namespace {

// An encoder that knows no rule, so that it can also write what is forbidden.
std::string Encoded(char32_t value, int size) {
  if (size == 1) return {static_cast<char>(value)};
  std::string out(static_cast<std::size_t>(size), '\0');
  for (int i = size - 1; i > 0; --i, value >>= 6)
    out[static_cast<std::size_t>(i)] = static_cast<char>(0x80 | (value & 0x3F));
  out[0] = static_cast<char>((0xF00 >> size) | value);
  return out;
}

int ShortestSize(char32_t value) { return value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x10000 ? 3 : 4; }

TEST(CharactersTest, ReadsEveryScalarAndRefusesSurrogatesAndOverlongForms) {
  for (char32_t value = 0; value <= 0x1FFFFF; ++value) {
    const bool scalar = value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
    const int shortest = ShortestSize(value);
    const std::string text = Encoded(value, shortest);
    const CodePoint read = FirstCodePoint(text);
    ASSERT_EQ(read.value.has_value(), scalar) << std::hex << static_cast<unsigned>(value);
    ASSERT_EQ(read.value.value_or(value), value);
    ASSERT_EQ(read.size, scalar ? text.size() : 1);
    for (int size = shortest + 1; size <= 4; ++size) {
      ASSERT_FALSE(IsUtf8(Encoded(value, size))) << std::hex << static_cast<unsigned>(value) << " in " << size;
    }
  }
}

TEST(CharactersTest, RefusesSequencesCutShortAndLoneContinuations) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("g++:amd64/Größe-日本-🚰"));
  for (const std::string_view broken : {"\x80", "\xBF", "\xC3", "\xC3(", "\xE2\x82", "\xE2(\xAC", "\xF0\x9F\x9A",
                                        "\xFF", "\xFE", "\xF8\x88\x80\x80\x80", "a\xC0\x80", "\xED\xA0\x80"}) {
    EXPECT_FALSE(IsUtf8(broken)) << testing::PrintToString(broken);
    EXPECT_NE(FindInvisible(broken), std::string_view::npos) << testing::PrintToString(broken);
  }
}

TEST(CharactersTest, SeesSpacesAndControlCharactersOfUnicode) {
  for (char32_t c = 0; c <= 0x20; ++c) EXPECT_FALSE(IsVisible(c));
  for (char32_t c = 0x21; c <= 0x7E; ++c) EXPECT_TRUE(IsVisible(c));
  for (char32_t c = 0x7F; c <= 0xA0; ++c) EXPECT_FALSE(IsVisible(c));
  for (char32_t c = 0x2000; c <= 0x200A; ++c) EXPECT_FALSE(IsVisible(c));
  for (char32_t c : {0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}) EXPECT_FALSE(IsVisible(c));
  for (char32_t c : {0xA1, 0xFC, 0x167F, 0x1681, 0x1FFF, 0x2060, 0x3001, 0x1F6B0}) EXPECT_TRUE(IsVisible(c));
}

TEST(CharactersTest, TellsWhereTheFirstThatIsNoVisibleAsciiIs) {
  EXPECT_EQ(FindNotVisibleAscii(""), std::string_view::npos);
  // Every byte at every place of texts that are longer and shorter than a machine word, alone and after another such.
  for (std::size_t size = 1; size <= 20; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, '~');
        text[at] = static_cast<char>(byte);
        const bool visible = byte > ' ' && byte < 0x7F;
        ASSERT_EQ(FindNotVisibleAscii(text), visible ? std::string_view::npos : at) << byte << " in " << size;
        text.back() = '\x80';
        ASSERT_EQ(FindNotVisibleAscii(text), visible || at + 1 == size ? size - 1 : at) << byte << " in " << size;
      }
    }
  }
}

TEST(CharactersTest, TellsWhereTheFirstInvisibleOneIs) {
  EXPECT_EQ(FindInvisible("order-42"), std::string_view::npos);
  EXPECT_EQ(FindInvisible(""), std::string_view::npos);
  EXPECT_EQ(FindInvisible("ab c"), 2U);
  EXPECT_EQ(FindInvisible("ü\u00A0"), 2U);
  EXPECT_EQ(FindInvisible(std::string_view("a\0", 2)), 1U);
  EXPECT_EQ(FindInvisible("日\xE6\x97"), 3U);
}

}  // namespace
}  // namespace penstock::eventbus
