// SPDX-License-Identifier: Apache-2.0
#include "chaos/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "support/eventually.h"

namespace penstock::chaos {
namespace {

std::string ContentsOf(const std::filesystem::path& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Only what is safe between fork and exec in a process with threads.
[[noreturn]] void Become(const std::vector<char*>& arguments, int input, const char* log, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  const int output = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execv(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Spawn(std::vector<std::string> command,
                                                                  const std::string& log) {
  std::vector<char*> arguments;
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  std::array<int, 2> ends = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return absl::InternalError(absl::StrCat("start \"", command[0], "\": no socket pair"));
  }
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) Become(arguments, ends[1], log.c_str(), parent);
  close(ends[1]);
  std::unique_ptr<ChildProcess> process(new ChildProcess(child, ends[0]));
  if (child < 0) return absl::InternalError(absl::StrCat("start \"", command[0], "\": fork failed"));
  return process;
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0 && !exit_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(input_);
}

void ChildProcess::Tell(std::uint64_t number) const {
  [[maybe_unused]] const ssize_t sent = send(input_, &number, sizeof number, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void ChildProcess::Signal(int signal) const {
  if (pid_ > 0 && !exit_) kill(pid_, signal);
}

std::optional<int> ChildProcess::Await(std::chrono::milliseconds timeout) {
  auto ended = [this] {
    int status = 0;
    if (!exit_ && waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return exit_.has_value();
  };
  if (!ended() && timeout.count() > 0) testing::Eventually(ended, timeout, std::chrono::milliseconds(1));
  return exit_;
}

bool Stopped(pid_t pid) {
  const std::string stat = ContentsOf(absl::StrCat("/proc/", pid, "/stat"));
  const std::size_t name_end = stat.rfind(')');
  return name_end != std::string::npos && name_end + 2 < stat.size() && stat[name_end + 2] == 'T';
}

std::string StacksOf(pid_t pid) {
  std::string text;
  const std::string command =
      absl::StrCat("timeout 30 gdb -batch -p ", pid, " -ex 'thread apply all backtrace 16' 2>/dev/null");
  if (FILE* const gdb = popen(command.c_str(), "r")) {
    std::array<char, 4096> chunk;
    while (const std::size_t count = fread(chunk.data(), 1, chunk.size(), gdb)) text.append(chunk.data(), count);
    pclose(gdb);
  }
  if (text.find('#') != std::string::npos) return text;
  std::error_code ignored;
  for (const auto& task : std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/task"), ignored)) {
    absl::StrAppend(&text, ContentsOf(task.path() / "comm"), "  ", ContentsOf(task.path() / "wchan"), "\n");
  }
  return text;
}

}  // namespace penstock::chaos
