// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/log.h"
#include "penstock/eventbus/bucket.h"
#include "penstock/eventbus/liveness.h"

namespace penstock::eventbus {

/// Writes an entry that says that the bus lives, every period, from a thread of its own, `ps-beat`.
///
/// **Thread safety:** `Stop` from any thread. **Ownership:** owns the thread; `Parts` outlive it.
/// **Shutdown:** `Stop` removes the entry, waiting for at most 500 ms. Idempotent.
class LivenessBeat {
 public:
  struct Parts {
    std::string client_id{};
    LivenessOptions options{};
    actorpool::ActorPool& pool;
    LogSink log{};
    std::function<absl::StatusOr<std::unique_ptr<Bucket>>(const BucketOptions& options, const BucketCallOptions& call)>
        open{};
    std::function<std::vector<SubscriptionLiveness>()> subscriptions{};
    int replicas = 1;
  };

  explicit LivenessBeat(Parts parts);
  ~LivenessBeat() { Stop(); }
  LivenessBeat(const LivenessBeat&) = delete;
  LivenessBeat& operator=(const LivenessBeat&) = delete;

  void Stop();

 private:
  void Run();
  absl::Status Beat();
  void Probe();
  void LogTrouble(const absl::Status& status);

  const Parts parts_;
  const std::chrono::milliseconds timeout_;
  std::stop_source stop_{};
  // Of the thread until it was joined.
  WorkerLiveness worker_{};
  std::unique_ptr<Bucket> bucket_{};
  bool warned_ = false;

  Mutex mutex_;
  CondVar wake_;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock::eventbus
