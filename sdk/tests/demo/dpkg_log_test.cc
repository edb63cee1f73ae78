// SPDX-License-Identifier: Apache-2.0
#include "dpkg_log.h"

#include <gtest/gtest.h>

#include <string>

namespace penstock::demo {
namespace {

using std::chrono::hours, std::chrono::minutes, std::chrono::seconds;

LogLine Parse(const std::string& rest) { return ParseLogLine("2025-06-24 14:36:25 " + rest); }

TEST(DpkgLogTest, ReadsAnActionWithTheVersionsBeforeAndAfter) {
  const LogLine line = Parse("upgrade libsystemd0:amd64 252.36-1~deb12u1 252.38-1~deb12u1");
  ASSERT_EQ(line.kind, LineKind::kPackage);
  EXPECT_EQ(line.event.action, Action::kUpgrade);
  EXPECT_EQ(line.event.package, "libsystemd0:amd64");
  EXPECT_EQ(line.event.version, "252.36-1~deb12u1");
  EXPECT_EQ(line.event.new_version, "252.38-1~deb12u1");
}

TEST(DpkgLogTest, ReadsTheTimeAsItIsWritten) {
  using namespace std::chrono_literals;
  const LogLine line = Parse("status installed jq:amd64 1.6");
  EXPECT_EQ(line.event.time, std::chrono::local_days(2025y / 6 / 24) + hours(14) + minutes(36) + seconds(25));
}

TEST(DpkgLogTest, ReadsEveryStatusAndWritesItTheSame) {
  for (const char* word : {"not-installed", "config-files", "half-installed", "unpacked", "half-configured",
                           "triggers-awaited", "triggers-pending", "installed"}) {
    const LogLine line = Parse("status " + std::string(word) + " jq:amd64 1.6");
    ASSERT_EQ(line.kind, LineKind::kPackage) << word;
    EXPECT_EQ(ToString(line.event.status), word);
    EXPECT_EQ(line.event.version, "1.6");
  }
}

TEST(DpkgLogTest, ReadsEveryActionAndNamesItsEvent) {
  const std::pair<const char*, const char*> expected[] = {
      {"install", "InstallStarted"},   {"upgrade", "UpgradeStarted"}, {"remove", "RemoveStarted"},
      {"purge", "PurgeStarted"},       {"disappear", "Disappeared"},  {"configure", "ConfigureStarted"},
      {"trigproc", "TriggersStarted"},
  };
  for (const auto& [word, event_type] : expected) {
    const LogLine line = Parse(std::string(word) + " g++:amd64 <none> 4:12.2.0-3");
    ASSERT_EQ(line.kind, LineKind::kPackage) << word;
    EXPECT_EQ(EventType(line.event.action), event_type);
    EXPECT_EQ(line.event.version, "");
    EXPECT_EQ(line.event.new_version, "4:12.2.0-3");
  }
  EXPECT_EQ(EventType(Action::kStatus), "StatusChanged");
}

TEST(DpkgLogTest, TakesPackagesWithoutArchitectureAndOfUnknownArchitecture) {
  EXPECT_EQ(Parse("upgrade dpkg 1.21.23 1.21.23").event.package, "dpkg");
  EXPECT_EQ(Parse("install jq:<none> <none> 1.6").event.package, "jq:<none>");
  EXPECT_EQ(Parse("install tzdata:all <none> 2025b").event.package, "tzdata:all");
}

TEST(DpkgLogTest, KnowsDpkgsOwnDoings) {
  EXPECT_EQ(Parse("startup archives unpack").kind, LineKind::kOther);
  EXPECT_EQ(Parse("conffile /etc/jq.conf keep").kind, LineKind::kOther);
}

TEST(DpkgLogTest, RefusesWhatDpkgWouldNotWrite) {
  for (const std::string rest : {"",
                                 " ",
                                 "status",
                                 "status ",
                                 "status installed",
                                 "status installed jq:amd64",
                                 "status installed jq:amd64 ",
                                 "status installed  jq:amd64 1.6",
                                 "status gone jq:amd64 1.6",
                                 "status installed jq:amd64 1.6 1.7",
                                 "install jq:amd64 <none>",
                                 "install jq:amd64 <none> 1.6 more",
                                 "install jq: <none> 1.6",
                                 "install :amd64 <none> 1.6",
                                 "install -jq:amd64 <none> 1.6",
                                 "install j/q:amd64 <none> 1.6",
                                 "install jq:am:d64 <none> 1.6",
                                 "INSTALL jq 1 2",
                                 "install jq:amd64 <none> 1.6\r",
                                 "install j\xc3\xa9:amd64 <none> 1.6",
                                 "fly jq:amd64 1.6 1.7"}) {
    EXPECT_EQ(Parse(rest).kind, LineKind::kGarbled) << rest;
  }
}

TEST(DpkgLogTest, RefusesBrokenTimes) {
  for (const char* time : {"2025-06-24T14:36:25", "2025-13-24 14:36:25", "2025-02-29 14:36:25", "2025-06-24 24:00:00",
                           "2025-06-24 14:60:00", "0000-01-01 00:00:00", "1969-12-31 23:59:59", "9999-01-01 00:00:00",
                           "-025-06-24 14:36:25", "2025-06-24 14:36:2x"}) {
    EXPECT_EQ(ParseLogLine(std::string(time) + " status installed jq:amd64 1.6").kind, LineKind::kGarbled) << time;
  }
}

TEST(DpkgLogTest, RefusesLinesAndNamesBeyondAllMeasure) {
  EXPECT_EQ(Parse("status installed " + std::string(200, 'a') + " 1").kind, LineKind::kPackage);
  EXPECT_EQ(Parse("status installed " + std::string(201, 'a') + " 1").kind, LineKind::kGarbled);
  EXPECT_EQ(Parse("status installed jq:amd64 " + std::string(1024, '1')).kind, LineKind::kGarbled);
}

TEST(DpkgLogTest, SurvivesEveryTruncationAndEveryByteChanged) {
  const std::string good = "2025-06-24 14:36:25 configure jq:amd64 1.6 <none>";
  for (std::size_t i = 0; i < good.size(); ++i) {
    ParseLogLine(std::string_view(good).substr(0, i));
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = good;
      changed[i] = static_cast<char>(byte);
      const LogLine line = ParseLogLine(changed);
      if (line.kind == LineKind::kPackage) {
        EXPECT_EQ(line.event.package.find_first_of(" \t\r\n\0", 0, 5), std::string::npos);
      }
    }
  }
}

}  // namespace
}  // namespace penstock::demo
