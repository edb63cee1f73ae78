// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/runner.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace penstock::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A folder like bin/benchmarks whose programs are scripts; each writes its name and arguments to a log.
class RunnerTest : public ::testing::Test {
 protected:
  RunnerTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "penstock-runner-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~RunnerTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& program, const std::string& script) {
    const std::filesystem::path path = folder_ / program;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << "#!/bin/sh\necho \"$(basename \"$0\") $*\" >>\"" << log().string() << "\"\n"
                        << script << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }

  std::vector<std::string> Runs() const {
    std::vector<std::string> runs;
    std::ifstream file(log());
    for (std::string line; std::getline(file, line);) runs.push_back(line);
    return runs;
  }

  ContestResult ResultOf(const Contest& contest, std::size_t pairs = 1) const {
    return Runner({.programs = folder_, .pairs = pairs, .absent = {{"missing", "no compiler"}}}).Run(contest);
  }

  std::filesystem::path log() const { return folder_ / "log"; }

  std::filesystem::path folder_;
};

constexpr const char* kResult = R"(echo '{"messages":20,"seconds":2}')";

Side Program(const std::string& program) { return {.name = program, .program = program, .size = 20}; }

Contest Between(const std::vector<std::string>& peers) {
  Contest contest = {.rows = {{.name = "row"}}, .ours = Program("load/ours")};
  for (const std::string& peer : peers) contest.peers.push_back(Program(peer));
  return contest;
}

TEST_F(RunnerTest, RunsAShortRoundAndThenEachSideInTurnBeginningWithAnother) {
  for (const char* const program : {"load/ours", "peers/a", "peers/b"}) Write(program, kResult);
  const ContestResult result = ResultOf(Between({"peers/a", "peers/b"}), 3);
  EXPECT_THAT(Runs(), ElementsAre("ours --messages 2", "a --messages 2", "b --messages 2",     //
                                  "ours --messages 20", "a --messages 20", "b --messages 20",  //
                                  "a --messages 20", "b --messages 20", "ours --messages 20",  //
                                  "b --messages 20", "ours --messages 20", "a --messages 20"));
  EXPECT_THAT(result.ours.runs, SizeIs(3));
  ASSERT_THAT(result.peers, SizeIs(2));
  EXPECT_THAT(result.peers[1].runs, SizeIs(3));
  EXPECT_DOUBLE_EQ(result.peers[1].runs[0].seconds, 2);
}

TEST_F(RunnerTest, SaysWhyAPeerIsAbsent) {
  Write("load/ours", kResult);
  const ContestResult result = ResultOf(Between({"peers/missing", "peers/unheard_of"}));
  EXPECT_THAT(result.ours.runs, SizeIs(1));
  EXPECT_EQ(result.peers[0].absent, "no compiler");
  EXPECT_EQ(result.peers[1].absent, "it is not built");
}

TEST_F(RunnerTest, FailsWhenOursIsMissing) {
  Write("peers/a", kResult);
  EXPECT_EQ(ResultOf(Between({"peers/a"})).ours.failed, "it is not built");
  EXPECT_THAT(Runs(), IsEmpty());
}

TEST_F(RunnerTest, RunsAProgramOfAnotherFolder) {
  Write("load/ours", kResult);
  Write("other/load/theirs", kResult);
  const ContestResult result = ResultOf(Between({folder_ / "other/load/theirs"}), 2);
  EXPECT_THAT(result.peers[0].runs, SizeIs(2));
  EXPECT_THAT(Runs(), ElementsAre("ours --messages 2", "theirs --messages 2", "ours --messages 20",
                                  "theirs --messages 20", "theirs --messages 20", "ours --messages 20"));
}

TEST_F(RunnerTest, OverTlsLeavesOutAProgramWithoutThatOption) {
  Write("load/ours", absl::StrCat("[ \"$1\" = --help ] && exec echo --tls-ca\n", kResult));
  Write("peers/older", kResult);
  Contest contest = Between({"peers/older"});
  contest.tls = true;
  const ContestResult result = ResultOf(contest);
  EXPECT_THAT(result.ours.runs, SizeIs(1));
  EXPECT_EQ(result.peers[0].absent, "it has no option --tls-ca");
}

TEST_F(RunnerTest, DoesNotRunAgainWhatFailed) {
  Write("load/ours", kResult);
  Write("peers/a", "echo lost one >&2; exit 1");
  const ContestResult result = ResultOf(Between({"peers/a"}), 2);
  EXPECT_EQ(result.peers[0].failed, "exit code 1: lost one");
  EXPECT_THAT(result.ours.runs, SizeIs(2));
  EXPECT_THAT(Runs(), ElementsAre("ours --messages 2", "a --messages 2", "ours --messages 20", "ours --messages 20"));
}

TEST_F(RunnerTest, StopsWhenOursFails) {
  Write("load/ours", "exit 1");
  Write("peers/a", kResult);
  EXPECT_THAT(ResultOf(Between({"peers/a"}), 3).ours.failed, HasSubstr("exit code 1"));
  EXPECT_THAT(Runs(), ElementsAre("ours --messages 2", "a --messages 2"));
}

TEST_F(RunnerTest, FailsASideThatDoesNotMeasureWhatIsAskedFor) {
  Write("load/ours", kResult);
  Contest contest = Between({});
  contest.rows = {{.name = "latency", .figure = Figure::kP99}};
  EXPECT_THAT(ResultOf(contest).ours.failed, HasSubstr("no figure for latency"));
}

TEST_F(RunnerTest, CalibratesToHalfOfFullLoadInThousands) {
  Write("load/ours", kResult);
  Write("load/full", R"(echo '{"messages":14900,"seconds":2}')");
  Contest contest = Between({});
  contest.ours.arguments = {"--rate", "{rate}"};
  contest.calibration = Program("load/full");
  contest.calibration->size_option = "";
  EXPECT_EQ(ResultOf(contest).rate, 4000u);  // a half of 7,450, rounded
  EXPECT_THAT(Runs(), ElementsAre("full ", "ours --rate 4000 --messages 2", "ours --rate 4000 --messages 20"));
}

TEST_F(RunnerTest, NeverCalibratesToNothing) {
  Write("load/ours", kResult);
  Contest contest = Between({});
  contest.calibration = Program("load/ours");
  EXPECT_EQ(ResultOf(contest).rate, 1000u);
}

TEST_F(RunnerTest, FailsWhenCalibrationFails) {
  Write("load/ours", kResult);
  Contest contest = Between({"peers/a"});
  contest.calibration = Program("load/none");
  EXPECT_THAT(ResultOf(contest).ours.failed, HasSubstr("no such program"));
}

}  // namespace
}  // namespace penstock::bench
