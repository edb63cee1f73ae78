// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <set>

#include "support/nats_server.h"

namespace penstock::testing {
namespace {

constexpr std::size_t kCount = 200;

std::array<int, kCount> SomePorts() {
  std::array<int, kCount> ports{};
  for (int& port : ports) port = FreePort();
  return ports;
}

// Nobody listens on any of them, so only what is written down of those given out keeps them apart.
TEST(FreePortTest, GivesEachPortOnceAlsoToOtherProcesses) {
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe(pipe_ends.data()), 0);
  const std::array<int, kCount> ours = SomePorts();
  const pid_t child = fork();
  if (child == 0) {
    const std::array<int, kCount> theirs = SomePorts();
    _exit(write(pipe_ends[1], theirs.data(), sizeof theirs) == sizeof theirs ? 0 : 1);
  }
  ASSERT_GT(child, 0);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  std::array<int, kCount> theirs{};
  ASSERT_EQ(read(pipe_ends[0], theirs.data(), sizeof theirs), static_cast<ssize_t>(sizeof theirs));
  close(pipe_ends[0]);
  close(pipe_ends[1]);

  std::set<int> all(ours.begin(), ours.end());
  EXPECT_EQ(all.size(), kCount);
  all.insert(theirs.begin(), theirs.end());
  EXPECT_EQ(all.size(), 2 * kCount);
}

}  // namespace
}  // namespace penstock::testing
