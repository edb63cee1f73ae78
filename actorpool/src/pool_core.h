// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "actor.h"
#include "clock.h"
#include "ingress_queue.h"
#include "key_hash.h"
#include "measure/latency_meter.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/internal/inline_executor.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/internal/origin_process.h"
#include "penstock/actorpool/internal/pool_access.h"
#include "pool_client.h"
#include "scheduler.h"
#include "supervision/restart_log.h"

namespace penstock::actorpool {

/// The implementation of `ActorPool` and of `internal::PoolAccess`: owns the actors, their ingress queues, the
/// scheduler and the workers. Contracts are those of the two. Lets its clients use scheduler and workers too.
class ActorPool::Core final : public internal::InlineExecutor {
 public:
  /// Valid options only.
  explicit Core(ActorPoolOptions options);
  ~Core() override { Stop(); }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  absl::Status StartWorkers();
  const OriginProcess& origin() const { return origin_; }

  /// The actor of a key hash, and of the next message without key.
  std::size_t ActorOf(std::uint64_t key_hash) const { return SlotOf(key_hash, options_.actors); }
  std::size_t NextActor() { return unkeyed_.fetch_add(1, std::memory_order_relaxed) % options_.actors; }

  /// Sets `wake` when the caller must call `WakeOne`.
  Admission TryEnqueue(std::size_t actor_index, Message& message, std::chrono::milliseconds timeout, bool& wake);
  void WakeOne() { scheduler_.WakeOne(); }
  absl::Status RefusalStatus(Admission admission) const;

  std::optional<std::size_t> TryReserve() override;
  void RunFor(std::size_t slot, std::chrono::nanoseconds budget) override;
  void Abandon() override { scheduler_.AbandonInline(); }

  /// Runs `client` too, until it is detached. False: the pool refuses messages already.
  bool Attach(std::shared_ptr<PoolClient> client);
  void Detach(const PoolClient& client);
  Scheduler& scheduler() { return scheduler_; }

  /// Whether this thread runs or completes a message of this pool.
  bool IsPoolThread() const;

  PoolStats Stats() const;
  absl::Status Drain(std::chrono::milliseconds timeout);
  void Stop();

 private:
  enum class State { kOpen, kEnding, kEnded };

  /// An actor belongs to the ingress queue that its lowest bits name, with its other bits as index there.
  std::size_t queue_count() const { return std::size_t{1} << queue_bits_; }
  IngressQueue& QueueOf(std::size_t actor) const { return *queues_[actor & (queue_count() - 1)]; }
  std::size_t IndexInQueue(std::size_t actor) const { return actor >> queue_bits_; }

  void RunWorker(std::size_t worker);
  void RefuseMessages();
  bool AwaitClients(TimePoint deadline);
  std::vector<std::shared_ptr<PoolClient>> clients() const;
  /// Ends the pool on the first thread that calls it. The others wait for that: false when `deadline` passes first.
  bool End(TimePoint deadline);
  void EndNow();

  const OriginProcess origin_{};
  const ActorPoolOptions options_;
  const int queue_bits_;
  RestartLog restart_log_;
  Scheduler scheduler_;
  std::vector<std::unique_ptr<IngressQueue>> queues_;
  std::deque<Actor> actors_;
  std::vector<LatencyMeter> meters_;  ///< one per worker, then one per inline slot
  /// Relaxed: it distributes messages and orders nothing.
  std::atomic<std::uint64_t> unkeyed_{0};
  std::atomic<std::uint64_t> abandoned_{0};  ///< relaxed: a counter that orders nothing
  std::vector<std::jthread> workers_;        ///< filled by `StartWorkers`, joined by the one thread that ends the pool

  mutable Mutex clients_mutex_;
  bool refuses_clients_ ABSL_GUARDED_BY(clients_mutex_) = false;
  std::vector<std::shared_ptr<PoolClient>> clients_ ABSL_GUARDED_BY(clients_mutex_){};

  Mutex state_mutex_;
  State state_ ABSL_GUARDED_BY(state_mutex_) = State::kOpen;
  CondVar ended_;
};

}  // namespace penstock::actorpool
