// SPDX-License-Identifier: Apache-2.0
#include "connection/isolated.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <optional>

#include "support/eventually.h"

namespace penstock::testing {
namespace {

constexpr std::size_t kLongestCall = 4096;

// Shared with the isolated process.
char* CallPage() {
  static char* const kPage =
      static_cast<char*>(mmap(nullptr, kLongestCall, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  return kPage;
}

// Ends the process without the destructors of what the parent made.
[[noreturn]] void RunToTheEnd(const std::function<void()>& body) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  body();
  std::fflush(nullptr);
  _exit(::testing::Test::HasFailure() ? 1 : 0);
}

std::optional<int> AwaitEnd(pid_t child, std::chrono::milliseconds limit) {
  int status = 0;
  const bool ended = Eventually([&] { return waitpid(child, &status, WNOHANG) == child; }, limit);
  if (ended) return status;
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return std::nullopt;
}

}  // namespace

void NoteCall(const std::string& call) { std::snprintf(CallPage(), kLongestCall, "%s", call.c_str()); }

void RunIsolated(std::chrono::milliseconds limit, const std::function<void()>& body) {
  NoteCall("the beginning");
  std::fflush(nullptr);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) RunToTheEnd(body);
  const std::optional<int> status = AwaitEnd(child, limit);
  if (!status) {
    ADD_FAILURE() << "hung for " << limit.count() << " ms in all, and is in: " << CallPage();
  } else if (WIFSIGNALED(*status)) {
    ADD_FAILURE() << "ended by signal " << WTERMSIG(*status) << " (" << strsignal(WTERMSIG(*status))
                  << ") in: " << CallPage();
  } else {
    EXPECT_EQ(WEXITSTATUS(*status), 0) << "failed in a process of its own, see above";
  }
}

}  // namespace penstock::testing
