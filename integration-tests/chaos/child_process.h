// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock::chaos {

/// A program of ours in a process of its own. It reads numbers from its standard input; what it writes goes to a file.
///
/// **Thread safety:** thread-confined; it dies with the thread that started it. **Ownership:** the destructor kills it.
/// **Blocking:** only `Await` and the destructor.
class ChildProcess {
 public:
  /// `kInternal` when it cannot be started. `log` is appended to.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Spawn(std::vector<std::string> command, const std::string& log);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  /// Dropped when the child does not read for so long that its buffer is full.
  void Tell(std::uint64_t number) const;
  void Signal(int signal) const;
  /// Waits for its end; the exit code, or 128 + signal when a signal ended it. Nothing when `timeout` passed first.
  std::optional<int> Await(std::chrono::milliseconds timeout);

 private:
  ChildProcess(pid_t pid, int input) : pid_(pid), input_(input) {}
  pid_t pid_;
  int input_;
  std::optional<int> exit_{};
};

/// Whether SIGSTOP has taken effect on a process.
bool Stopped(pid_t pid);

/// Where each thread of a process is: by gdb, or what the kernel tells where there is none.
std::string StacksOf(pid_t pid);

}  // namespace penstock::chaos
