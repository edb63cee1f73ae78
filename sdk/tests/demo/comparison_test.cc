// SPDX-License-Identifier: Apache-2.0
#include "comparison.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace penstock::demo {
namespace {

History Build(std::initializer_list<const char*> lines) {
  HistoryBuilder builder;
  for (const std::string line : lines) builder.Add("2025-06-24 14:36:25 " + line);
  return builder.Take();
}

std::vector<PackageState> Expected(const History& history) {
  std::vector<PackageState> states;
  for (const PackageHistory& package : history.packages) states.push_back(package.expected);
  return states;
}

Comparison CompareExpected(const History& history, const Database& database) {
  return Compare(history, Expected(history), database);
}

TEST(ComparisonTest, CountsWhatAgreesByHowItEnded) {
  const History history =
      Build({"install a:all <none> 1", "status installed a:all 1", "install b:all <none> 1",
             "status config-files b:all 1", "install c:all <none> 1", "status not-installed c:all <none>",
             "install d:all <none> 1", "status unpacked d:all 1"});
  const Database database{.packages = {{"a:all", {PackageStatus::kInstalled, "1"}},
                                       {"b:all", {PackageStatus::kConfigFiles, "1"}},
                                       {"d:all", {PackageStatus::kUnpacked, "1"}}}};
  const Comparison comparison = CompareExpected(history, database);
  EXPECT_EQ(comparison.installed, 1U);
  EXPECT_EQ(comparison.config_files, 1U);
  EXPECT_EQ(comparison.not_installed, 1U);
  EXPECT_EQ(comparison.in_between, 1U);
  EXPECT_EQ(comparison.begin_midway, 0U);
  EXPECT_TRUE(comparison.mismatches.empty());
}

TEST(ComparisonTest, FindsAnotherVersionAndAnotherStatus) {
  const History history = Build(
      {"install a:all <none> 1", "status installed a:all 1", "install b:all <none> 1", "status installed b:all 1"});
  const Database database{
      .packages = {{"a:all", {PackageStatus::kInstalled, "2"}}, {"b:all", {PackageStatus::kUnpacked, "1"}}}};
  const Comparison comparison = CompareExpected(history, database);
  ASSERT_EQ(comparison.mismatches.size(), 2U);
  EXPECT_EQ(comparison.mismatches[0].package, "a:all");
  EXPECT_EQ(comparison.mismatches[0].folded, "installed 1");
  EXPECT_EQ(comparison.mismatches[0].expected, "installed 2");
  EXPECT_EQ(comparison.mismatches[1].expected, "unpacked 1");
}

TEST(ComparisonTest, FindsPackagesThatTheDatabaseLacksOrShouldLack) {
  const History history = Build({"install a:all <none> 1", "status installed a:all 1", "purge b:all 1 <none>",
                                 "status not-installed b:all <none>"});
  const Database database{.packages = {{"b:all", {PackageStatus::kInstalled, "1"}}}};
  const Comparison comparison = CompareExpected(history, database);
  ASSERT_EQ(comparison.mismatches.size(), 2U);
  EXPECT_EQ(comparison.mismatches[0].expected, "not-installed");
  EXPECT_EQ(comparison.mismatches[1].folded, "not-installed");
}

TEST(ComparisonTest, FindsAStateThatAgreesByChanceOnly) {
  const History history = Build({"install a:all <none> 1", "status unpacked a:all 1", "status installed a:all 1"});
  std::vector<PackageState> folded = Expected(history);
  folded[0].digest ^= 1;
  const Database database{.packages = {{"a:all", {PackageStatus::kInstalled, "1"}}}};
  EXPECT_EQ(Compare(history, folded, database).mismatches.size(), 1U);
}

TEST(ComparisonTest, CountsHistoriesThatBeginMidwayOnlyWhereTheyAgree) {
  const History history =
      Build({"upgrade a:all 1 2", "status installed a:all 2", "upgrade b:all 1 2", "status installed b:all 2"});
  const Database database{
      .packages = {{"a:all", {PackageStatus::kInstalled, "2"}}, {"b:all", {PackageStatus::kInstalled, "3"}}}};
  const Comparison comparison = CompareExpected(history, database);
  EXPECT_EQ(comparison.begin_midway, 1U);
  EXPECT_EQ(comparison.mismatches.size(), 1U);
}

TEST(ComparisonTest, CountsPackagesOfTheDatabaseWithoutHistory) {
  const Database database{.packages = {{"a:all", {PackageStatus::kInstalled, "1"}},
                                       {"b:all", {PackageStatus::kNotInstalled, ""}},
                                       {"c:all", {PackageStatus::kConfigFiles, "1"}}}};
  EXPECT_EQ(CompareExpected(Build({}), database).without_history, 2U);
}

// As debootstrap leaves it: dpkg's own first entry has no architecture.
TEST(ComparisonTest, ExplainsAPackageThatMovedToAnotherArchitecture) {
  const History history = Build({"upgrade dpkg 1 1", "status half-configured dpkg 1", "status half-installed dpkg 1",
                                 "status unpacked dpkg:amd64 1", "status installed dpkg:amd64 1"});
  const Database database{.packages = {{"dpkg:amd64", {PackageStatus::kInstalled, "1"}}}};
  const Comparison comparison = CompareExpected(history, database);
  EXPECT_EQ(comparison.moved, 1U);
  EXPECT_EQ(comparison.installed, 1U);
  EXPECT_EQ(comparison.begin_midway, 0U);
  EXPECT_TRUE(comparison.mismatches.empty());
}

TEST(ComparisonTest, DoesNotExplainALostPackageByAnArchitectureThatWasThereBefore) {
  const History history = Build({"status unpacked jq:i386 1", "status installed jq:i386 1", "install jq:amd64 <none> 1",
                                 "status installed jq:amd64 1"});
  const Database database{.packages = {{"jq:i386", {PackageStatus::kInstalled, "1"}}}};
  const Comparison comparison = CompareExpected(history, database);
  EXPECT_EQ(comparison.moved, 0U);
  ASSERT_EQ(comparison.mismatches.size(), 1U);
  EXPECT_EQ(comparison.mismatches[0].package, "jq:amd64");
}

}  // namespace
}  // namespace penstock::demo
