// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock::testing {

struct RawMessage {
  std::string subject{};
  std::string reply{};
  std::string headers{};  ///< the whole block, `NATS/1.0...` with its line ends; empty when there was none
  std::string body{};
  int subscription = 0;
};

/// The NATS protocol over a socket, written without any client library: stands in tests for "another client". Speaks
/// TLS to a server that requires it, whose certificate it does not look at.
///
/// **Thread safety:** thread-confined.
/// **Blocking:** each call up to its timeout (5 s where none is given).
class RawNats {
 public:
  /// `connect_json` is sent as the CONNECT body: credentials go there.
  static absl::StatusOr<RawNats> Connect(
      int port,
      std::string_view connect_json = R"({"verbose":false,"pedantic":false,"headers":true,"no_responders":true})");
  /// Whether something on this port of loopback speaks NATS.
  static bool Greets(int port);
  /// Whether anything listens on this port of loopback.
  static bool Accepts(int port);

  RawNats(RawNats&& other) noexcept;
  RawNats& operator=(RawNats&& other) noexcept;
  ~RawNats();

  /// `headers` is a block of `Name: value\r\n` lines, with or without the first line (`NATS/1.0...\r\n`) and without
  /// the last, empty one; empty: no headers.
  absl::Status Publish(std::string_view subject, std::string_view body, std::string_view reply = {},
                       std::string_view headers = {});
  /// Returns the number that messages of this subscription carry.
  absl::StatusOr<int> Subscribe(std::string_view subject);
  absl::Status Unsubscribe(int subscription);
  /// The next message of any subscription. `kDeadlineExceeded`; `kUnavailable` when the server closed or sent `-ERR`.
  absl::StatusOr<RawMessage> Next(std::chrono::milliseconds timeout = std::chrono::seconds(5));
  /// Publishes and waits for the first answer, on an inbox of its own; messages of other subscriptions that come first
  /// are lost.
  absl::StatusOr<RawMessage> Request(std::string_view subject, std::string_view body, std::string_view headers = {},
                                     std::chrono::milliseconds timeout = std::chrono::seconds(5));
  /// Waits until the server has processed all that was sent.
  absl::Status Ping();

  /// The JSON of the server's greeting.
  const std::string& info() const { return info_; }

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  struct Free {
    void operator()(SSL* session) const { SSL_free(session); }
  };
  explicit RawNats(int socket) : socket_(socket) {}
  absl::Status Encrypt();
  absl::Status Send(std::string_view bytes);
  absl::Status Fill(Deadline deadline);
  absl::StatusOr<std::string> ReadLine(Deadline deadline);
  absl::StatusOr<std::string> ReadBytes(std::size_t count, Deadline deadline);
  absl::StatusOr<RawMessage> ReadNext(Deadline deadline);
  absl::StatusOr<RawMessage> ReadMessage(std::string_view line, Deadline deadline);

  int socket_ = -1;
  std::unique_ptr<SSL, Free> tls_{};  // null: plaintext
  int last_subscription_ = 0;
  std::string buffer_{};
  std::string info_{};
  std::deque<RawMessage> waiting_{};
};

}  // namespace penstock::testing
