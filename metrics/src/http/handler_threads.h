// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "penstock/actorpool/internal/mutex.h"

namespace penstock::metrics {

/// Threads named `penstock-http-h` that run handlers, each in the order of `Post`.
///
/// **Thread safety:** thread-safe. **Blocking:** only the destructor, until running jobs have returned.
/// **Shutdown:** `Close` drops what waits.
class HandlerThreads {
 public:
  using Job = std::function<void()>;

  /// Throws `std::system_error` when a thread cannot be started.
  HandlerThreads(std::size_t threads, std::size_t max_waiting);
  ~HandlerThreads();
  HandlerThreads(const HandlerThreads&) = delete;
  HandlerThreads& operator=(const HandlerThreads&) = delete;

  /// Returns false, and drops the job, when `max_waiting` jobs run or wait, and after `Close`. Jobs must not throw.
  bool Post(Job job);

  void Close();

 private:
  void Run();
  void RunOne(Job job);
  Job Next();
  void JoinAll();

  const std::size_t max_waiting_;
  Mutex mutex_;
  CondVar work_;
  std::deque<Job> waiting_ ABSL_GUARDED_BY(mutex_);
  std::size_t running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace penstock::metrics
