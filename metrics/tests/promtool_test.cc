// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

#include "penstock/metrics/bus_collector.h"
#include "penstock/metrics/exposition.h"
#include "penstock/metrics/stream_collector.h"
#include "snapshots.h"

namespace penstock::metrics {
namespace {

struct Verdict {
  int exit_code = -1;
  std::string output{};
};

/// The result of `promtool check metrics` for `text`. Exit code 127: there is no promtool.
Verdict AskPromtool(const std::string& text) {
  std::string path = testing::TempDir() + "penstock-metrics-XXXXXX";
  const int fd = mkstemp(path.data());
  EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  close(fd);
  Verdict verdict;
  FILE* pipe = popen((std::string("promtool check metrics 2>&1 <") + path).c_str(), "r");
  std::array<char, 4096> buffer;
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) verdict.output += buffer.data();
  const int status = pclose(pipe);
  if (WIFEXITED(status)) verdict.exit_code = WEXITSTATUS(status);
  unlink(path.c_str());
  return verdict;
}

TEST(PromtoolTest, FindsNothingToSayAboutABus) {
  for (const bool per_actor : {false, true}) {
    const Verdict verdict = AskPromtool(RenderText(BusFamilies(LargeBus(12), {.per_actor = per_actor})));
    EXPECT_EQ(verdict.exit_code, 0) << "install promtool (Debian package prometheus); it said:\n" << verdict.output;
    EXPECT_EQ(verdict.output, "");
  }
}

TEST(PromtoolTest, FindsNothingToSayAboutAStreamRegistry) {
  const Verdict verdict = AskPromtool(RenderText(StreamFamilies(SmallRegistry(), {})));
  EXPECT_EQ(verdict.exit_code, 0) << "install promtool (Debian package prometheus); it said:\n" << verdict.output;
  EXPECT_EQ(verdict.output, "");
}

TEST(PromtoolTest, WouldFindABrokenText) { EXPECT_NE(AskPromtool("this is no metric {").exit_code, 0); }

}  // namespace
}  // namespace penstock::metrics
