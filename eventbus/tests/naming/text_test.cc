// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>

#include "naming/characters.h"
#include "naming/names.h"

namespace penstock::eventbus {
namespace {

std::string RandomBytes(std::mt19937_64& random) {
  std::string text(random() % 64, '\0');
  std::ranges::generate(text, [&] { return static_cast<char>(random()); });
  return text;
}

TEST(PercentTest, WritesWhatAHeaderCannotCarry) {
  EXPECT_EQ(PercentEncode("order-42"), "order-42");
  EXPECT_EQ(PercentEncode("a b%c\r\n\0"), "a%20b%25c%0D%0A");
  EXPECT_EQ(PercentEncode("Größe"), "Gr%C3%B6%C3%9Fe");
  EXPECT_EQ(PercentEncode(std::string_view("\0\x7F", 2)), "%00%7F");
}

TEST(PercentTest, KeepsABrokenEscapeAsItStands) {
  for (const std::string_view text : {"%", "%4", "%%", "%zz", "100%", "%4g", "%-1", "a%2"}) {
    EXPECT_EQ(PercentDecode(text), text);
  }
  EXPECT_EQ(PercentDecode("%41%4a%4A%"), "AJJ%");
  EXPECT_EQ(PercentDecode("%%41"), "%A");
}

TEST(PercentTest, ComesBackTheSameForAnyBytesAndIsVisibleAscii) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 10'000; ++i) {
    const std::string text = RandomBytes(random);
    const std::string encoded = PercentEncode(text);
    ASSERT_TRUE(std::ranges::all_of(encoded, IsVisibleAscii));
    ASSERT_EQ(PercentDecode(encoded), text);
  }
}

TEST(QuotedTest, EscapesWhatWouldBreakALogLine) {
  EXPECT_EQ(Quoted(""), "\"\"");
  EXPECT_EQ(Quoted("a b"), "\"a b\"");
  EXPECT_EQ(Quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(Quoted("x\r\n\tPUB"), R"("x\x0D\x0A\x09PUB")");
  EXPECT_EQ(Quoted("Größe\xFF"), "\"Größe\\xFF\"");
  EXPECT_EQ(Quoted("\u0085\u2028"), R"("\xC2\x85\xE2\x80\xA8")");
}

TEST(QuotedTest, CutsLongTextBetweenCharacters) {
  EXPECT_EQ(Quoted(std::string(128, 'x')), '"' + std::string(128, 'x') + '"');
  EXPECT_EQ(Quoted(std::string(1'000'000, 'x')), '"' + std::string(128, 'x') + "\"...");
  const std::string text = std::string(127, 'x') + "日本";
  EXPECT_EQ(Quoted(text), '"' + std::string(127, 'x') + "日\"...");
}

TEST(QuotedTest, IsOneLineOfUtf8ForAnyBytes) {
  std::mt19937_64 random(8);
  for (int i = 0; i < 10'000; ++i) {
    const std::string quoted = Quoted(RandomBytes(random));
    ASSERT_TRUE(IsUtf8(quoted));
    ASSERT_TRUE(std::ranges::none_of(quoted, [](unsigned char c) { return c < ' ' || c == 0x7F; }));
  }
}

TEST(RedactUrlTest, HidesUserPasswordAndToken) {
  EXPECT_EQ(RedactUrl("nats://127.0.0.1:4222"), "nats://127.0.0.1:4222");
  EXPECT_EQ(RedactUrl("nats://bob:s3cret@host:4222"), "nats://***@host:4222");
  EXPECT_EQ(RedactUrl("nats://t0ken@host"), "nats://***@host");
  EXPECT_EQ(RedactUrl("nats://a:1,tls://bob:s3cret@[::1]:2,nats://c"), "nats://a:1,tls://***@[::1]:2,nats://c");
  EXPECT_EQ(RedactUrl("memory://tests"), "memory://tests");
  EXPECT_EQ(RedactUrl(""), "");
}

TEST(RedactUrlTest, ShowsNoSecretOfABrokenUrlEither) {
  for (const std::string_view url :
       {"nats://bob:s3cret@ho st", "bob:s3cret@host", "nats:/bob:s3cret@host", "nats://bob:s3@cret@host:1",
        "nats://bob:s3cret", "nats://bob:s3cret,more@host", "nats://bob:,s3cret@host", "nats://bob:4222,s3cret@host:1",
        "nats://a,bob:s3cret@b", "nats://bob:s3cret@[::1", "nats://bob:s3cret@host:port", "://bob:s3cret@host",
        "n_s://bob:s3cret@host", "nats://bob:s3cret@@", "nats://a:1,nats://bob:s3cret/@b"}) {
    const std::string redacted = RedactUrl(url);
    EXPECT_EQ(redacted.find("s3"), std::string::npos) << url << " gives " << redacted;
    EXPECT_EQ(redacted.find("cret"), std::string::npos) << url << " gives " << redacted;
    EXPECT_EQ(redacted.find("bob"), std::string::npos) << url << " gives " << redacted;
  }
}

}  // namespace
}  // namespace penstock::eventbus
