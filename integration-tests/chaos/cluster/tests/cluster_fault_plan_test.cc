// SPDX-License-Identifier: Apache-2.0
#include "chaos/cluster/cluster_fault_plan.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

namespace penstock::chaos {
namespace {

using Kind = ClusterFaultKind;

bool OfALeader(const ClusterFault& fault) {
  return fault.kind == Kind::kLeaderKilled || fault.kind == Kind::kLeaderPaused ||
         fault.kind == Kind::kLeaderSteppedDown;
}

std::vector<std::string> Described(std::uint64_t seed, std::size_t count) {
  std::vector<std::string> texts;
  for (const ClusterFault& fault : DrawClusterFaults(seed, count, AllClusterFaultKinds())) {
    texts.push_back(Describe(fault));
  }
  return texts;
}

TEST(ClusterFaultPlanTest, HasANameOfItsOwnForEachKind) {
  std::set<std::string_view> names;
  std::size_t place = 0;
  for (const Kind kind : AllClusterFaultKinds()) {
    names.insert(FaultName(kind));
    EXPECT_EQ(static_cast<std::size_t>(kind), place++);
  }
  EXPECT_EQ(names.size(), 11u);
}

TEST(ClusterFaultPlanTest, AFifthAreRouteCutsAndAFifthOfLeaders) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (const std::size_t count : {20u, 21u, 24u, 50u}) {
      const auto faults = DrawClusterFaults(seed, count, AllClusterFaultKinds());
      const auto cuts = std::count_if(faults.begin(), faults.end(),
                                      [](const ClusterFault& fault) { return fault.kind == Kind::kRouteCut; });
      EXPECT_EQ(faults.size(), count);
      EXPECT_GE(cuts * 5, static_cast<std::ptrdiff_t>(count));
      EXPECT_GE(std::count_if(faults.begin(), faults.end(), OfALeader) * 5, static_cast<std::ptrdiff_t>(count));
    }
  }
}

TEST(ClusterFaultPlanTest, DrawsEveryKindInTwentyFaults) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::set<Kind> kinds;
    for (const ClusterFault& fault : DrawClusterFaults(seed, 20, AllClusterFaultKinds())) kinds.insert(fault.kind);
    EXPECT_EQ(kinds.size(), AllClusterFaultKinds().size()) << seed;
  }
}

TEST(ClusterFaultPlanTest, CutsRoutesAtEachPartInTurnByResetAndBlackHole) {
  std::map<Part, int> parts;
  std::set<std::string> classes;
  for (const ClusterFault& fault : DrawClusterFaults(1, 20, std::array{Kind::kRouteCut})) {
    ++parts[fault.part];
    classes.insert(ClassOf(fault));
    EXPECT_GE(fault.duration.count(), 4000);
  }
  EXPECT_EQ(parts.size(), 5u);
  for (const auto& [part, count] : parts) EXPECT_EQ(count, 4) << PartName(part);
  EXPECT_THAT(classes, ::testing::ElementsAre("route_cut_black_hole", "route_cut_reset"));
}

TEST(ClusterFaultPlanTest, StrikesLeadersOnlyWhereALeaderIsMeant) {
  for (const ClusterFault& fault : DrawClusterFaults(3, 50, AllClusterFaultKinds())) {
    EXPECT_FALSE(OfALeader(fault) && fault.part == Part::kOwner) << Describe(fault);
    EXPECT_FALSE(fault.kind == Kind::kDiskFull && fault.part != Part::kStreamLeader) << Describe(fault);
  }
}

TEST(ClusterFaultPlanTest, OverlapsOnlyATakeOverWithAFaultOfAServer) {
  int pairs = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto faults = DrawClusterFaults(seed, 50, AllClusterFaultKinds());
    for (std::size_t i = 0; i < faults.size(); ++i) {
      if (!faults[i].with_next) continue;
      ++pairs;
      ASSERT_LT(i + 1, faults.size());
      EXPECT_EQ(faults[i].duration.count(), 0) << Describe(faults[i]);
      EXPECT_TRUE(OfALeader(faults[i + 1]) || faults[i + 1].kind == Kind::kRouteCut) << Describe(faults[i + 1]);
      EXPECT_FALSE(faults[i + 1].with_next);
    }
  }
  EXPECT_GT(pairs, 10);
}

TEST(ClusterFaultPlanTest, IsTheSameForTheSameSeedAndAnotherForAnother) {
  EXPECT_EQ(Described(1, 20), Described(1, 20));
  EXPECT_NE(Described(1, 20), Described(2, 20));
}

TEST(ClusterFaultPlanTest, DrawsOfTheKindsGivenOnly) {
  for (const ClusterFault& fault : DrawClusterFaults(1, 20, std::array{Kind::kOwnerKilled, Kind::kLeaderPaused})) {
    EXPECT_TRUE(fault.kind == Kind::kOwnerKilled || fault.kind == Kind::kLeaderPaused);
  }
  EXPECT_TRUE(DrawClusterFaults(1, 20, {}).empty());
}

}  // namespace
}  // namespace penstock::chaos
