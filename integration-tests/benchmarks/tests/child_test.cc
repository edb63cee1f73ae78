// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/child.h"

#include <gmock/gmock.h>
#include <signal.h>

#include "support/status_matchers.h"

namespace penstock::bench {
namespace {

using ::testing::AllOf;
using ::testing::Field;
using ::testing::Ge;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

constexpr std::chrono::seconds kDeadline(30);

absl::StatusOr<Outcome> RunShell(const std::string& script, std::chrono::milliseconds deadline = kDeadline) {
  return RunToEnd({"/bin/sh", "-c", script}, deadline);
}

TEST(ChildTest, TellsTheOutputFromTheErrorsAndTheExitCode) {
  const auto outcome = RunShell("echo out; echo err >&2; exit 3");
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->output, "out\n");
  EXPECT_EQ(outcome->errors, "err\n");
  EXPECT_EQ(outcome->exit_code, 3);
}

TEST(ChildTest, TakesMoreOutputThanAPipeHolds) {
  const auto outcome = RunShell("head -c 300000 /dev/zero");
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->output.size(), 300'000u);
}

TEST(ChildTest, PassesArgumentsAsTheyAre) {
  const auto outcome = RunToEnd({"/bin/sh", "-c", "echo \"$1\"", "sh", "two words * $HOME"}, kDeadline);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->output, "two words * $HOME\n");
}

TEST(ChildTest, MeasuresProcessorTimeAndMemory) {
  const auto busy = RunShell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
  ASSERT_THAT(busy, IsOk());
  EXPECT_GT(busy->cpu_s, 0.005);
  EXPECT_GT(busy->peak_rss_mib, 0.1);
}

TEST(ChildTest, KillsWhatOverrunsItsDeadline) {
  const auto begun = std::chrono::steady_clock::now();
  const auto outcome = RunShell("echo waiting >&2; exec sleep 60", std::chrono::milliseconds(300));
  EXPECT_THAT(outcome, StatusIs(absl::StatusCode::kDeadlineExceeded,
                                AllOf(HasSubstr("not done within 300 ms"), HasSubstr("waiting"))));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kDeadline);
}

TEST(ChildTest, TellsTheSignalThatEndedIt) {
  const auto outcome = RunShell("kill -9 $$");
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->exit_code, 128 + SIGKILL);
}

TEST(ChildTest, RefusesWhatIsNoProgram) {
  EXPECT_THAT(RunToEnd({"/nonexistent/program"}, kDeadline), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(RunToEnd({}, kDeadline), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace penstock::bench
