// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/status.h"

namespace penstock::metrics {

/// One event of a stream, as `EventSource` of a browser reads it.
struct ServerSentEvent {
  /// May have several lines; each of CR LF, LF and CR ends one.
  std::string data{};
  /// The event's type; empty: "message". Without line breaks.
  std::string type{};
  /// Sent by the client as `Last-Event-ID` when it connects again; empty: none. Without line breaks and zero bytes.
  std::string id{};
};

/// A client that reads server-sent events.
///
/// **Thread safety:** thread-safe.
/// **Ownership:** the handler's; the destructor closes the stream. It may outlive the endpoint.
/// **Blocking:** no method waits for the client.
/// **Ordering:** events are sent in the order of the calls.
/// **Shutdown:** `HttpEndpoint::Stop` ends all streams.
class EventStream {
 public:
  virtual ~EventStream() = default;

  /// Queues an event. `kInvalidArgument` for a `type` or `id` that cannot be sent; `kResourceExhausted` when the client
  /// has read so slowly that `HttpOptions::max_stream_queue_bytes` are queued, which ends the stream; `kCancelled` when
  /// the stream has ended.
  virtual absl::Status Send(const ServerSentEvent& event) = 0;

  /// The stream has ended: its client is gone or was too slow, `HttpOptions::stream_timeout` is over, it was closed, or
  /// the endpoint has stopped.
  virtual bool closed() const = 0;

  /// Sends what is queued, then ends the stream. Idempotent.
  virtual void Close() = 0;
};

}  // namespace penstock::metrics
