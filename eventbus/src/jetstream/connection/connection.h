// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jetstream/connection/connector.h"
#include "jetstream/connection/link.h"
#include "jetstream/connection/reconnect_backoff.h"
#include "jetstream/connection/server_pool.h"
#include "jetstream/io/io_threads.h"
#include "jetstream/protocol/api_subjects.h"
#include "jetstream/protocol/unique_name.h"
#include "penstock/actorpool/internal/file_descriptor.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus::jetstream {

/// Told when the connection changed. Called on the supervisor's thread; must not block.
class ConnectionObserver {
 public:
  virtual ~ConnectionObserver() = default;
  /// A connection was lost or made.
  virtual void OnConnectionChanged() = 0;
  /// The server refused a publish or a subscription to `subject`.
  virtual void OnDenied(const std::string& /*subject*/) {}
};

/// Keeps a link to one of the servers: makes a new one, backed off, whenever one ended for any reason, and moves to
/// another server when one announces that it will close (lame duck mode).
///
/// **Thread safety:** thread-safe. **Ownership:** owns its supervisor thread and the I/O threads; users of a link share
/// it. **Blocking:** `Open` up to its deadline, whatever the number of servers; `Close` for what it is told.
/// **Shutdown:** observers must have left; links stay valid, closed, for those who still hold one.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  /// With options that were validated. Tries until `deadline`; a server's refusal is returned once every server was
  /// tried. `kUnavailable`, `kUnauthenticated`, `kInvalidArgument`, `kFailedPrecondition` (TLS), `kCancelled` (`stop`).
  static absl::StatusOr<std::shared_ptr<Connection>> Open(const BusOptions& options, Clock::time_point deadline,
                                                          const std::stop_token& stop);

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
  std::size_t observers() const;

  const std::string& redacted_url() const { return redacted_url_; }
  /// Where its JetStream is asked.
  const ApiSubjects& api_subjects() const { return api_subjects_; }
  /// A subject for answers that nobody else uses.
  std::string NewInbox() const { return UniqueInbox(options_.inbox_prefix); }
  std::uint64_t reconnects() const { return connections_.load(std::memory_order_relaxed) - 1; }
  /// As of the last connection.
  std::size_t max_payload_bytes() const;
  /// Whether JetStream may run on several servers: the server is one of several (as of the last connection), or
  /// JetStream is that of others.
  bool clustered() const;
  /// The server's version, such as "2.9.10". As of the last connection.
  std::string server_version() const;
  /// `how`, and the server of the last connection: URL, name, version, cluster. No secret.
  std::string Describe(std::string_view how) const;
  bool connected() const { return link() != nullptr; }
  bool closed() const;

  /// The threads that read for this connection.
  IoThreads& io_threads() { return io_threads_; }

  /// Waits up to `flush` until what was published has reached the server, and ends the connection for good. Idempotent.
  void Close(std::chrono::milliseconds flush);

 private:
  /// The supervisor's tasks.
  struct Work {
    bool closing = false;
    bool lost = false;
    bool lame_duck = false;
    std::vector<std::string> errors{};
  };

  Connection(const BusOptions& options, FileDescriptor cancel);

  absl::Status ConnectFirst(Clock::time_point deadline);
  void TellWhyNotYet(const absl::Status& status);
  void EndWaits();
  absl::Status Stopped() const;
  absl::StatusOr<std::shared_ptr<Link>> Connect(Clock::time_point deadline);
  absl::StatusOr<ReachedServer> Reach(const WaitLimit& limit);
  absl::StatusOr<std::shared_ptr<Link>> Establish(ReachedServer server, const WaitLimit& limit);
  IoEvents EventsOf();
  absl::Status About(const ServerAddress& server, const absl::Status& status) const;
  WaitLimit Limit(Clock::time_point deadline) const { return {deadline, cancel_.get()}; }
  void Adopt(std::shared_ptr<Link> link);

  void Supervise();
  Work AwaitWork();
  void Recover();
  bool Replace();
  void LeaveLameDuck();
  void CloseLost();
  bool IsNews(const std::string& error);
  void NoteError(const std::string& text);
  void NotifyObservers();
  void Learn(const ServerInfo& info);
  void OnEnded();
  void OnError(std::string_view text);
  void OnInfo(const ServerInfo& info);

  const BusOptions options_;
  const std::string redacted_url_;
  const ApiSubjects api_subjects_;
  const FileDescriptor cancel_;                // readable once closing: ends every wait of connecting
  std::atomic<std::uint64_t> connections_{0};  // made so far. Relaxed: a counter

  IoThreads io_threads_{};  // outlives the links

  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::shared_ptr<Link> link_ ABSL_GUARDED_BY(mutex_);
  std::size_t max_payload_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool clustered_ ABSL_GUARDED_BY(mutex_) = false;
  std::string server_version_ ABSL_GUARDED_BY(mutex_){};
  std::string server_name_ ABSL_GUARDED_BY(mutex_){};
  std::string cluster_ ABSL_GUARDED_BY(mutex_){};
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool lame_duck_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::string> errors_ ABSL_GUARDED_BY(mutex_);  // of the server, to be logged and told
  std::vector<std::string> learnt_ ABSL_GUARDED_BY(mutex_);  // servers named by the last one

  mutable Mutex observers_mutex_;  // held while observers are called; taken before `mutex_`
  std::vector<ConnectionObserver*> observers_ ABSL_GUARDED_BY(observers_mutex_);

  // Of the thread that connects: the opener's, then the supervisor's.
  std::minstd_rand random_;
  ServerPool servers_;
  ReconnectBackoff backoff_{};
  std::uint64_t generation_ = 0;
  std::string why_not_yet_{};     // told last
  std::set<std::string> told_{};  // errors of the server, on the connection of this generation
  std::uint64_t told_on_ = 0;

  std::thread supervisor_;  // joined by `Close`
};

}  // namespace penstock::eventbus::jetstream
