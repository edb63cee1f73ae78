// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace penstock::demo {

/// A nats-server of our own: JetStream on, on a free port of the loopback interface, its store in a temporary
/// directory.
///
/// **Thread safety:** thread-compatible.
/// **Ownership:** owns the process and the directory. The server ends with the thread that started it, however that
/// ends.
/// **Shutdown:** the destructor asks the server to end, kills it after 3 s, and removes the directory.
class ServerProcess {
 public:
  /// Starts `nats-server` from `PATH` or Debian's `/usr/sbin` and waits, at most 10 s, until it listens.
  /// `kNotFound` when it is not installed, `kUnavailable` when it does not come up.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start();

  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  /// `nats://127.0.0.1:port`.
  const std::string& url() const { return url_; }

  /// Whether the process still runs.
  bool Runs() const;

  /// Bytes its store takes on disk now.
  std::uintmax_t StoredBytes() const;

  /// The last line the server logged; empty when there is none.
  std::string LastWords() const;

 private:
  explicit ServerProcess(std::filesystem::path directory) : directory_(std::move(directory)) {}
  absl::Status Launch(const std::filesystem::path& program);
  absl::Status AwaitListening();
  bool EndsWithin(int milliseconds) const;

  const std::filesystem::path directory_;
  pid_t pid_ = -1;
  int pid_handle_ = -1;  // a pidfd: readable once the process has ended
  std::string url_;
};

}  // namespace penstock::demo
