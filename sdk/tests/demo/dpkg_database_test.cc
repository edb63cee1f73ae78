// SPDX-License-Identifier: Apache-2.0
#include "dpkg_database.h"

#include <gtest/gtest.h>

#include <string>

namespace penstock::demo {
namespace {

Database Read(std::string_view text) {
  Database database;
  ReadDatabase(text, database);
  return database;
}

constexpr std::string_view kTwo =
    "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nSource: glibc (2.36)\n"
    "Version: 2.36-9+deb12u14\nDescription: GNU C Library\n Status: purge ok not-installed\n .\n\n"
    "Package: old\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1:2.0~rc1\n";

TEST(DpkgDatabaseTest, ReadsStatusAndVersionByNameAndArchitecture) {
  const Database database = Read(kTwo);
  ASSERT_EQ(database.packages.size(), 2U);
  EXPECT_EQ(database.packages.at("libc6:amd64"),
            (DatabaseEntry{.status = PackageStatus::kInstalled, .version = "2.36-9+deb12u14"}));
  EXPECT_EQ(database.packages.at("old:all"),
            (DatabaseEntry{.status = PackageStatus::kConfigFiles, .version = "1:2.0~rc1"}));
  EXPECT_EQ(database.broken_paragraphs, 0U);
}

TEST(DpkgDatabaseTest, TakesALaterParagraphForTheTruth) {
  Database database = Read(kTwo);
  ReadDatabase("Package: libc6\nArchitecture: amd64\nStatus: install ok unpacked\nVersion: 3\n", database);
  EXPECT_EQ(database.packages.size(), 2U);
  EXPECT_EQ(database.packages.at("libc6:amd64"), (DatabaseEntry{.status = PackageStatus::kUnpacked, .version = "3"}));
}

TEST(DpkgDatabaseTest, TakesPackagesThatLackArchitectureAndVersion) {
  const Database database = Read("Package: dpkg\nStatus: unknown ok not-installed\n");
  EXPECT_EQ(database.packages.at("dpkg"), DatabaseEntry{});
}

TEST(DpkgDatabaseTest, CountsParagraphsItCannotRead) {
  const Database database =
      Read("Package: a\n\nStatus: install ok installed\n\nPackage: b\nStatus: install ok flying\n\nno colon\n\n\n\n\n");
  EXPECT_TRUE(database.packages.empty());
  EXPECT_EQ(database.broken_paragraphs, 4U);
}

TEST(DpkgDatabaseTest, TakesNothingFromNothing) {
  EXPECT_TRUE(Read("").packages.empty());
  EXPECT_EQ(Read("\n \n\t\n\r\n").broken_paragraphs, 0U);
}

TEST(DpkgDatabaseTest, SurvivesEveryTruncation) {
  for (std::size_t i = 0; i < kTwo.size(); ++i) EXPECT_LE(Read(kTwo.substr(0, i)).packages.size(), 2U);
  EXPECT_EQ(Read(std::string(1 << 20, ':')).broken_paragraphs, 1U);
}

}  // namespace
}  // namespace penstock::demo
