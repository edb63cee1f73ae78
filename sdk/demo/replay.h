// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ledger.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/penstock.h"
#include "view.h"

namespace penstock::demo {

struct ReplayOptions {
  std::string url{};  ///< of the transport
  std::size_t actors = 256;
  std::size_t workers = 0;                      ///< 0: one per core
  std::optional<std::uint16_t> metrics_port{};  ///< serve `/metrics` there; 0: any free port
};

/// Sends a ledger's events through an event bus and back into the ledger.
///
/// **Thread safety:** thread-safe, except that `Finish` is called once, by the thread that called `Start`.
/// **Ownership:** owns the bus, the endpoint and the publishing thread; the ledger must outlive it.
/// **Blocking:** `Start`, `Finish` and the destructor.
/// **Shutdown:** `Finish`, or the destructor, which abandons what is under way.
class Replay {
 public:
  /// Connects, subscribes, and begins to publish on a thread of its own. Errors as the bus gives them.
  static absl::StatusOr<std::unique_ptr<Replay>> Start(Ledger& ledger, const ReplayOptions& options);

  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  /// Whether there is nothing more to wait for: everything is settled, or it broke off; see `Finish`.
  bool done() const { return done_.load(std::memory_order_acquire); }

  Progress progress() const;

  /// The port that serves `/metrics`; 0 when none does.
  std::uint16_t metrics_port() const { return endpoint_ ? endpoint_->port() : 0; }

  /// Drains the bus and puts what it counted into `report`. An error when publishing or draining broke off: what was
  /// not handled is then lost.
  absl::Status Finish(Report& report);

 private:
  explicit Replay(Ledger& ledger) : ledger_(ledger) {}
  absl::Status Open(const ReplayOptions& options);
  absl::Status Serve(std::uint16_t port);
  Outcome Handle(const Envelope& envelope, const Delivery& delivery);

  void Run(const std::stop_token& stop);
  absl::Status PublishAll(const std::stop_token& stop);
  absl::Status AwaitHandled(std::uint64_t count, const std::stop_token& stop);
  void AwaitSettled(const std::stop_token& stop);
  std::uint64_t Settled() const;
  void Wake();
  void Abandon();

  using Clock = std::chrono::steady_clock;

  Ledger& ledger_;
  const Clock::time_point start_ = Clock::now();
  std::atomic<Clock::duration::rep> first_send_{0};  // relaxed: for display; exact after done_
  std::atomic<std::uint64_t> published_{0};          // relaxed: for display
  // Handled events the publisher waits for. Sequentially consistent, as the ledger's count is: either the handler sees
  // the wish, or the publisher sees the count.
  std::atomic<std::uint64_t> awaited_{std::numeric_limits<std::uint64_t>::max()};
  std::atomic<bool> done_{false};  // release after result_ and finish_
  mutable Mutex mutex_;
  CondVar changed_;
  absl::Status result_ ABSL_GUARDED_BY(mutex_);
  Clock::time_point finish_{};
  std::unique_ptr<EventBus> bus_;
  std::unique_ptr<metrics::HttpEndpoint> endpoint_;
  std::jthread publisher_;
};

}  // namespace penstock::demo
