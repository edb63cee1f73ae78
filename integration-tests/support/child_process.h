// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock::testing {

struct ChildOptions {
  std::vector<std::string> command{};                ///< path of the program, then its arguments
  std::map<std::string, std::string> environment{};  ///< added to ours
  /// The file that its standard output and error are appended to. Empty: its standard output is kept, see
  /// `output()`, and its standard error is ours.
  std::string log{};
};

/// A program in a process of its own.
///
/// **Thread safety:** thread-confined; the process dies with the thread that started it, so that none is left behind
/// when a test crashes. **Ownership:** the destructor kills it. **Blocking:** only `Await`, `Kill`, `Stop` and the
/// destructor.
class ChildProcess {
 public:
  /// `kInternal` when it cannot be started. A program that does not exist is a child that ends with 127.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Spawn(ChildOptions options);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  /// Writes a number to its standard input; dropped when it does not read for so long that its buffer is full.
  void Tell(std::uint64_t number) const;
  /// Not sent once the process has ended.
  void Signal(int signal) const;
  /// Waits for its end; the exit code, or 128 + signal when a signal ended it. Nothing when `timeout` passed first.
  std::optional<int> Await(std::chrono::milliseconds timeout = std::chrono::seconds(60));
  /// Sends the signal, and SIGCONT, and waits for its end.
  void End(int signal);
  /// Freezes it (SIGSTOP); returns when all of its threads have stopped.
  void Stop();
  /// Its standard output so far; complete once it has ended.
  const std::string& output() const { return output_; }

 private:
  ChildProcess(pid_t pid, int input, int output) : pid_(pid), input_(input), output_end_(output) {}
  bool Ended();
  void NoteEnd(int status);
  void ReadOutput();

  const pid_t pid_;
  const int input_;
  const int output_end_;  // -1: its output goes to a file
  std::optional<int> exit_{};
  std::string output_{};
};

/// Whether SIGSTOP has taken effect on a process.
bool Stopped(pid_t pid);

/// Where each thread of a process is: by gdb, or what the kernel tells where there is none.
std::string StacksOf(pid_t pid);

}  // namespace penstock::testing
