// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace penstock::demo {

/// The output and exit code of a finished process.
struct Finished {
  int exit_code = -1;  ///< 128 + signal when a signal ended it; -1 when it did not end in time and was killed
  std::string out{};
  std::string err{};

  /// The last line of standard output.
  std::string LastLine() const;
};

/// The demo as a process of its own. Its standard output and error go to files in `directory`, which is also its
/// TMPDIR.
class DemoProcess {
 public:
  DemoProcess(std::filesystem::path directory, std::vector<std::string> arguments);
  ~DemoProcess();
  DemoProcess(const DemoProcess&) = delete;
  DemoProcess& operator=(const DemoProcess&) = delete;

  void Signal(int signal) const;

  /// The process number of the nats-server it started, once that listens and the demo has said its first word; -1 when
  /// that does not happen within `timeout`.
  pid_t AwaitServer(std::chrono::milliseconds timeout) const;

  Finished AwaitEnd(std::chrono::milliseconds timeout);

 private:
  bool EndsWithin(std::chrono::milliseconds timeout) const;

  const std::filesystem::path directory_;
  pid_t pid_ = -1;
  int handle_ = -1;
};

/// Whether a process that need not be our child ends within `timeout`. `handle` is its pidfd.
bool EndsWithin(int handle, std::chrono::milliseconds timeout);

/// A pidfd, or -1 when there is no such process.
int OpenProcess(pid_t pid);

}  // namespace penstock::demo
