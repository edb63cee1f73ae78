// SPDX-License-Identifier: Apache-2.0
#include "support/child_process.h"

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

namespace penstock::testing {
namespace {

std::string ContentsOf(const std::filesystem::path& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::vector<std::string> Environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> entries;
  for (const auto& [name, value] : added) entries.push_back(absl::StrCat(name, "=", value));
  for (char** entry = environ; *entry != nullptr; ++entry) entries.emplace_back(*entry);
  return entries;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The program that the child turns into. Made before the fork: between fork and exec of a process with threads only few
// calls are safe.
struct Image {
  std::vector<char*> arguments{};
  std::vector<char*> environment{};
  const char* log = nullptr;  // null: standard output goes to `output`
  int input = -1;
  int output = -1;
  pid_t parent = 0;
};

[[noreturn]] void Become(const Image& image) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != image.parent) _exit(127);
  const int output = image.log == nullptr ? image.output : open(image.log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(image.input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  if (image.log != nullptr) dup2(output, STDERR_FILENO);
  execve(image.arguments[0], image.arguments.data(), image.environment.data());
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Spawn(ChildOptions options) {
  std::vector<std::string> environment = Environment(options.environment);
  std::array<int, 2> input = {-1, -1};
  std::array<int, 2> output = {-1, -1};
  const bool keeps_output = options.log.empty();
  const bool piped = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input.data()) == 0 &&
                     (!keeps_output || pipe2(output.data(), O_CLOEXEC) == 0);
  if (!piped) return absl::InternalError(absl::StrCat("start \"", options.command[0], "\": no pipe"));
  if (keeps_output) fcntl(output[0], F_SETFL, O_NONBLOCK);
  const Image image{.arguments = Pointers(options.command),
                    .environment = Pointers(environment),
                    .log = keeps_output ? nullptr : options.log.c_str(),
                    .input = input[1],
                    .output = output[1],
                    .parent = getpid()};
  const pid_t child = fork();
  if (child == 0) Become(image);
  close(input[1]);
  if (keeps_output) close(output[1]);
  std::unique_ptr<ChildProcess> process(new ChildProcess(child, input[0], output[0]));
  if (child < 0) return absl::InternalError(absl::StrCat("start \"", options.command[0], "\": fork failed"));
  return process;
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) End(SIGKILL);
  close(input_);
  if (output_end_ >= 0) close(output_end_);
}

void ChildProcess::Tell(std::uint64_t number) const {
  [[maybe_unused]] const ssize_t sent = send(input_, &number, sizeof number, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void ChildProcess::Signal(int signal) const {
  if (pid_ > 0 && !exit_) kill(pid_, signal);
}

std::optional<int> ChildProcess::Await(std::chrono::milliseconds timeout) {
  if (!Ended() && timeout.count() > 0) Eventually([this] { return Ended(); }, timeout, std::chrono::milliseconds(1));
  return exit_;
}

bool ChildProcess::Ended() {
  int status = 0;
  if (!exit_ && waitpid(pid_, &status, WNOHANG) == pid_) NoteEnd(status);
  ReadOutput();
  return exit_.has_value();
}

void ChildProcess::NoteEnd(int status) { exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

void ChildProcess::ReadOutput() {
  if (output_end_ < 0) return;
  std::array<char, 4096> chunk;
  ssize_t count = 0;
  while ((count = read(output_end_, chunk.data(), chunk.size())) > 0) {
    output_.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

void ChildProcess::End(int signal) {
  if (exit_) return;
  kill(pid_, signal);
  kill(pid_, SIGCONT);
  int status = 0;
  if (waitpid(pid_, &status, 0) == pid_) NoteEnd(status);
  ReadOutput();
}

void ChildProcess::Stop() {
  if (exit_) return;
  kill(pid_, SIGSTOP);
  int status = 0;
  if (waitpid(pid_, &status, WUNTRACED) == pid_ && !WIFSTOPPED(status)) NoteEnd(status);
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

}  // namespace penstock::testing
