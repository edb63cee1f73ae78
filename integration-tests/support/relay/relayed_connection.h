// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/relay/tls_session.h"

namespace penstock::testing {

/// From where on a relay says nothing more to a client. Each step is reached after the one before it.
enum class Step {
  kAccepted,     ///< not even INFO
  kGreeted,      ///< after INFO: neither the TLS handshake nor CONNECT is answered
  kInHandshake,  ///< in the middle of the handshake's first record; with TLS only
  kEncrypted,    ///< after the handshake: CONNECT and PING are not answered
  kConnected,    ///< after the PONG that ends connecting
  kNever,
};

enum class Direction { kToServer, kToClient };

/// Makes another frame, or several or none, of one that the server sent.
using FrameRewriter = std::function<std::string(std::string frame)>;

/// A descriptor, closed by the destructor.
class Socket {
 public:
  explicit Socket(int number = -1) : number_(number) {}
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();
  int number() const { return number_; }

 private:
  int number_;
};

/// One client's connection through a relay, and the one to the server that belongs to it.
///
/// **Thread safety:** thread-confined. **Blocking:** never.
class RelayedConnection {
 public:
  /// Without `tls` the client is spoken to in plaintext.
  RelayedConnection(Socket client, int server_port, const std::shared_ptr<TlsContext>& tls, Step silent_at);

  /// The events that it waits for.
  void Await(std::vector<pollfd>& polled) const;
  /// Moves what can be moved.
  void Serve(const FrameRewriter& rewrite);
  /// An end is gone, or broke the rules of TLS.
  bool broken() const { return broken_; }

  void FreezeAfter(Direction direction, std::size_t bytes);
  void Say(std::string_view bytes);
  void Flood(char byte, std::size_t count);

  std::size_t bytes_to_client() const { return bytes_to_client_; }

 private:
  bool Frozen() const { return left_to_client_ == 0U || left_to_server_ == 0U; }
  bool WantsMoreFrames() const;
  void ReadClient();
  void ReadServer(const FrameRewriter& rewrite);
  void TakeFromClient(std::string_view bytes);
  void Forward(std::string frame, const FrameRewriter& rewrite);
  void Greet(std::string_view info);
  void FillFlood();
  void WriteClient();
  void WriteServer();

  Socket client_;
  Socket server_;
  std::unique_ptr<TlsSession> tls_;
  Step silent_at_;
  bool greeted_ = false;
  bool mute_;
  bool broken_ = false;

  std::string from_server_{};  // not yet a whole frame
  std::string to_client_{};    // as the socket takes it
  std::string to_server_{};
  std::optional<std::size_t> left_to_client_{};  // until it freezes
  std::optional<std::size_t> left_to_server_{};
  std::size_t bytes_to_client_ = 0;
  char flood_byte_ = 0;
  std::size_t flood_left_ = 0;
};

}  // namespace penstock::testing
