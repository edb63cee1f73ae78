// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <memory>
#include <stop_token>
#include <thread>

#include "absl/status/statusor.h"
#include "penstock/actorpool/internal/file_descriptor.h"
#include "penstock/actorpool/log.h"

namespace penstock {

/// Turns the first SIGTERM or SIGINT into a stop request, and a second one into the end of the process.
///
/// The signals are blocked in the thread that makes it, and so in all threads made later; signals that were not handled
/// when it goes are discarded, and its destructor unblocks them in the thread that runs it. **Thread safety:**
/// thread-safe.
class StopSignals {
 public:
  /// `kResourceExhausted` when the system has no descriptor or thread left.
  static absl::StatusOr<std::unique_ptr<StopSignals>> Watch(LogSink log);

  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  void RequestStop() { stop_.request_stop(); }
  std::stop_token stop_token() const { return stop_.get_token(); }
  /// Blocks until a stop was requested.
  void WaitForStop() const;

 private:
  explicit StopSignals(LogSink log);
  absl::Status Open();
  void WatchLoop();
  void Stop(int signal);
  [[noreturn]] void GiveUp(int signal) const;

  const LogSink log_;
  sigset_t signals_{};
  sigset_t former_mask_{};
  FileDescriptor signal_fd_;
  FileDescriptor end_fd_;
  std::stop_source stop_;
  std::thread thread_;
};

}  // namespace penstock
