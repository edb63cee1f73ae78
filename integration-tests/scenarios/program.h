// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace penstock::testing {

/// A program of ours in a process of its own; what it writes to standard output is kept.
///
/// **Thread safety:** thread-confined. It dies with the thread that started it. **Ownership:** the destructor kills it.
class Program {
 public:
  /// Starts `command` with `environment` added to ours.
  Program(std::vector<std::string> command, const std::map<std::string, std::string>& environment);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// 0 or less when it does not run.
  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  /// Waits for its end; the exit code, 128 + signal when a signal ended it, or -1 when `timeout` passed first.
  int Wait(std::chrono::milliseconds timeout = std::chrono::seconds(60));
  /// What it has written; complete after `Wait`.
  const std::string& output() const { return output_; }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  std::string output_;
};

}  // namespace penstock::testing
