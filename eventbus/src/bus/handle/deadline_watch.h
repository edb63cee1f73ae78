// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "bus/handle/time_limit.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus {

/// Asks what runs longer than it may to stop, from a thread of its own, which begins with the first of them.
///
/// **Thread safety:** thread-safe. Outlives what it watches. **Blocking:** the destructor, for a callback that runs.
class DeadlineWatch {
 public:
  /// Something that runs; destroyed when it has ended. Stop is requested of `source` soon after the deadline has
  /// passed.
  class Watched {
   public:
    Watched(DeadlineWatch& watch, TimePoint deadline, std::stop_source source);
    ~Watched();
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;

   private:
    DeadlineWatch& watch_;
    const Deadlines::Place place_;
  };

  DeadlineWatch() = default;
  ~DeadlineWatch();
  DeadlineWatch(const DeadlineWatch&) = delete;
  DeadlineWatch& operator=(const DeadlineWatch&) = delete;

 private:
  Deadlines::Place Add(TimePoint deadline, std::stop_source source);
  void Run();

  Mutex mutex_;
  CondVar wake_;
  Deadlines deadlines_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock::eventbus
