// SPDX-License-Identifier: Apache-2.0
#include "demo_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

namespace penstock::demo {
namespace {

namespace fs = std::filesystem;

std::string ReadWhole(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void Redirect(const fs::path& path, int descriptor) {
  dup2(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), descriptor);
}

[[noreturn]] void Become(const fs::path& directory, char* const* arguments) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setenv("TMPDIR", directory.c_str(), 1);
  Redirect(directory / "out", STDOUT_FILENO);
  Redirect(directory / "err", STDERR_FILENO);
  execv(arguments[0], arguments);
  _exit(127);
}

// From the name of the file in which nats-server tells its ports: `nats-server_<pid>.ports`.
pid_t FindServer(const fs::path& directory) {
  constexpr std::string_view kPrefix = "nats-server_";
  std::error_code error;
  // The server makes and removes files meanwhile.
  for (fs::recursive_directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with(kPrefix)) return static_cast<pid_t>(std::atoi(name.c_str() + kPrefix.size()));
  }
  return -1;
}

}  // namespace

std::string Finished::LastLine() const {
  const std::string text = out.substr(0, out.find_last_not_of('\n') + 1);
  return text.substr(text.rfind('\n') + 1);
}

int OpenProcess(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

bool EndsWithin(int handle, std::chrono::milliseconds timeout) {
  pollfd ended{.fd = handle, .events = POLLIN, .revents = 0};
  return poll(&ended, 1, static_cast<int>(timeout.count())) > 0;
}

DemoProcess::DemoProcess(fs::path directory, std::vector<std::string> arguments) : directory_(std::move(directory)) {
  arguments.insert(arguments.begin(), PENSTOCK_DEMO_PROGRAM);
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) Become(directory_, words.data());
  handle_ = OpenProcess(pid_);
}

DemoProcess::~DemoProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(handle_);
}

void DemoProcess::Signal(int signal) const { kill(pid_, signal); }

bool DemoProcess::EndsWithin(std::chrono::milliseconds timeout) const { return demo::EndsWithin(handle_, timeout); }

pid_t DemoProcess::AwaitServer(std::chrono::milliseconds timeout) const {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (std::chrono::steady_clock::now() < deadline && !EndsWithin(std::chrono::milliseconds(5))) {
    const pid_t server = FindServer(directory_);
    if (server > 0 && !ReadWhole(directory_ / "err").empty()) return server;
  }
  return -1;
}

Finished DemoProcess::AwaitEnd(std::chrono::milliseconds timeout) {
  const bool in_time = EndsWithin(timeout);
  if (!in_time) kill(pid_, SIGKILL);
  int status = 0;
  waitpid(std::exchange(pid_, -1), &status, 0);
  const int exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {.exit_code = in_time ? exit_code : -1,
          .out = ReadWhole(directory_ / "out"),
          .err = ReadWhole(directory_ / "err")};
}

}  // namespace penstock::demo
