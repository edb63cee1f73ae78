// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/header_block.h"

#include <gmock/gmock.h>

#include <string>

namespace penstock::eventbus::jetstream {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(HeaderBlockTest, ReadsFieldsInTheirOrder) {
  const HeaderBlock block = ParseHeaderBlock("NATS/1.0\r\nB: 2\r\nA:1\r\nB: 3\r\n\r\n");
  EXPECT_EQ(block.status, "");
  EXPECT_THAT(block.fields, ElementsAre(Pair("B", "2"), Pair("A", "1"), Pair("B", "3")));
}

TEST(HeaderBlockTest, AnEmptyValueTakesNothingFromTheNextField) {
  const HeaderBlock block = ParseHeaderBlock("NATS/1.0\r\nEmpty: \r\nBare:\r\nKey: value\r\n\r\n");
  EXPECT_THAT(block.fields, ElementsAre(Pair("Empty", ""), Pair("Bare", ""), Pair("Key", "value")));
}

TEST(HeaderBlockTest, AColonMayStandInAValue) {
  EXPECT_THAT(ParseHeaderBlock("NATS/1.0\r\nTime: 12:30:00 \r\n\r\n").fields, ElementsAre(Pair("Time", "12:30:00")));
}

TEST(HeaderBlockTest, ReadsTheStatusOfTheFirstLine) {
  EXPECT_EQ(ParseHeaderBlock("NATS/1.0 503\r\n\r\n").status, "503");
  EXPECT_EQ(ParseHeaderBlock("NATS/1.0 409 Consumer Deleted\r\n\r\n").status, "409 Consumer Deleted");
  EXPECT_EQ(ParseHeaderBlock("NATS/1.0\r\nStatus: 409\r\n\r\n").status, "");
}

TEST(HeaderBlockTest, ToleratesWhatIsNoHeaderBlock) {
  for (const std::string& text : {std::string(), std::string("\0\0", 2), std::string("HTTP/1.1 200\r\n\r\n"),
                                  std::string("NATS/1."), std::string("nats/1.0\r\nA: b\r\n\r\n")}) {
    EXPECT_THAT(ParseHeaderBlock(text).fields, IsEmpty());
    EXPECT_EQ(ParseHeaderBlock(text).status, "");
  }
}

TEST(HeaderBlockTest, SkipsLinesThatAreNoField) {
  const HeaderBlock block = ParseHeaderBlock("NATS/1.0\r\nno colon\r\n: no name\r\n\r\n\r\nKey: value");
  EXPECT_THAT(block.fields, ElementsAre(Pair("Key", "value")));
  EXPECT_THAT(ParseHeaderBlock("NATS/1.0\r\nCut:").fields, ElementsAre(Pair("Cut", "")));
  EXPECT_THAT(ParseHeaderBlock("NATS/1.0").fields, IsEmpty());
}

TEST(HeaderBlockTest, FindsAHeaderWithoutListingAll) {
  constexpr std::string_view kBlock =
      "NATS/1.0\r\nKeys: no\r\nkEY: first \r\nKey:second\r\nEmpty:\r\nbare\r\na:b:c\r\nCut:";
  EXPECT_EQ(FindHeader(kBlock, "Key"), "first");
  EXPECT_EQ(FindHeader(kBlock, "KEYS"), "no");
  EXPECT_EQ(FindHeader(kBlock, "Empty"), "");
  EXPECT_EQ(FindHeader(kBlock, "Cut"), "");
  for (const std::string_view missing : {"Ke", "bare", "", "NATS/1.0", "Key: first", "a:b"})
    EXPECT_EQ(FindHeader(kBlock, missing), std::nullopt) << missing;
  for (const std::string_view text : {"", "NATS/1.0", "NATS/2.0\r\nKey: value", "Key: value"})
    EXPECT_EQ(FindHeader(text, "Key"), std::nullopt) << text;
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
