// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/header_block.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(HeaderBlockTest, CopiesFieldsInTheirOrder) {
  EXPECT_THAT(CopyHeaders("NATS/1.0\r\nB: 2\r\nA:1\r\nB: 3\r\n\r\n"),
              ElementsAre(Pair("B", "2"), Pair("A", "1"), Pair("B", "3")));
}

TEST(HeaderBlockTest, AnEmptyValueTakesNothingFromTheNextField) {
  EXPECT_THAT(CopyHeaders("NATS/1.0\r\nEmpty: \r\nBare:\r\nKey: value\r\n\r\n"),
              ElementsAre(Pair("Empty", ""), Pair("Bare", ""), Pair("Key", "value")));
}

TEST(HeaderBlockTest, AColonMayStandInAValue) {
  EXPECT_THAT(CopyHeaders("NATS/1.0\r\nTime: 12:30:00 \r\n\r\n"), ElementsAre(Pair("Time", "12:30:00")));
}

TEST(HeaderBlockTest, ReadsTheStatusOfTheFirstLine) {
  EXPECT_EQ(StatusLine("NATS/1.0 503\r\n\r\n"), "503");
  EXPECT_EQ(StatusLine("NATS/1.0 409 Consumer Deleted\r\n\r\n"), "409 Consumer Deleted");
  EXPECT_EQ(StatusLine("NATS/1.0\r\nStatus: 409\r\n\r\n"), "");
}

TEST(HeaderBlockTest, ToleratesWhatIsNoHeaderBlock) {
  for (const std::string& text : {std::string(), std::string("\0\0", 2), std::string("HTTP/1.1 200\r\n\r\n"),
                                  std::string("NATS/1."), std::string("nats/1.0\r\nA: b\r\n\r\n")}) {
    EXPECT_THAT(CopyHeaders(text), IsEmpty());
    EXPECT_EQ(StatusLine(text), "");
  }
}

TEST(HeaderBlockTest, SkipsLinesThatAreNoField) {
  EXPECT_THAT(CopyHeaders("NATS/1.0\r\nno colon\r\n: no name\r\n\r\n\r\nKey: value"),
              ElementsAre(Pair("Key", "value")));
  EXPECT_THAT(CopyHeaders("NATS/1.0\r\nCut:"), ElementsAre(Pair("Cut", "")));
  EXPECT_THAT(CopyHeaders("NATS/1.0"), IsEmpty());
}

TEST(HeaderBlockTest, FindsAHeaderWithoutCopyingAll) {
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

std::optional<std::string_view> Find(std::string_view block, std::string_view name) {
  return HeaderIndex(block).Find(block, name);
}

TEST(HeaderIndexTest, FindsTheFirstValueWhateverTheCase) {
  constexpr std::string_view kBlock = "NATS/1.0\r\nContent-Type: a\r\nX:\r\ncontent-type:b\r\n\r\n";
  EXPECT_EQ(Find(kBlock, "Content-Type"), "a");
  EXPECT_EQ(Find(kBlock, "CONTENT-TYPE"), "a");
  EXPECT_EQ(Find(kBlock, "x"), "");
  EXPECT_EQ(Find(kBlock, "Content-Typo"), std::nullopt);
  EXPECT_EQ(Find(kBlock, ""), std::nullopt);
}

TEST(HeaderIndexTest, SkipsLinesThatAreNoField) {
  constexpr std::string_view kBlock = "NATS/1.0\r\nbare\r\n: no name\r\na:b:c\r\n\r\nCut:";
  EXPECT_EQ(Find(kBlock, "a"), "b:c");
  EXPECT_EQ(Find(kBlock, "Cut"), "");
  for (const std::string_view missing : {"bare", "", "a:b", "\r"}) EXPECT_EQ(Find(kBlock, missing), std::nullopt);
}

TEST(HeaderIndexTest, OfNoHeadersThereIsNothing) {
  EXPECT_EQ(Find("", "a"), std::nullopt);
  EXPECT_EQ(Find("a:b\r\n", "a"), std::nullopt) << "no header block";
  EXPECT_EQ(HeaderIndex().Find("", "a"), std::nullopt);
}

TEST(HeaderIndexTest, FindsTheLaterOfMany) {
  std::string block = "NATS/1.0\r\n";
  for (int i = 0; i < 40; ++i) absl::StrAppend(&block, "name-", i, ":", i, "\r\n");
  for (int i = 0; i < 40; ++i) EXPECT_EQ(Find(block, absl::StrCat("name-", i)), absl::StrCat(i));
  EXPECT_EQ(Find(block, "name-40"), std::nullopt);
}

TEST(HeaderIndexTest, FindsThemInABlockTooLargeToBeIndexed) {
  const std::string block = absl::StrCat("NATS/1.0\r\nlong:", std::string(70'000, 'x'), "\r\nshort:y\r\n\r\n");
  EXPECT_EQ(Find(block, "short"), "y");
  EXPECT_EQ(Find(block, "long")->size(), 70'000u);
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
