// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "support/child_process.h"

namespace penstock::testing {

struct NatsServerOptions {
  bool jetstream = true;
  std::string domain{};  ///< of its JetStream
  /// False: it says nothing until the TLS handshake is over. It is up when it accepts a connection.
  bool greets = true;
  /// More configuration in the server's own syntax, such as `max_payload: 4096` or `authorization: { token: "s3cret"
  /// }`.
  std::string config{};
  /// A path, or a name that is looked up in PATH, then in /usr/sbin and /usr/local/bin. Empty: what the environment's
  /// `NATS_SERVER_PROGRAM` says, `nats-server` when it says nothing.
  std::string binary{};
};

/// A port of loopback that nobody has at the moment, and that no test, of this process or another, is given again while
/// this process lives (or has asked for 256 more).
int FreePort();

/// A real nats-server on a loopback port of its own, with a store in a temporary directory.
///
/// **Thread safety:** thread-compatible. The server dies with the thread that started it (so that none is left behind
/// when a test crashes): start it from the test's main thread.
/// **Ownership:** owns the process and the directory; both are gone after the destructor.
/// **Blocking:** `Start` until the server greets and `Reload` until it has read its configuration (10 s at most),
/// `Stop` and `Kill` until the process has ended.
class NatsServer {
 public:
  /// A running server. `kNotFound` when there is no such program, `kUnavailable` with the server's log when it does not
  /// come up.
  static absl::StatusOr<std::unique_ptr<NatsServer>> Launch(NatsServerOptions options = {});

  ~NatsServer();
  NatsServer(const NatsServer&) = delete;
  NatsServer& operator=(const NatsServer&) = delete;

  /// Starts again, with the same port and store. `kFailedPrecondition` when it runs.
  absl::Status Start();
  /// Ends it orderly (SIGTERM).
  void Stop();
  /// Ends it at once (SIGKILL).
  void Kill();
  /// Freezes it (SIGSTOP; returns when it has stopped) and lets it go on (SIGCONT).
  void Pause();
  void Resume();

  /// Replaces the additional configuration; read at the next `Start` or `Reload`.
  void set_config(std::string config) { options_.config = std::move(config); }
  /// Has it read its configuration anew (SIGHUP); it may refuse, see its log.
  void Reload() const;
  /// Another release from the next `Start` on, by name or path. `kNotFound` when there is no such program.
  absl::Status UseProgram(const std::string& binary);

  /// Replaces the additional configuration of a server that runs, which reads it now. `kUnavailable` with the server's
  /// log when it does not take it within 10 s.
  absl::Status Reload(std::string config);

  /// Any other, for instance SIGUSR2: "lame duck".
  void Signal(int signal) const;

  bool running() const { return process_ != nullptr; }
  /// 0 when it does not run.
  pid_t pid() const { return running() ? process_->pid() : 0; }
  int port() const { return port_; }
  std::string url() const;
  /// Where JetStream keeps its files.
  std::filesystem::path store() const { return directory_ / "store"; }
  /// Its output so far.
  std::string log() const;

 private:
  NatsServer(NatsServerOptions options, std::string program, std::filesystem::path directory);
  absl::Status Spawn();
  absl::Status AwaitGreeting();
  void End(int signal);
  void WriteConfig() const;

  NatsServerOptions options_;
  std::string program_;
  const std::filesystem::path directory_;
  int port_ = 0;
  std::unique_ptr<ChildProcess> process_{};
};

}  // namespace penstock::testing
