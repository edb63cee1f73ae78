// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "penstock/metrics/event_stream.h"

namespace penstock::metrics {

struct HttpHeader {
  std::string name{};
  std::string value{};
};

/// A request whose head and body have been read.
struct HttpRequest {
  std::string method{};  ///< "GET" also for a HEAD request, whose reply is sent without its body
  std::string path{};    ///< as it was sent, percent escapes included
  std::string query{};   ///< what follows the `?`, as it was sent
  std::vector<HttpHeader> headers{};
  std::string body{};

  /// The values of all header fields of this name, in any case, joined by ", ". Empty: there is none.
  std::string Header(std::string_view name) const;
};

struct HttpReply {
  /// 200 to 599.
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  /// Compressed when the client asks for that and it saves bytes, unless `headers` has a `Content-Encoding`.
  std::string body{};
  /// Further header fields. The endpoint sets `Connection`, `Content-Length`, `Transfer-Encoding` and `Vary` itself.
  std::vector<HttpHeader> headers{};
};

/// Makes the reply to a request. Runs on the thread that the route names. When it throws, the client gets 500 and the
/// reason is logged. Must not destroy the endpoint.
using HttpHandler = std::function<HttpReply(const HttpRequest& request)>;

/// Takes over the stream of a client that asks for events, and returns soon; events are sent later, from any thread.
/// Runs on the thread that the route names. When it throws, the stream is closed.
using EventStreamHandler = std::function<void(const HttpRequest& request, std::shared_ptr<EventStream> stream)>;

/// Where a handler runs.
enum class HttpThread {
  kShared,  ///< on one of `HttpOptions::handler_threads`, with the handlers of all other such routes
  kOwn,     ///< on a thread of the route's own: calls do not overlap, and no other handler delays them
  kIo       ///< on the thread that does all I/O: only for what returns within a millisecond. Calls do not overlap
};

/// Answers the requests to one path. Exactly one of `handler` and `events` is set.
struct HttpRoute {
  HttpHandler handler{};
  EventStreamHandler events{};
  /// The methods it answers, in capitals; others are answered 405. GET includes HEAD. Not empty.
  std::vector<std::string> methods{"GET"};
  /// A request with a larger body is answered 413. Range 0 to 64 MiB; every connection may take that much memory.
  std::size_t max_body_bytes = std::size_t{64} * 1024;
  HttpThread thread = HttpThread::kShared;

  /// `kInvalidArgument` naming the field that is out of range, and `path`, the path of the route.
  absl::Status Validate(std::string_view path) const;
};

}  // namespace penstock::metrics
