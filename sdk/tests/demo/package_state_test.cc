// SPDX-License-Identifier: Apache-2.0
#include "package_state.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace penstock::demo {
namespace {

PackageState Fold(std::initializer_list<const char*> lines) {
  PackageState state;
  for (const std::string rest : lines) {
    const std::string line = "2025-06-24 14:36:25 " + rest;
    const LogLine parsed = ParseLogLine(line);
    EXPECT_EQ(parsed.kind, LineKind::kPackage) << line;
    state.Apply(parsed.event, line);
  }
  return state;
}

TEST(PackageStateTest, BeginsAsNotInstalled) {
  EXPECT_EQ(PackageState{}.status, PackageStatus::kNotInstalled);
  EXPECT_EQ(PackageState{}.version, "");
}

TEST(PackageStateTest, FollowsAnInstallation) {
  const PackageState state =
      Fold({"install jq:amd64 <none> 1.6", "status half-installed jq:amd64 1.6", "status unpacked jq:amd64 1.6",
            "configure jq:amd64 1.6 <none>", "status half-configured jq:amd64 1.6", "status installed jq:amd64 1.6"});
  EXPECT_EQ(state.status, PackageStatus::kInstalled);
  EXPECT_EQ(state.version, "1.6");
  EXPECT_EQ(state.events, 6U);
}

TEST(PackageStateTest, FollowsAnUpgradeThatStoppedHalfWay) {
  const PackageState state = Fold({"upgrade jq:amd64 1.6 1.7", "status half-configured jq:amd64 1.6",
                                   "status half-installed jq:amd64 1.6", "status unpacked jq:amd64 1.7"});
  EXPECT_EQ(state.status, PackageStatus::kUnpacked);
  EXPECT_EQ(state.version, "1.7");
}

TEST(PackageStateTest, KeepsTheVersionOfARemovedPackageAndForgetsThatOfAPurgedOne) {
  const PackageState removed = Fold({"remove jq:amd64 1.6 <none>", "status config-files jq:amd64 1.6"});
  EXPECT_EQ(removed.status, PackageStatus::kConfigFiles);
  EXPECT_EQ(removed.version, "1.6");
  const PackageState purged = Fold({"purge jq:amd64 1.6 <none>", "status not-installed jq:amd64 <none>"});
  EXPECT_EQ(purged.status, PackageStatus::kNotInstalled);
  EXPECT_EQ(purged.version, "");
}

TEST(PackageStateTest, DiffersWhenTheSameEventsComeInAnotherOrder) {
  const PackageState one =
      Fold({"trigproc jq:amd64 1.6 <none>", "configure jq:amd64 1.6 <none>", "status installed jq:amd64 1.6"});
  const PackageState other =
      Fold({"configure jq:amd64 1.6 <none>", "trigproc jq:amd64 1.6 <none>", "status installed jq:amd64 1.6"});
  EXPECT_EQ(one.status, other.status);
  EXPECT_NE(one, other);
}

TEST(PackageStateTest, DiffersWhenAnEventIsMissingOrDoubled) {
  const PackageState once = Fold({"status unpacked jq:amd64 1.6", "status installed jq:amd64 1.6"});
  EXPECT_NE(once, Fold({"status installed jq:amd64 1.6"}));
  EXPECT_NE(once,
            Fold({"status unpacked jq:amd64 1.6", "status installed jq:amd64 1.6", "status installed jq:amd64 1.6"}));
}

TEST(PackageStateTest, OnlyAnInstallationFromNothingBeginsAHistory) {
  const auto first = [](const std::string& rest) { return ParseLogLine("2025-06-24 14:36:25 " + rest).event; };
  EXPECT_TRUE(BeginsAHistory(first("install jq:amd64 <none> 1.6")));
  EXPECT_FALSE(BeginsAHistory(first("install jq:amd64 1.5 1.6")));
  EXPECT_FALSE(BeginsAHistory(first("upgrade jq:amd64 1.5 1.6")));
  EXPECT_FALSE(BeginsAHistory(first("status installed jq:amd64 1.6")));
}

}  // namespace
}  // namespace penstock::demo
