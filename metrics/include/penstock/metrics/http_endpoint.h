// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/actorpool/log.h"
#include "penstock/metrics/http_route.h"

namespace penstock::metrics {

struct HttpOptions {
  /// Address to listen on, or a name that resolves to one. There is neither encryption nor authentication: listen on
  /// loopback, or on a network that only your monitoring reaches.
  std::string host = "127.0.0.1";
  /// 0: any free port; see `HttpEndpoint::port`.
  std::uint16_t port = 0;
  /// Routes by path, such as "/metrics". Paths begin with `/` and are matched whole, without the query.
  std::map<std::string, HttpRoute> routes{};
  /// Threads for the handlers of `HttpThread::kShared`. When that many handlers block, further ones wait; handlers of
  /// `kOwn` and `kIo` never wait for them. Range 1 to 64.
  std::size_t handler_threads = 2;
  /// The most requests that run or wait on `handler_threads`, and on the thread of each route of `HttpThread::kOwn`; a
  /// further request is answered 503. Range 1 to 1,024.
  std::size_t max_waiting = 32;
  /// The most connections that send a request or read a reply. When there are more, the oldest is closed that has not
  /// sent its whole request or has got its reply; if there is none, the oldest that reads a reply. Range 1 to 1,024.
  std::size_t max_connections = 32;
  /// A connection is closed this long after it was accepted, whatever it is doing; only a stream of events lives
  /// longer, for `stream_timeout`. Choose it above your slowest handler. Range 10 ms to 1 min.
  std::chrono::milliseconds connection_timeout{5000};
  /// Clients that read server-sent events at once; more are answered 503. Range 1 to 1,024.
  std::size_t max_streams = 16;
  /// A stream of events ends after this time; browsers connect again. Range 10 ms to 1 day.
  std::chrono::milliseconds stream_timeout{900'000};
  /// Bytes queued for one stream; a client that leaves more unread is cut off. Range 1 KiB to 64 MiB.
  std::size_t max_stream_queue_bytes = std::size_t{256} * 1024;
  /// Told of handlers that throw. May be empty.
  LogSink log{};

  /// `kInvalidArgument` naming the field that is out of range.
  absl::Status Validate() const;
};

/// A small HTTP/1.1 server for probes, scrapes and a console: one request per connection.
///
/// Requests that no handler can answer are answered 400 (no valid request), 404, 405, 413, 431 (a head over 8 KiB),
/// 501 (an unknown transfer coding), 503 (too many requests wait) or 505 (another version than 1.0 and 1.1). All I/O is
/// non-blocking on one thread named `penstock-http`; handlers run where their routes say (`HttpThread`), on threads
/// named `penstock-http-h`. So neither clients nor blocked handlers delay a route of `HttpThread::kIo`.
///
/// **Thread safety:** thread-safe.
/// **Ownership:** owns its socket, its threads and the handlers.
/// **Blocking:** the destructor, until running handlers have returned. `Stop` waits for a running handler of
/// `HttpThread::kIo` only.
/// **Ordering:** none.
/// **Shutdown:** `Stop` closes the socket, every connection and every stream at once. Handlers that run are not waited
/// for; their replies are dropped. Requests that wait for a thread are dropped.
class HttpEndpoint {
 public:
  /// Listens and starts serving. `kInvalidArgument` for invalid options or an unknown host; `kAlreadyExists` when the
  /// port is taken; `kPermissionDenied` when the port may not be used; `kResourceExhausted` when no thread can be
  /// started; `kUnavailable` for other system errors.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Listen(HttpOptions options);

  ~HttpEndpoint();
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  /// The port it listens on, even after `Stop`.
  std::uint16_t port() const;

  /// Idempotent. Must not be called from a handler of `HttpThread::kIo`.
  void Stop();

 private:
  class Core;
  explicit HttpEndpoint(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace penstock::metrics
