// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

#include <gtest/gtest.h>

#include <string>

#include "temporary_directory.h"

namespace penstock::demo {
namespace {

constexpr char kInstalled[] = "Package: jq\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.6\n\n";

MachineOptions In(const TemporaryDirectory& directory) {
  return {.log_directory = directory.path() / "log", .dpkg_status = directory.path() / "dpkg" / "status"};
}

TEST(MachineTest, ReadsRotatedLogsAsOneHistory) {
  const TemporaryDirectory directory;
  directory.Write("log/dpkg.log.1", "2025-06-24 14:36:25 install jq:amd64 <none> 1.6\n");
  directory.Write("log/dpkg.log", "2025-06-25 14:36:25 status installed jq:amd64 1.6\n");
  directory.Write("dpkg/status", kInstalled);
  const auto machine = ReadMachine(In(directory));
  ASSERT_TRUE(machine.ok()) << machine.status();
  ASSERT_EQ(machine->history.packages.size(), 1U);
  EXPECT_TRUE(machine->history.packages[0].whole);
  EXPECT_EQ(machine->history.events[1].sequence, 2U);
  EXPECT_EQ(machine->database.packages.at("jq:amd64").version, "1.6");
  EXPECT_EQ(machine->logs.size(), 2U);
  EXPECT_FALSE(machine->dpkg_busy);
}

TEST(MachineTest, TakesTheUpdatesOfARunningDpkgForTheTruth) {
  const TemporaryDirectory directory;
  directory.Write("log/dpkg.log", "2025-06-25 14:36:25 status installed jq:amd64 1.6\n");
  directory.Write("dpkg/status", kInstalled);
  directory.Write("dpkg/updates/0001", "Package: jq\nStatus: install ok unpacked\nArchitecture: amd64\nVersion: 1.8\n");
  directory.Write("dpkg/updates/0000", "Package: jq\nStatus: install ok unpacked\nArchitecture: amd64\nVersion: 1.7\n");
  directory.Write("dpkg/updates/tmp.i",
                  "Package: jq\nStatus: install ok unpacked\nArchitecture: amd64\nVersion: 1.9\n");
  const auto machine = ReadMachine(In(directory));
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_TRUE(machine->dpkg_busy);
  EXPECT_EQ(machine->database.packages.at("jq:amd64").version, "1.8");
}

TEST(MachineTest, SaysThatThereIsNoHistory) {
  const TemporaryDirectory directory;
  directory.Write("dpkg/status", kInstalled);
  directory.Write("log/dpkg.log", "");
  EXPECT_EQ(ReadMachine(In(directory)).status().code(), absl::StatusCode::kNotFound);
  directory.Write("log/dpkg.log", "2025-06-25 14:36:25 startup archives unpack\nnonsense\n");
  const auto machine = ReadMachine(In(directory));
  EXPECT_EQ(machine.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(machine.status().message().find("--log-dir"), std::string::npos);
}

TEST(MachineTest, SaysThatThereIsNoDatabase) {
  const TemporaryDirectory directory;
  directory.Write("log/dpkg.log", "2025-06-25 14:36:25 status installed jq:amd64 1.6\n");
  const auto machine = ReadMachine(In(directory));
  EXPECT_EQ(machine.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(machine.status().message().find("--dpkg-status"), std::string::npos);
}

}  // namespace
}  // namespace penstock::demo
