// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jetstream/io/send_queue.h"
#include "jetstream/protocol/connect_line.h"
#include "penstock/actorpool/internal/file_descriptor.h"

namespace penstock::eventbus::jetstream {

/// The server that nats.c believes to talk to: a socket on loopback that lets one client in. It tells the library INFO,
/// passes its CONNECT on with the client's identity in it, and carries pings and their answers. The library has no
/// subscriptions and publishes nothing, so this is all that it says.
///
/// Another program of this machine may connect in the library's place; it does not know the name under which the
/// library was told to connect, is refused for that, and has learnt no more than INFO.
///
/// **Thread safety:** thread-confined to the thread of the loop, once that runs.
class SessionRelay {
 public:
  /// Listens on a free port of loopback. `kResourceExhausted` when the process has no descriptor left.
  static absl::StatusOr<SessionRelay> Listen(std::string info_line, ClientIdentity identity);

  /// Where the library is to connect, and the name it is to connect under.
  int port() const { return port_; }
  const std::string& admission() const { return admission_; }

  /// The descriptor to poll for input.
  int descriptor() const { return client_.valid() ? client_.get() : listener_.get(); }
  /// Lets the library in, or takes what it says and passes it on to `queue`. An error ends the session.
  absl::Status OnReadable(SendQueue& queue);
  /// Passes a line of the server's on, with its line end. An error ends the session.
  absl::Status Send(std::string_view line);
  /// The server answered the library's CONNECT and PING: the session stands.
  absl::Status SendPong();
  bool established() const { return established_; }

  /// Nobody is let in any more, and the library finds the connection at its end.
  void Close();

 private:
  SessionRelay(FileDescriptor listener, int port, std::string admission, std::string info_line,
               ClientIdentity identity);

  absl::Status Admit();
  absl::Status OnLine(std::string_view line, SendQueue& queue);

  FileDescriptor listener_;
  FileDescriptor client_{};
  int port_;
  std::string admission_;
  std::string info_line_;
  ClientIdentity identity_;
  std::string heard_{};      // the start of a line of the library's
  bool introduced_ = false;  // its CONNECT was passed on
  bool established_ = false;
};

}  // namespace penstock::eventbus::jetstream
