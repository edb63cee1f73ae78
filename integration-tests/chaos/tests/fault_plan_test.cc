// SPDX-License-Identifier: Apache-2.0
#include "chaos/fault_plan.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace penstock::chaos {
namespace {

bool PublisherAlone(FaultKind kind) { return FaultName(kind).substr(0, 9) == "publisher"; }

TEST(FaultPlanTest, HasANameOfItsOwnForEachKind) {
  std::set<std::string_view> names;
  std::size_t place = 0;
  for (const FaultKind kind : AllFaultKinds()) {
    names.insert(FaultName(kind));
    EXPECT_EQ(static_cast<std::size_t>(kind), place++);
  }
  EXPECT_EQ(names.size(), 15u);
}

TEST(FaultPlanTest, DrawsEachKindOnceBeforeAnyAgain) {
  std::map<FaultKind, int> counts;
  for (const Fault& fault : DrawFaults(1, 30, AllFaultKinds())) ++counts[fault.kind];
  EXPECT_EQ(counts.size(), 15u);
  for (const auto& [kind, count] : counts) EXPECT_EQ(count, 2) << FaultName(kind);
}

TEST(FaultPlanTest, SpreadsThemOverTheRunAndLeavesTheEndAlone) {
  const std::vector<Fault> faults = DrawFaults(2, 50, AllFaultKinds());
  EXPECT_DOUBLE_EQ(faults.front().at, 0.03);
  for (std::size_t i = 1; i < faults.size(); ++i) EXPECT_NEAR(faults[i].at - faults[i - 1].at, 0.9 / 50, 1e-9);
  EXPECT_LT(faults.back().at, 0.93);
}

TEST(FaultPlanTest, IsTheSameForTheSameSeedAndAnotherForAnother) {
  auto kinds_of = [](std::uint64_t seed) {
    std::vector<FaultKind> kinds;
    for (const Fault& fault : DrawFaults(seed, 15, AllFaultKinds())) kinds.push_back(fault.kind);
    return kinds;
  };
  EXPECT_EQ(kinds_of(1), kinds_of(1));
  EXPECT_NE(kinds_of(1), kinds_of(2));
}

TEST(FaultPlanTest, OverlapsOnlyAFaultOfThePublisherWithAnother) {
  int pairs = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const std::vector<Fault> faults = DrawFaults(seed, 20, AllFaultKinds());
    for (std::size_t i = 0; i < faults.size(); ++i) {
      if (!faults[i].with_next) continue;
      ++pairs;
      ASSERT_LT(i + 1, faults.size());
      EXPECT_FALSE(faults[i + 1].with_next) << "two at a time";
      EXPECT_NE(PublisherAlone(faults[i].kind), PublisherAlone(faults[i + 1].kind));
      EXPECT_NE(faults[i].kind, FaultKind::kBothCut);
      EXPECT_NE(faults[i + 1].kind, FaultKind::kBothCut);
    }
  }
  EXPECT_GT(pairs, 100);
}

TEST(FaultPlanTest, DoesNotReachForAConnectionOfAServerThatItJustKilled) {
  int pairs = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const std::vector<Fault> faults = DrawFaults(seed, 20, AllFaultKinds());
    for (std::size_t i = 0; i < faults.size(); ++i) {
      if (!faults[i].with_next || faults[i].kind != FaultKind::kServerKilled) continue;
      ++pairs;
      EXPECT_NE(faults[i + 1].kind, FaultKind::kPublisherCut) << "seed " << seed;
      EXPECT_NE(faults[i + 1].kind, FaultKind::kPublisherBlackHoled) << "seed " << seed;
    }
  }
  EXPECT_GT(pairs, 20);
}

TEST(FaultPlanTest, LastsAsLongAsItsKindDoes) {
  for (const Fault& fault : DrawFaults(3, 1500, AllFaultKinds())) {
    const bool lasts = fault.kind == FaultKind::kServerStopped || fault.kind == FaultKind::kConsumerStopped;
    EXPECT_TRUE(!lasts || fault.duration >= std::chrono::milliseconds(500));
    EXPECT_TRUE(fault.kind != FaultKind::kConsumerKilled || fault.duration.count() == 0);
    EXPECT_LE(fault.duration, std::chrono::seconds(5));
  }
}

TEST(FaultPlanTest, DrawsOnlyTheKindsAskedFor) {
  const FaultKind only[] = {FaultKind::kServerKilled};
  for (const Fault& fault : DrawFaults(1, 5, only)) EXPECT_EQ(fault.kind, FaultKind::kServerKilled);
  EXPECT_TRUE(DrawFaults(1, 0, only).empty());
  EXPECT_TRUE(DrawFaults(1, 5, {}).empty());
}

}  // namespace
}  // namespace penstock::chaos
