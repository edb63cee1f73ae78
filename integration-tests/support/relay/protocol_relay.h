// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "penstock/actorpool/internal/mutex.h"
#include "support/relay/relayed_connection.h"
#include "support/relay/tls_session.h"

namespace penstock::testing {

/// Stands between clients and a nats-server, reads what the server says frame by frame, and changes it, keeps silent
/// or stops at a given byte. Towards clients it speaks TLS when it has a certificate, whatever the server does.
///
/// **Thread safety:** thread-safe. **Ownership:** owns its sockets and a thread named `nats-relay`.
/// **Blocking:** no call waits for the network. **Shutdown:** the destructor closes every connection.
class ProtocolRelay {
 public:
  struct Options {
    int server_port = 0;             ///< on loopback; speaks plaintext
    std::string certificate_file{};  ///< PEM; empty: plaintext towards clients as well
    std::string key_file{};
  };

  /// Listens on a free port of loopback. `kInternal` when the system gives no sockets.
  static absl::StatusOr<std::unique_ptr<ProtocolRelay>> Start(const Options& options);
  ~ProtocolRelay();
  ProtocolRelay(const ProtocolRelay&) = delete;
  ProtocolRelay& operator=(const ProtocolRelay&) = delete;

  int port() const { return port_; }
  /// `tls://` or `nats://`.
  std::string url() const;

  /// Connections to come are silent from this step on; those that there are stay as they are.
  void GoSilentAt(Step step);
  /// Connections that there are stop for good, both ways and without a word, when so many more bytes have passed in
  /// this direction. Bytes are those of the socket: of TLS records, where there are any.
  void FreezeAfter(Direction direction, std::size_t bytes);
  /// Every frame of the server, of connections to come too, is replaced by what `rewrite` makes of it: a whole frame
  /// with its line end and body. It runs on the relay's thread and must not call the relay. Empty: nothing is changed.
  void Rewrite(FrameRewriter rewrite);
  /// Says this to the clients that there are, between two frames of the server.
  void Say(const std::string& bytes);
  /// Says `count` times the same byte to the clients that there are, as fast as they read, and nothing else meanwhile.
  void Flood(char byte, std::size_t count);
  /// Closes the connections that there are; returns how many.
  std::size_t Cut();
  /// Closes the connections that there are, and accepts none any more.
  void Shut();

  /// Connections that there are.
  std::size_t connections() const;
  /// Connections accepted so far.
  std::size_t accepted() const;
  /// Bytes that clients have taken so far.
  std::size_t bytes_to_clients() const;

 private:
  ProtocolRelay(int server_port, std::shared_ptr<TlsContext> tls, Socket listener, int port, Socket wake);
  void Run();
  std::vector<pollfd> Interests() const;
  void Serve();
  void Accept() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Wake() const;

  const int server_port_;
  const std::shared_ptr<TlsContext> tls_;
  const int port_;
  const Socket wake_;

  mutable Mutex mutex_;
  Socket listener_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Step silent_at_ ABSL_GUARDED_BY(mutex_) = Step::kNever;
  FrameRewriter rewrite_ ABSL_GUARDED_BY(mutex_){};
  std::vector<RelayedConnection> connections_ ABSL_GUARDED_BY(mutex_){};
  std::size_t accepted_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t bytes_of_closed_ ABSL_GUARDED_BY(mutex_) = 0;

  std::thread thread_;  // joined by the destructor
};

}  // namespace penstock::testing
