// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <stop_token>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus {

/// Asks what runs longer than it may to stop, from a thread of its own, which begins with the first of them.
///
/// **Thread safety:** thread-safe. Outlives what it watches. **Blocking:** the destructor, for a callback that runs.
class DeadlineWatch {
  using Clock = std::chrono::steady_clock;

 public:
  /// Something that runs; destroyed when it has ended. Stays where it is. Stop is requested of `source` soon after the
  /// deadline has passed.
  class Watched {
   public:
    Watched(DeadlineWatch& watch, Clock::time_point deadline, std::stop_source source);
    ~Watched();
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;

    bool passed() const { return Clock::now() >= deadline_; }

   private:
    friend class DeadlineWatch;

    DeadlineWatch& watch_;
    const Clock::time_point deadline_;
    std::stop_source source_;
    std::multimap<Clock::time_point, Watched*>::iterator place_{};  // guarded by the watch's mutex, as is the next
    bool asked_ = false;
  };

  DeadlineWatch() = default;
  ~DeadlineWatch();
  DeadlineWatch(const DeadlineWatch&) = delete;
  DeadlineWatch& operator=(const DeadlineWatch&) = delete;

 private:
  void Run();

  Mutex mutex_;
  CondVar wake_;
  std::multimap<Clock::time_point, Watched*> watched_ ABSL_GUARDED_BY(mutex_);  // those not asked yet
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock::eventbus
