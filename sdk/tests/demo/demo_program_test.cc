// SPDX-License-Identifier: Apache-2.0
// The demo as a stranger runs it: on this machine's own package history, and on small ones made up here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "demo_process.h"
#include "temporary_directory.h"

namespace penstock::demo {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::chrono::seconds kPatience{100};
constexpr std::chrono::seconds kPromptly{20};

constexpr char kLog[] =
    "2025-06-24 14:36:25 startup archives unpack\n"
    "2025-06-24 14:36:25 install jq:amd64 <none> 1.6\n"
    "2025-06-24 14:36:25 status half-installed jq:amd64 1.6\n"
    "2025-06-24 14:36:26 status unpacked jq:amd64 1.6\n"
    "2025-06-24 14:36:26 configure jq:amd64 1.6 <none>\n"
    "2025-06-24 14:36:27 status half-configured jq:amd64 1.6\n"
    "2025-06-24 14:36:27 status installed jq:amd64 1.6\n";

std::string Database(const std::string& version) {
  return "Package: jq\nStatus: install ok installed\nArchitecture: amd64\nVersion: " + version + "\n";
}

Finished RunDemo(std::vector<std::string> arguments) {
  const TemporaryDirectory directory;
  return DemoProcess(directory.path(), std::move(arguments)).AwaitEnd(kPatience);
}

// Long enough to be interrupted: 600,000 events through a nats-server.
std::vector<std::string> LongRun(const TemporaryDirectory& directory) {
  directory.Write("log/dpkg.log", kLog);
  directory.Write("status", Database("1.6"));
  return {"--json",
          "--repeat",
          "100000",
          "--log-dir",
          directory.path() / "log",
          "--dpkg-status",
          directory.path() / "status"};
}

// Runs on a history of seven lines, with `version` in dpkg's database.
Finished RunOnSmallHistory(const std::string& version, std::vector<std::string> arguments = {}) {
  const TemporaryDirectory machine;
  machine.Write("log/dpkg.log", kLog);
  machine.Write("status", Database(version));
  arguments.insert(arguments.end(), {"--embedded", "--json", "--log-dir", machine.path() / "log", "--dpkg-status",
                                     machine.path() / "status"});
  return RunDemo(std::move(arguments));
}

void ExpectGood(const Finished& finished, const std::string& transport) {
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  const auto json = nlohmann::json::parse(finished.LastLine(), nullptr, false);
  ASSERT_TRUE(json.is_object()) << finished.out;
  EXPECT_GT(json["events"], 0);
  EXPECT_EQ(json["handled"], json["events"]);
  for (const char* zero : {"lost", "order_violations", "state_mismatches", "dead_lettered"})
    EXPECT_EQ(json[zero], 0) << zero;
  for (const char* some : {"aggregates", "retried", "restarted", "throughput_msg_s", "p50_ms", "p99_ms"}) {
    EXPECT_GT(json[some], 0) << some;
  }
  EXPECT_EQ(json["transport"], transport);
}

TEST(DemoTest, ReplaysThisMachinesHistoryThroughANatsServer) { ExpectGood(RunDemo({"--json"}), "jetstream"); }

TEST(DemoTest, ReplaysThisMachinesHistoryThroughTheEmbeddedBus) {
  ExpectGood(RunDemo({"--json", "--embedded"}), "memory");
}

TEST(DemoTest, ReplaysSeveralTimesOverForVolume) {
  const Finished finished = RunOnSmallHistory("1.6", {"--repeat", "500", "--actors", "16", "--workers", "3"});
  ExpectGood(finished, "memory");
  const auto json = nlohmann::json::parse(finished.LastLine());
  EXPECT_EQ(json["events"], 3000);
  EXPECT_EQ(json["aggregates"], 500);
  EXPECT_EQ(json["actors"], 16);
  EXPECT_EQ(json["workers"], 3);
}

TEST(DemoTest, FailsAndThrowsAlsoInTheSmallestHistory) { ExpectGood(RunOnSmallHistory("1.6"), "memory"); }

TEST(DemoTest, FailsWhenTheDatabaseSaysOtherwise) {
  const Finished finished = RunOnSmallHistory("1.7");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_EQ(nlohmann::json::parse(finished.LastLine())["state_mismatches"], 1);
  EXPECT_THAT(finished.err, HasSubstr("jq:amd64: folded to installed 1.6, should be: installed 1.7"));
}

TEST(DemoTest, PrintsATableWhereNobodyAskedForJson) {
  const TemporaryDirectory machine;
  machine.Write("dpkg.log", kLog);
  machine.Write("status", Database("1.6"));
  const Finished finished = RunDemo(
      {"--embedded", "--log-dir", machine.path(), "--dpkg-status", machine.path() / "status", "--metrics-port", "0"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr("http://127.0.0.1:"));
  EXPECT_THAT(finished.out, HasSubstr("OK  nothing lost"));
  EXPECT_THAT(finished.out, Not(HasSubstr("\x1b")));
}

TEST(DemoTest, SaysThatThereIsNoLogAndWhatToDo) {
  const TemporaryDirectory machine;
  const Finished finished = RunDemo({"--embedded", "--log-dir", machine.path()});
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_THAT(finished.err, HasSubstr("there is no dpkg.log in it; name the place of dpkg's log with --log-dir"));
}

TEST(DemoTest, RefusesOptionsOutOfRange) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--repeat", "0"},
                                                    {"--actors", "0"},
                                                    {"--workers", "-1"},
                                                    {"--fail-percent", "51"},
                                                    {"--throw-percent", "x"},
                                                    {"--metrics-port", "65536"},
                                                    {"--unknown"},
                                                    {"stray"}}) {
    EXPECT_EQ(RunDemo(arguments).exit_code, 2) << arguments.front();
  }
  EXPECT_EQ(RunDemo({"--help"}).exit_code, 0);
}

TEST(DemoTest, RefusesMoreEventsThanMemoryHolds) {
  const TemporaryDirectory machine;
  std::string log;
  for (int i = 0; i < 10; ++i) log += kLog;
  machine.Write("dpkg.log", log);
  machine.Write("status", Database("1.6"));
  const Finished finished = RunDemo(
      {"--embedded", "--repeat", "100000", "--log-dir", machine.path(), "--dpkg-status", machine.path() / "status"});
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_THAT(finished.err, HasSubstr("lower --repeat"));
}

TEST(DemoTest, EndsAtAnInterruptAndTakesItsServerAlong) {
  const TemporaryDirectory directory;
  DemoProcess demo(directory.path(), LongRun(directory));
  const pid_t server = demo.AwaitServer(kPromptly);
  ASSERT_GT(server, 0);
  const int handle = OpenProcess(server);
  demo.Signal(SIGINT);
  EXPECT_EQ(demo.AwaitEnd(kPromptly).exit_code, 130);
  EXPECT_TRUE(EndsWithin(handle, std::chrono::seconds(0)));
  close(handle);
  std::size_t left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    left += entry.path().filename().string().starts_with("penstock-demo-");
  }
  EXPECT_EQ(left, 0U);
}

TEST(DemoTest, TakesItsServerAlongWhenItIsKilled) {
  const TemporaryDirectory directory;
  DemoProcess demo(directory.path(), LongRun(directory));
  const pid_t server = demo.AwaitServer(kPromptly);
  ASSERT_GT(server, 0);
  const int handle = OpenProcess(server);
  demo.Signal(SIGKILL);
  EXPECT_EQ(demo.AwaitEnd(kPromptly).exit_code, 128 + SIGKILL);
  EXPECT_TRUE(EndsWithin(handle, kPromptly));
  close(handle);
}

TEST(DemoTest, SaysThatItsServerWasKilledAndFails) {
  const TemporaryDirectory directory;
  DemoProcess demo(directory.path(), LongRun(directory));
  const pid_t server = demo.AwaitServer(kPromptly);
  ASSERT_GT(server, 0);
  kill(server, SIGKILL);
  const Finished finished = demo.AwaitEnd(kPatience);
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.err, HasSubstr("nats-server ended early"));
}

}  // namespace
}  // namespace penstock::demo
