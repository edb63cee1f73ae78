// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jetstream/connection/link.h"
#include "jetstream/io/handles.h"
#include "jetstream/io/loop_crew.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus::jetstream {

/// Told when the connection changed. Called on the supervisor's thread or one of the library's; must not block.
class ConnectionObserver {
 public:
  virtual ~ConnectionObserver() = default;
  /// A connection was lost or made.
  virtual void OnConnectionChanged() = 0;
  /// The server refused a publish to `subject`.
  virtual void OnPublishDenied(const std::string& /*subject*/) {}
};

/// Keeps a link to the server: makes a new one, with jittered back-off, whenever one ended for any reason.
///
/// **Thread safety:** thread-safe. **Ownership:** owns its supervisor thread; users of a link share it.
/// **Blocking:** `Open` up to the connect timeout; `Close` until an attempt to connect that runs has ended (3 s per
/// server at most).
/// **Shutdown:** observers must have left; links stay valid, closed, for who still holds one.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  /// Tries until `connect_timeout`. `kUnavailable`, `kUnauthenticated`, `kInvalidArgument`, `kFailedPrecondition`
  /// (TLS).
  static absl::StatusOr<std::shared_ptr<Connection>> Open(const BusOptions& options);

  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Null while disconnected and after `Close`.
  std::shared_ptr<Link> link() const;
  /// Waits for a link; null when `deadline` passes or the connection is closed.
  std::shared_ptr<Link> AwaitLink(Clock::time_point deadline) const;
  /// Waits; false when the connection was closed meanwhile.
  bool Pause(std::chrono::milliseconds time) const;

  void Observe(ConnectionObserver& observer);
  /// Waits for calls to `observer` that run. Not from one.
  void Leave(ConnectionObserver& observer);

  /// Whether the server has refused a publish to `subject` on the present connection.
  bool Denied(const std::string& subject) const;

  const std::string& redacted_url() const { return redacted_url_; }
  std::uint64_t reconnects() const { return reconnects_.load(std::memory_order_relaxed); }
  std::uint64_t dropped() const { return dropped_->load(std::memory_order_relaxed); }
  /// As of the last connection.
  std::size_t max_payload_bytes() const { return max_payload_bytes_.load(std::memory_order_relaxed); }
  bool connected() const;
  bool closed() const;

  /// The threads that read for this connection.
  LoopCrew& crew() { return crew_; }

  /// Flushes for up to `flush` and ends the connection for good. Idempotent.
  void Close(std::chrono::milliseconds flush);

 private:
  explicit Connection(const BusOptions& options);

  static void OnClosed(natsConnection* connection, void* closure);
  static void OnError(natsConnection* connection, natsSubscription* subscription, natsStatus status, void* closure);

  absl::Status ConnectFirst();
  absl::StatusOr<std::shared_ptr<Link>> Connect();
  void Adopt(std::shared_ptr<Link> link);
  void Supervise();
  bool AwaitLoss();
  bool Replace();
  void Wake();
  void NotifyObservers();
  void NoteDiscovered(natsConnection* connection);
  void NoteError(const std::string& text);

  const BusOptions options_;
  const std::string redacted_url_;
  const std::vector<std::string> servers_;
  void* closure_ = nullptr;                   // set once, before the first connection
  std::atomic<std::uint64_t> reconnects_{0};  // relaxed: a counter
  const std::shared_ptr<std::atomic<std::uint64_t>> dropped_ = std::make_shared<std::atomic<std::uint64_t>>(0);
  std::atomic<std::size_t> max_payload_bytes_{0};  // relaxed: a number by itself

  LoopCrew crew_{};  // outlives the links

  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::shared_ptr<Link> link_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::string> discovered_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::string> denied_ ABSL_GUARDED_BY(mutex_);

  Mutex observers_mutex_;  // held while observers are called; taken before `mutex_`
  std::vector<ConnectionObserver*> observers_ ABSL_GUARDED_BY(observers_mutex_);

  std::uint64_t generation_ = 0;  // of the thread that connects: the opener's, then the supervisor's
  std::minstd_rand random_;       // likewise
  std::thread supervisor_;        // joined by `Close`
};

}  // namespace penstock::eventbus::jetstream
