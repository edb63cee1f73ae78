// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock::bench {
namespace {

/// A file descriptor that is closed in the end.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  const int number_;
};

// The output of a child goes to memory rather than to a pipe, which somebody would have to empty while it runs.
int NewFile(const char* name) { return memfd_create(name, MFD_CLOEXEC); }

std::string ContentsOf(const Descriptor& file) {
  std::string contents;
  std::array<char, 4096> chunk;
  for (off_t offset = 0;; offset = static_cast<off_t>(contents.size())) {
    const ssize_t count = pread(file.number(), chunk.data(), chunk.size(), offset);
    if (count <= 0) return contents;
    contents.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

// Only what is safe between fork and exec in a process with threads.
[[noreturn]] void Become(char* const* arguments, int output, int errors, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  const int nowhere = open("/dev/null", O_RDONLY);
  dup2(nowhere, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  execv(arguments[0], arguments);
  _exit(127);
}

/// Whether the process ended in time.
bool AwaitEnd(pid_t child, std::chrono::milliseconds deadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  // By number: the declaration in Debian 12's <sys/pidfd.h> is not for C++.
  const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  pollfd end = {.fd = process.number(), .events = POLLIN, .revents = 0};
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    const int ready = poll(&end, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

Outcome Reap(pid_t child) {
  int status = 0;
  rusage usage{};
  while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR) continue;
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .cpu_s = Seconds(usage.ru_utime) + Seconds(usage.ru_stime),
          .peak_rss_mib = static_cast<double>(usage.ru_maxrss) / 1024};
}

}  // namespace

absl::StatusOr<Outcome> RunToEnd(const std::vector<std::string>& command, std::chrono::milliseconds deadline) {
  if (command.empty() || access(command[0].c_str(), X_OK) != 0) {
    return absl::NotFoundError(absl::StrCat("run \"", command.empty() ? "" : command[0], "\": no such program"));
  }
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const Descriptor output(NewFile("output"));
  const Descriptor errors(NewFile("errors"));
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) Become(arguments.data(), output.number(), errors.number(), parent);
  if (child < 0) return absl::InternalError(absl::StrCat("run \"", command[0], "\": fork failed"));
  const bool in_time = AwaitEnd(child, deadline);
  if (!in_time) kill(child, SIGKILL);
  Outcome outcome = Reap(child);
  outcome.output = ContentsOf(output);
  outcome.errors = ContentsOf(errors);
  if (in_time) return outcome;
  return absl::DeadlineExceededError(
      absl::StrCat("run \"", command[0], "\": not done within ", deadline.count(), " ms; killed; ", outcome.errors));
}

}  // namespace penstock::bench
