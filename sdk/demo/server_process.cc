// SPDX-License-Identifier: Apache-2.0
#include "server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace penstock::demo {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kStartTimeout{10};
constexpr int kStopTimeoutMilliseconds = 3000;
constexpr int kPollMilliseconds = 5;

std::optional<fs::path> FindProgram() {
  const char* const path = getenv("PATH");
  std::string places = absl::StrCat(path == nullptr ? "" : path, ":/usr/sbin:/usr/local/bin:/usr/bin");
  for (std::size_t begin = 0, end = 0; begin < places.size(); begin = end + 1) {
    end = std::min(places.find(':', begin), places.size());
    if (end == begin) continue;
    fs::path program = fs::path(places.substr(begin, end - begin)) / "nats-server";
    if (access(program.c_str(), X_OK) == 0) return program;
  }
  return std::nullopt;
}

absl::StatusOr<fs::path> MakeDirectory() {
  std::error_code error;
  const fs::path temporary = fs::temp_directory_path(error);
  std::string pattern = (temporary / "penstock-demo-XXXXXX").string();
  if (!error && mkdtemp(pattern.data()) != nullptr) return fs::path(pattern);
  return absl::UnavailableError(
      absl::StrCat("start nats-server: no temporary directory: ", error ? error.message() : std::strerror(errno),
                   "; point TMPDIR at a place that can be written, or use --embedded"));
}

std::string ReadWhole(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Between fork and exec: system calls only.
[[noreturn]] void BecomeServer(pid_t parent, const fs::path& program, char* const* arguments) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // the parent ended before the line above took effect
  setpgid(0, 0);                        // Ctrl-C is for the demo, which then ends the server
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, standard);
  execv(program.c_str(), arguments);
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start() {
  const auto program = FindProgram();
  if (!program.has_value()) {
    return absl::NotFoundError(
        "start nats-server: not found in PATH or /usr/sbin; install the package nats-server, or use --embedded");
  }
  auto directory = MakeDirectory();
  if (!directory.ok()) return directory.status();
  std::unique_ptr<ServerProcess> server(new ServerProcess(*std::move(directory)));
  if (absl::Status launched = server->Launch(*program); !launched.ok()) return launched;
  if (absl::Status listening = server->AwaitListening(); !listening.ok()) return listening;
  return server;
}

absl::Status ServerProcess::Launch(const fs::path& program) {
  std::vector<std::string> words = {
      program.string(), "--addr",          "127.0.0.1",          "--port",           "-1",
      "--jetstream",    "--store_dir",     directory_ / "store", "--ports_file_dir", directory_,
      "--log",          directory_ / "log"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) BecomeServer(parent, program, arguments.data());
  if (pid_ > 0) pid_handle_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pid_ > 0 && pid_handle_ >= 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("start nats-server: ", std::strerror(errno), "; use --embedded to do without it"));
}

absl::Status ServerProcess::AwaitListening() {
  const fs::path ports = directory_ / absl::StrCat("nats-server_", pid_, ".ports");
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
  while (!EndsWithin(kPollMilliseconds) && std::chrono::steady_clock::now() < deadline) {
    const std::string text = ReadWhole(ports);
    const std::size_t begin = text.find("nats://127.0.0.1:");
    const std::size_t end = text.find('"', begin);
    if (begin == std::string::npos || end == std::string::npos) continue;
    url_ = text.substr(begin, end - begin);
    return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat(
      "start nats-server: ", Runs() ? "it does not listen after 10 s" : "it ended", "; it said \"", LastWords(), "\""));
}

bool ServerProcess::EndsWithin(int milliseconds) const {
  pollfd ended{.fd = pid_handle_, .events = POLLIN, .revents = 0};
  return poll(&ended, 1, milliseconds) > 0;
}

bool ServerProcess::Runs() const { return !EndsWithin(0); }

std::uintmax_t ServerProcess::StoredBytes() const {
  std::error_code error;
  std::uintmax_t total = 0;
  for (fs::recursive_directory_iterator entry(directory_ / "store", error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    const std::uintmax_t size = entry->is_regular_file(gone) ? entry->file_size(gone) : 0;
    total += gone ? 0 : size;
  }
  return total;
}

std::string ServerProcess::LastWords() const {
  std::string text = ReadWhole(directory_ / "log");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    if (pid_handle_ < 0 || !EndsWithin(kStopTimeoutMilliseconds)) kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (pid_handle_ >= 0) close(pid_handle_);
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

}  // namespace penstock::demo
