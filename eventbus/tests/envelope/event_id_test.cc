// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "penstock/eventbus/envelope.h"

namespace penstock {
namespace {

std::int64_t Milliseconds(const std::string& id) { return std::stoll(id.substr(0, 8) + id.substr(9, 4), nullptr, 16); }

std::int64_t NowMs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

TEST(NewEventIdTest, IsAUuidOfVersion7InLowerCase) {
  for (int i = 0; i < 1'000; ++i) {
    const std::string id = NewEventId();
    ASSERT_EQ(id.size(), 36U);
    for (std::size_t at = 0; at < id.size(); ++at) {
      const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
      ASSERT_EQ(id[at] == '-', dash) << id;
      ASSERT_TRUE(dash || std::string("0123456789abcdef").find(id[at]) != std::string::npos) << id;
    }
    ASSERT_EQ(id[14], '7') << id;
    ASSERT_NE(std::string("89ab").find(id[19]), std::string::npos) << id;
  }
}

TEST(NewEventIdTest, BeginsWithTheTime) {
  const std::int64_t before = NowMs();
  const std::int64_t id = Milliseconds(NewEventId());
  EXPECT_GE(id, before);
  // IDs made faster than the clock's ticks run ahead of it: by less than a second after the few that this program made.
  EXPECT_LE(id, NowMs() + 1'000);
}

TEST(NewEventIdTest, AscendsAndIsUniqueOverThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 50'000;
  std::vector<std::vector<std::string>> made(kThreads);
  {
    std::vector<std::jthread> threads;
    for (auto& ids : made) {
      threads.emplace_back([&ids] { std::generate_n(std::back_inserter(ids), kEach, NewEventId); });
    }
  }
  std::unordered_set<std::string> all;
  for (const auto& ids : made) {
    EXPECT_TRUE(std::ranges::is_sorted(ids, std::ranges::less_equal{})) << "not strictly ascending";
    all.insert(ids.begin(), ids.end());
  }
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kThreads) * kEach);
}

TEST(NewEventIdTest, DrawsItsRandomPartAnew) {
  std::unordered_set<std::string> tails;
  for (int i = 0; i < 10'000; ++i) tails.insert(NewEventId().substr(19));
  EXPECT_EQ(tails.size(), 10'000U);
}

}  // namespace
}  // namespace penstock
