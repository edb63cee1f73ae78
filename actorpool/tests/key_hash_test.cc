// SPDX-License-Identifier: Apache-2.0
#include "key_hash.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace penstock::actorpool {
namespace {

void AppendLittleEndian(std::string& bytes, std::uint64_t word) {
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(word >> (8 * i)));
}

std::size_t HighestLoad(const std::vector<std::string>& keys, std::size_t slots) {
  std::vector<std::size_t> load(slots);
  for (const std::string& key : keys) ++load[SlotOf(KeyHash(key), slots)];
  return *std::max_element(load.begin(), load.end());
}

// SMHasher's published verification code of MurmurHash64A: the hash of the hashes of 256 growing keys.
TEST(KeyHashTest, IsMurmurHash64A) {
  std::string hashes;
  std::string key;
  for (int length = 0; length < 256; ++length) {
    AppendLittleEndian(hashes, KeyHash(key, static_cast<std::uint64_t>(256 - length)));
    key.push_back(static_cast<char>(length));
  }
  EXPECT_EQ(KeyHash(hashes, 0) & 0xffffffff, 0x1F0D3804u);
}

TEST(KeyHashTest, NeverChangesForAKey) {
  EXPECT_EQ(KeyHash(""), 0u);
  EXPECT_EQ(KeyHash("order-1"), KeyHash(std::string("xorder-1").substr(1)));
  EXPECT_NE(KeyHash("order-1"), KeyHash("order-2"));
  EXPECT_NE(KeyHash(std::string_view("a\0b", 3)), KeyHash(std::string_view("a\0c", 3)));
}

TEST(KeyHashTest, SpreadsConsecutiveKeysOverAllSlots) {
  std::vector<std::string> keys;
  for (int i = 0; i < 10'000; ++i) keys.push_back("order-" + std::to_string(i));
  // A Poisson load of mean 39 exceeds 80 in about one slot of 10^8.
  EXPECT_LT(HighestLoad(keys, 256), 80u);
  EXPECT_LT(HighestLoad(keys, 7), 1'650u);
}

TEST(KeyHashTest, SpreadsKeysThatDifferInOneByteOnly) {
  std::vector<std::string> keys;
  for (int i = 0; i < 256; ++i) {
    for (std::size_t at = 0; at < 32; ++at) {
      keys.push_back(std::string(32, 'x'));
      keys.back()[at] = static_cast<char>(i);
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  EXPECT_LT(HighestLoad(keys, 256), 75u);
}

TEST(KeyHashTest, SlotsCoverTheWholeRangeAndNoMore) {
  EXPECT_EQ(SlotOf(0, 256), 0u);
  EXPECT_EQ(SlotOf(~std::uint64_t{0}, 256), 255u);
  EXPECT_EQ(SlotOf(~std::uint64_t{0}, 1), 0u);
  EXPECT_EQ(SlotOf(~std::uint64_t{0}, 65'536), 65'535u);
}

}  // namespace
}  // namespace penstock::actorpool
