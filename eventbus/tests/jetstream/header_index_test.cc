// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/header_index.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {
namespace {

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
