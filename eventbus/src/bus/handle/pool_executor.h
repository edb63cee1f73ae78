// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {

/// Passes work on to a pool when its time has come, on a thread of its own, which waits while the pool is full.
///
/// **Thread safety:** thread-safe. Outlived by the pool until `Stop`. **Shutdown:** `Stop`; the destructor stops.
class PoolExecutor {
 public:
  using Work = absl::AnyInvocable<void()>;

  PoolExecutor(actorpool::ActorPool& pool, LogSink log) : pool_(&pool), log_(std::move(log)) {}
  ~PoolExecutor() { Stop(); }
  PoolExecutor(const PoolExecutor&) = delete;
  PoolExecutor& operator=(const PoolExecutor&) = delete;

  /// Before anything is posted: the bus whose handlers the work counts among.
  void ActFor(const EventBus& bus) { bus_ = &bus; }

  absl::Status Post(Work work, std::chrono::milliseconds delay);
  /// Destroys what has not been passed on. Idempotent. May be called before the pool ends.
  void Stop();

 private:
  using Time = std::chrono::steady_clock::time_point;

  void Run();
  void PassOn(Work work);
  bool Stopping() const;

  actorpool::ActorPool* const pool_;
  const LogSink log_;
  const EventBus* bus_ = nullptr;
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::pair<Time, std::uint64_t>, Work> waiting_ ABSL_GUARDED_BY(mutex_);  // by time, then in order
  std::uint64_t posted_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);  // begins with the first work
  Mutex stop_mutex_;                            // held while `Stop` joins
};

}  // namespace penstock::eventbus
