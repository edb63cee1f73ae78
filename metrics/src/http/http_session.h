// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "http/connection_limit.h"
#include "http/handler_threads.h"
#include "penstock/metrics/http_endpoint.h"

namespace penstock::metrics {

/// The endpoint, as its sessions see it; called on the I/O thread.
class SessionHost {
 public:
  virtual ~SessionHost() = default;

  virtual const HttpOptions& options() const = 0;
  /// The session does something else now. May close sessions, this one included.
  virtual void OnPhase(ConnectionLimit::Id id, ConnectionPhase phase) = 0;
  /// The session is closed, and let go of.
  virtual void OnClosed(ConnectionLimit::Id id) = 0;
  /// Whether there may be another stream of events.
  virtual bool HasRoomForStream() const = 0;
  /// Runs the job on the thread of the route; false when too many wait for it already.
  virtual bool Post(const HttpRoute& route, HandlerThreads::Job job) = 0;
};

/// One connection: reads a request, has it answered, writes the reply, waits for the client to close.
///
/// **Thread safety:** confined to the I/O thread. **Ownership:** the host, its pending operations and its job share it;
/// the host must outlive it. **Blocking:** nothing.
class HttpSession {
 public:
  static std::shared_ptr<HttpSession> Make(boost::asio::ip::tcp::socket socket, ConnectionLimit::Id id,
                                           SessionHost& host);
  virtual ~HttpSession() = default;

  virtual void Start() = 0;
  /// Idempotent.
  virtual void Close() = 0;
};

}  // namespace penstock::metrics
