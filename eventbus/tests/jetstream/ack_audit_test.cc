// SPDX-License-Identifier: Apache-2.0
#include "jetstream/recovery/ack_audit.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "jetstream/recovery/awaited_redeliveries.h"

namespace penstock::eventbus::jetstream {
namespace {

TEST(AckAuditTest, SuspectsAServerThatCountsMoreTwice) {
  constexpr AckAudit::Time kLast{std::chrono::hours(1)};
  AckAudit audit;
  const auto after = [&](int ms) { return kLast + std::chrono::milliseconds(ms); };
  EXPECT_FALSE(audit.Due(after(999), kLast, std::nullopt));
  EXPECT_TRUE(audit.Due(after(1000), kLast, std::nullopt));
  EXPECT_FALSE(audit.Saw(5, 4, after(1000), kLast));
  EXPECT_TRUE(audit.Due(after(1100), kLast, std::nullopt));
  EXPECT_TRUE(audit.Saw(5, 4, after(1100), kLast));
  audit.Restart();
  EXPECT_FALSE(audit.Saw(5, 5, after(1200), kLast));
  EXPECT_FALSE(audit.Due(after(3'600'000), kLast, std::nullopt)) << "nothing has come since all was in order";
}

TEST(AwaitedRedeliveriesTest, AreThoseThatNeitherCameNorWereSettled) {
  AwaitedRedeliveries awaited;
  EXPECT_EQ(awaited.First(), std::nullopt);
  for (const std::uint64_t sequence : {7u, 5u, 9u}) awaited.Asked(sequence);
  EXPECT_EQ(awaited.First(), 5u);
  const std::vector<std::uint64_t> over = {5, 6, 9};
  awaited.Over(over);
  EXPECT_EQ(awaited.First(), 7u);
  for (const std::uint64_t sequence : {3u, 4u, 8u}) awaited.Asked(sequence);
  awaited.OverUpTo(7);
  EXPECT_EQ(awaited.First(), 8u);
  awaited.Clear();
  EXPECT_EQ(awaited.First(), std::nullopt);
}

TEST(AckAuditTest, LooksLessAndLessOftenWhileTheFirstAwaitedMessageStaysTheSame) {
  constexpr AckAudit::Time kStart{std::chrono::hours(1)};
  AckAudit audit;
  const auto after = [&](int ms) { return kStart + std::chrono::milliseconds(ms); };
  const auto due = [&](int ms, std::uint64_t first) { return audit.Due(after(ms), after(ms), first); };
  EXPECT_FALSE(due(0, 7));
  EXPECT_FALSE(due(1999, 7));
  EXPECT_TRUE(due(2000, 7));
  EXPECT_FALSE(audit.Saw(9, 1, after(2000), after(2000))) << "messages come: their answers are under way";
  EXPECT_FALSE(due(5999, 7));
  EXPECT_TRUE(due(6000, 7));
  EXPECT_FALSE(due(6001, 8)) << "another one";
  EXPECT_TRUE(due(8001, 8));
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
