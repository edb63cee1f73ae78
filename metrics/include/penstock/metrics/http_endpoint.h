// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock::metrics {

struct HttpReply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body{};
};

/// Makes the reply to one request. Runs on the endpoint's thread; calls do not overlap. Must not block for long, must
/// not throw and must not stop the endpoint.
using HttpHandler = std::function<HttpReply()>;

struct HttpOptions {
  /// Address to listen on, or a name that resolves to one. There is neither encryption nor authentication: listen on
  /// loopback, or on a network that only your monitoring reaches.
  std::string host = "127.0.0.1";
  /// 0: any free port; see `HttpEndpoint::port`.
  std::uint16_t port = 0;
  /// Handlers by path, such as "/metrics". Paths begin with `/`; queries are ignored.
  std::map<std::string, HttpHandler> handlers{};
  /// Connections served at once; more wait in the listen queue. Range 1 to 1,024.
  std::size_t max_connections = 32;
  /// A connection is closed this long after it was opened, whatever it is doing. Range 10 ms to 1 min.
  std::chrono::milliseconds connection_timeout{5000};

  /// `kInvalidArgument` naming the field that is out of range.
  absl::Status Validate() const;
};

/// Content type of `RenderText`.
inline constexpr const char* kTextFormatContentType = "text/plain; version=0.0.4; charset=utf-8";

/// A small read-only HTTP/1.1 server: GET and HEAD on a few paths, one request per connection.
///
/// Anything else is answered 400, 404, 405 (other methods), 431 (a head over 8 KiB) or 505 (another protocol). All I/O
/// is non-blocking on one thread named `penstock-http`, so a slow client delays neither others, until `max_connections`
/// are open, nor the shutdown.
///
/// **Thread safety:** thread-safe.
/// **Ownership:** owns its socket, its thread and the handlers.
/// **Blocking:** only `Stop` and the destructor, until a running handler has returned.
/// **Ordering:** none.
/// **Shutdown:** `Stop` closes the socket and every connection at once.
class HttpEndpoint {
 public:
  /// Listens and starts serving. `kInvalidArgument` for invalid options or an unknown host; `kAlreadyExists` when the
  /// port is taken; `kPermissionDenied` when the port may not be used; `kUnavailable` for other system errors.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Listen(HttpOptions options);

  ~HttpEndpoint();
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  /// The port it listens on, even after `Stop`.
  std::uint16_t port() const;

  /// Idempotent. Must not be called from a handler.
  void Stop();

 private:
  class Core;
  explicit HttpEndpoint(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace penstock::metrics
