// SPDX-License-Identifier: Apache-2.0
#include "envelope/json_walk.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../refusal.h"
#include "absl/strings/str_cat.h"
#include "sample_envelopes.h"

namespace penstock::eventbus {
namespace {

using Members = std::vector<std::pair<std::string, std::string>>;
using std::string_literals::operator""s;

Members MembersOf(std::string_view text) {
  Members members;
  EXPECT_THAT(ForEachMember(text,
                            [&](const std::string& key, std::string_view value) {
                              members.emplace_back(key, value);
                              return true;
                            }),
              IsAccepted());
  return members;
}

TEST(JsonWalkTest, CutsEveryKindOfValueOutAsItStands) {
  EXPECT_EQ(MembersOf(" { \"i\" : -12 ,\n\"u\":7,\"f\":1.50E+3\t,\"t\":true,\"n\" :null , \"s\": \"a\\n}\" ,\"o\": "
                      "{\"x\" : [ 1 ]} ,\"a\":[ {} , 2 ],\"e\":{} } "),
            (Members{{"i", "-12"},
                     {"u", "7"},
                     {"f", "1.50E+3"},
                     {"t", "true"},
                     {"n", "null"},
                     {"s", "\"a\\n}\""},
                     {"o", "{\"x\" : [ 1 ]}"},
                     {"a", "[ {} , 2 ]"},
                     {"e", "{}"}}));
  EXPECT_EQ(MembersOf("{}"), Members{});
  EXPECT_EQ(MembersOf(R"({"a:b":":","\u0061":1,"a":2})"), (Members{{"a:b", "\":\""}, {"a", "1"}, {"a", "2"}}));
}

TEST(JsonWalkTest, StopsWhenItIsTold) {
  int calls = 0;
  EXPECT_THAT(ForEachMember("{\"a\":1,\"b\":2,!", [&](const std::string&, std::string_view) { return ++calls < 2; }),
              IsAccepted());
  EXPECT_EQ(calls, 2);
}

TEST(JsonWalkTest, CutsANumberAtTheEndOfTheTextOutWhole) {
  for (const std::string& number : {"3"s, "-12"s, "1.50E+3"s}) {
    std::string cut;
    const auto note = [&](const std::string&, std::string_view value) {
      cut = value;
      return true;
    };
    EXPECT_THAT(ForEachMember("{\"a\":" + number, note), IsRefusedFor("is no JSON"));
    EXPECT_EQ(cut, number);
  }
}

TEST(JsonWalkTest, RefusesWhatIsNoObject) {
  const auto any = [](const std::string&, std::string_view) { return true; };
  for (const char* text : {"1", "-0", "\"x\"", "null", "true", "[]", "[{}]", "[[[["}) {
    EXPECT_THAT(ForEachMember(text, any), IsRefusedFor("is no JSON")) << text;
  }
}

TEST(JsonWalkTest, RefusesWhatIsNoJson) {
  for (const std::string& text : {""s,
                                  " "s,
                                  "{"s,
                                  "}"s,
                                  "{\"a\"}"s,
                                  "{\"a\":}"s,
                                  "{\"a\":1"s,
                                  "{\"a\":1,}"s,
                                  "{a:1}"s,
                                  "{'a':1}"s,
                                  "{\"a\":01}"s,
                                  "{\"a\":+1}"s,
                                  "{\"a\":.5}"s,
                                  "{\"a\":1.}"s,
                                  "{\"a\":NaN}"s,
                                  "{\"a\":Infinity}"s,
                                  "{\"a\":0x1}"s,
                                  "{\"a\":tru}"s,
                                  "{\"a\":\"\n\"}"s,
                                  "{\"a\":\"\xFF\"}"s,
                                  "{\"a\":\"\xED\xA0\x80\"}"s,
                                  "{\"a\":\"\xC0\xAF\"}"s,
                                  "{\"a\":\"\\ud80\"}"s,
                                  "{\"a\":\"\\ud80g\"}"s,
                                  "{\"a\":\"\\"s,
                                  "{\"a\":\"\\\"}"s,
                                  "{\"a\":\"b"s,
                                  "{\"a\":-}"s,
                                  "{\"a\":1e}"s,
                                  "{\"a\":1e+}"s,
                                  "{\"a\":-01}"s,
                                  "{,}"s,
                                  "{\"a\":1 \"b\":2}"s,
                                  "{\"a\":1]"s,
                                  "[1}"s,
                                  "[,1]"s,
                                  "nulll"s,
                                  "{\"a\":\"\\x\"}"s,
                                  "{} {}"s,
                                  "{}x"s,
                                  "{}\0"s,
                                  "\0{}"s,
                                  "{\"a\":1}\0{}"s,
                                  "{} // x"s,
                                  "/**/{}"s,
                                  "\xEF\xBB\xBF{}"s,
                                  "[1,]"s,
                                  "[1 2]"s,
                                  "]"s,
                                  "\xFF"s}) {
    EXPECT_THAT(CheckJson(text, 10), IsRefusedFor("is no JSON document")) << testing::PrintToString(text);
  }
}

TEST(JsonWalkTest, TakesAnyDocumentWhenOnlyChecking) {
  for (const char* text : {"1", "\"x\"", "null", " [] ", "{\"a\":{}}", "12345678901234567890123456789", "-1.5e-400",
                           "1e999", "-0.0E+00", "[0,-0]", R"("\ud800")", R"("\uDC00\uD800")", R"({"\ud83dx":"\\u"})"}) {
    EXPECT_THAT(CheckJson(text, 2), IsAccepted()) << text;
  }
}

TEST(JsonWalkTest, BearsABombOfBrackets) {
  EXPECT_THAT(CheckJson("[[]]", 2), IsAccepted());
  EXPECT_THAT(CheckJson("[[[]]]", 2), IsRefusedFor("is nested deeper than 2 levels"));
  for (const std::string piece : {"[", "{\"a\":", "[{\"a\":"}) {
    std::string bomb;
    for (int i = 0; i < 1'000'000; ++i) bomb += piece;
    EXPECT_THAT(CheckJson(bomb, kMaxJsonDepth), IsRefusedFor("is nested deeper than 256 levels"));
  }
  const std::string whole = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  EXPECT_THAT(CheckJson(whole, kMaxJsonDepth), IsRefusedFor("is nested deeper"));
}

TEST(JsonWalkTest, CutsRandomDocumentsOutByteForByte) {
  EnvelopeSource source(11);
  for (int i = 0; i < 5'000; ++i) {
    const std::string a = source.JsonDocument();
    const std::string b = source.JsonDocument();
    ASSERT_EQ(MembersOf(absl::StrCat("{\"a\" : ", a, " ,\"b\":", b, "}")), (Members{{"a", a}, {"b", b}}));
  }
}

}  // namespace
}  // namespace penstock::eventbus
