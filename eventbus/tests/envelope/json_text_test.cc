// SPDX-License-Identifier: Apache-2.0
#include "envelope/json_text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace penstock::eventbus {
namespace {

struct Case {
  std::string_view quoted{};
  std::string_view text{};
};

void ExpectDecoded(std::initializer_list<Case> cases, bool has_lone_surrogate) {
  for (const Case& one : cases) {
    const JsonText decoded = DecodeJsonText(one.quoted);
    EXPECT_EQ(decoded.text, one.text) << one.quoted;
    EXPECT_EQ(decoded.has_lone_surrogate, has_lone_surrogate) << one.quoted;
  }
}

TEST(JsonTextTest, DecodesEveryEscape) {
  ExpectDecoded({{R"("")", ""},
                 {R"("plain é")", "plain é"},
                 {R"("\"\\\/\b\f\n\r\t")", "\"\\/\b\f\n\r\t"},
                 {R"("a\u0041\u00e9\u20AC\ufffdz")", "aA\xC3\xA9\xE2\x82\xAC\xEF\xBF\xBDz"},
                 {R"("\u0000")", std::string_view("\0", 1)},
                 {R"("\u007f\u0080\u07ff\u0800\uffff")", "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF"},
                 {R"("\\ud83d")", R"(\ud83d)"}},
                false);
}

TEST(JsonTextTest, JoinsTheHalvesOfASurrogatePair) {
  ExpectDecoded({{R"("\ud83d\ude00")", "\xF0\x9F\x98\x80"},
                 {R"("\uD800\uDC00\uDBFF\uDFFF")", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"}},
                false);
}

TEST(JsonTextTest, PutsTheReplacementCharacterForHalfAPair) {
  ExpectDecoded({{R"("\ud83d")", "\xEF\xBF\xBD"},
                 {R"("\ude00")", "\xEF\xBF\xBD"},
                 {R"("\ud83dx")", "\xEF\xBF\xBDx"},
                 {R"("\ud83d\n")", "\xEF\xBF\xBD\n"},
                 {R"("\ud83d\u0041")",
                  "\xEF\xBF\xBD"
                  "A"},
                 {R"("\ude00\ud83d")", "\xEF\xBF\xBD\xEF\xBF\xBD"},
                 {R"("\ud83d\ud83d\ude00")", "\xEF\xBF\xBD\xF0\x9F\x98\x80"}},
                true);
}

}  // namespace
}  // namespace penstock::eventbus
