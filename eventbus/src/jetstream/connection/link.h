// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "jetstream/io/event_loop.h"
#include "jetstream/io/handles.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// One connection to a server, from connect to close; never reconnected. Thread-safe.
class Link {
 public:
  /// `connection` was made to use `loop`, which begins now. `broken` is told, possibly more than once, when a new
  /// connection is needed.
  Link(ConnectionHandle connection, std::unique_ptr<EventLoop> loop, std::uint64_t generation,
       std::function<void()> broken, std::shared_ptr<std::atomic<std::uint64_t>> dropped);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  natsConnection* get() const { return connection_.get(); }
  EventLoop& loop() const { return *loop_; }
  /// Counts connections from 1: what was known on a lower one has to be made again.
  std::uint64_t generation() const { return generation_; }
  std::size_t max_payload_bytes() const { return max_payload_bytes_; }
  bool usable() const {
    return !failed_.load(std::memory_order_relaxed) && !natsConnection_IsClosed(connection_.get());
  }

  /// Publishes, in this order. `kUnavailable` and the like when they could not all be sent.
  absl::Status Publish(std::span<const Publication> publications);
  absl::Status Publish(const Publication& publication) { return Publish({&publication, 1}); }
  /// The same, with the library's word for what went wrong.
  natsStatus Send(const Publication& publication) { return Send({&publication, 1}); }

  /// Asks and waits for the first answer, which is then `*reply`.
  natsStatus Request(natsMsg** reply, const std::string& subject, std::string_view body, std::int64_t timeout_ms);

  /// Whether the server answered a ping within the time: then the connection was alive when this was called.
  bool Ping(std::int64_t timeout_ms);

  /// Ends the connection, once no request is under way: nats.c frees what an answer that comes just then still uses
  /// (3.4.1, seen by ThreadSanitizer). Ends the loop too. Waits as long as a request may, and for what was published to
  /// go out.
  void Close();

  /// Gives the connection up when `status` says that it is at fault: a write that failed halfway leaves it useless.
  void Report(natsStatus status);

  void CountDropped(std::int64_t count);

 private:
  natsStatus Send(std::span<const Publication> publications);
  bool BeginRequest();
  void EndRequest();

  const std::unique_ptr<EventLoop> loop_;  // outlives the connection, which calls it
  const ConnectionHandle connection_;
  const std::uint64_t generation_;
  const std::size_t max_payload_bytes_;
  const std::function<void()> broken_;
  const std::shared_ptr<std::atomic<std::uint64_t>> dropped_;  // relaxed: a counter
  std::atomic<bool> failed_{false};                            // relaxed: a hint that is also notified
  Mutex mutex_;
  CondVar no_requests_;
  int requests_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace penstock::eventbus::jetstream
