// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/subscriber/bounded_queue.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/internal/origin_process.h"
#include "penstock/actorpool/log.h"
#include "penstock/eventbus/options.h"
#include "penstock/eventbus/stats.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Connects the consumers of a reader with the reader: a bounded queue per topic, read by turns.
///
/// **Thread safety:** thread-safe.
/// **Ownership:** owns its consumers until it ends; shared by the reader and the bus, which ends it before the
/// transport goes.
/// **Blocking:** `Next`, until its deadline; `Open` for the transport; `Close` and `End` for a callback that runs.
class ReadChannel {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// `topic` is that of the statistics, or the pattern.
  ReadChannel(std::uint64_t id, std::string topic, ReaderOptions options, LogSink log);
  ~ReadChannel();
  ReadChannel(const ReadChannel&) = delete;
  ReadChannel& operator=(const ReadChannel&) = delete;

  /// Begins to receive from one more consumer; returns what `Close` is told. `kCancelled` when it has ended.
  absl::StatusOr<std::uint64_t> Open(Transport& transport, ConsumerSpec spec);
  /// Receives no more from that one. What waits can still be read.
  void Close(std::uint64_t source);

  /// Errors as `Reader::Next`.
  absl::StatusOr<std::shared_ptr<const StoredMessage>> Next(TimePoint deadline);

  /// The fate of what waits at the end.
  enum class Rest { kIsDropped, kCanBeRead };
  /// Ends it, for the first reason given: every `Next` returns `why` once there is nothing to read. All consumers have
  /// stopped when this returns. Idempotent.
  void End(absl::Status why, Rest rest);
  /// The consumers are to be stopped, or have been.
  bool ended() const;

  std::uint64_t dropped() const;
  SubscriptionStats Stats() const;
  const OriginProcess& origin() const { return origin_; }

 private:
  /// One consumer and its queue.
  struct Source {
    Source(const ReaderOptions& options) : queue(options.queue_capacity, options.when_full) {}

    BoundedQueue queue;
    Consumer* consumer = nullptr;  ///< null before it is open and since it is to be stopped
    std::size_t owed = 0;          ///< credit, while it is not open yet
    bool in_turn = false;          ///< is in `turns_`
  };
  using Shared = std::shared_ptr<Source>;

  void OnArrived(const Shared& source, std::vector<std::unique_ptr<StoredMessage>> messages);
  void OnClosed(const absl::Status& why);
  void Grant(Source& source, std::size_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::unique_ptr<StoredMessage> Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::uint64_t Dropped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::uint64_t> Admit(const Shared& source, std::unique_ptr<Consumer> consumer);
  void Tell(LogLevel level, const std::string& what) const;

  const OriginProcess origin_{};
  const std::uint64_t id_;
  const std::string topic_;
  const ReaderOptions options_;
  const LogSink log_;
  Mutex stop_mutex_;  ///< held while consumers are stopped
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::uint64_t, std::unique_ptr<Consumer>> consumers_ ABSL_GUARDED_BY(mutex_);
  std::map<std::uint64_t, Shared> sources_ ABSL_GUARDED_BY(mutex_);
  std::deque<Shared> turns_ ABSL_GUARDED_BY(mutex_);  ///< those that have something to read, each once
  std::uint64_t last_source_ ABSL_GUARDED_BY(mutex_) = 0;
  SubscriptionStats counters_ ABSL_GUARDED_BY(mutex_){};
  std::uint64_t dropped_before_ ABSL_GUARDED_BY(mutex_) = 0;  ///< by sources that were closed since
  absl::Status end_ ABSL_GUARDED_BY(mutex_){};                ///< OK: it has not ended
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;               ///< nothing can be read any more
};

}  // namespace penstock::eventbus
