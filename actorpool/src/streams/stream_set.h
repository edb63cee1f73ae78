// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/internal/counter.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/internal/origin_process.h"
#include "penstock/actorpool/stream_registry.h"
#include "pool_client.h"
#include "streams/stream.h"
#include "streams/stream_table.h"
#include "supervision/log_limit.h"
#include "supervision/restart_log.h"

namespace penstock::actorpool {

/// The implementation of `StreamRegistry`, whose contracts it has: which streams there are, which of them are ending,
/// and the sums over all.
///
/// An ID that is registered again while its former stream ends gets a stream that is held until then. So there can be
/// a chain of streams of one ID, of which the first handles messages.
///
/// **Thread safety:** thread-safe. Lock order: its own lock, then the table's or a stream's, then the scheduler's.
/// **Ownership:** shares the streams until they have ended; refers to the pool.
class StreamSet final : public PoolClient, public StreamHost, public std::enable_shared_from_this<StreamSet> {
 public:
  /// Valid options only.
  StreamSet(ActorPool& pool, StreamRegistryOptions options);

  /// Lets the pool know of it. `kFailedPrecondition` when the pool takes no more work.
  absl::Status Attach();
  void Detach();
  const OriginProcess& origin() const { return origin_; }

  absl::Status Register(std::string_view id, std::unique_ptr<internal::StreamInbox> inbox,
                        const StreamOptions& options);
  absl::Status Unregister(std::string_view id, Pending pending, std::chrono::milliseconds timeout);
  absl::Status Dispatch(std::string_view id, void* message, std::chrono::milliseconds timeout);
  absl::Status NoCallback(std::string_view id) const;
  StreamRegistryStats Stats() const;
  absl::StatusOr<StreamStats> StatsOf(std::string_view id) const;
  absl::StatusOr<StreamDrainReport> Drain(std::chrono::milliseconds timeout);
  void Stop();

  void Close() override;
  bool AwaitEnded(TimePoint deadline) override;
  std::uint64_t Abandon() override;

  const StreamRegistryOptions& options() const override { return options_; }
  Scheduler& scheduler() override { return scheduler_; }
  void OnNearFull(const std::string& id, std::uint64_t queued, std::uint64_t capacity) override;
  void OnThrow(const std::string& id, const absl::Status& error, const RestartDecision& decision,
               TimePoint now) override;
  void OnEnded(const std::shared_ptr<Stream>& stream) override;

 private:
  /// A stream that has not ended, and the one of its ID that is held until it has.
  struct Living {
    std::shared_ptr<Stream> stream{};
    std::shared_ptr<Stream> successor{};
  };

  /// The beginning of an error's text: what failed, and of which stream.
  std::string Failing(std::string_view operation, std::string_view id) const;
  absl::Status CheckId(std::string_view operation, std::string_view id) const;
  absl::Status UnknownStream(std::string_view operation, std::string_view id) const;
  absl::Status ClosedError(std::string_view operation, std::string_view id) const;

  void Add(std::string_view id, std::unique_ptr<internal::StreamInbox> inbox, const StreamOptions& options)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// Takes a stream out of the table. Null when it is not there.
  std::shared_ptr<Stream> BeginEnding(std::string_view id);
  bool AwaitEnd(const Stream& stream, TimePoint deadline);
  /// Strikes out a stream that has ended, and returns the one that was held until then, if any.
  std::shared_ptr<Stream> Remove(const Stream& stream);
  void DropPending();
  std::vector<std::shared_ptr<Stream>> LivingStreams() const;

  const OriginProcess origin_{};
  ActorPool::Core& pool_;
  Scheduler& scheduler_;
  const StreamRegistryOptions options_;
  RestartLog restart_log_;
  LogLimit near_full_log_;
  StreamTable table_;
  SharedCounter unknown_;

  mutable Mutex mutex_;
  /// Written under the lock, read without it to choose the text of an error: relaxed.
  std::atomic<bool> closed_{false};
  std::unordered_map<const Stream*, Living> living_ ABSL_GUARDED_BY(mutex_){};
  /// The last stream of each ID that is not registered any longer and has not ended.
  std::unordered_map<std::string_view, const Stream*> ending_ ABSL_GUARDED_BY(mutex_){};
  std::size_t registered_ ABSL_GUARDED_BY(mutex_) = 0;
  StreamStats ended_total_ ABSL_GUARDED_BY(mutex_){};  ///< the counters of streams that have ended
  CondVar ended_;
};

}  // namespace penstock::actorpool
