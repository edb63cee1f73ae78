// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <thread>

#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus {

/// The thread of a watch, `ps-watch`.
///
/// **Thread safety:** thread-safe. **Blocking:** `Stop` waits for the thread, unless called from it.
/// **Shutdown:** `Stop`, before what `run` uses is destroyed.
class WatchThread {
 public:
  WatchThread() = default;
  ~WatchThread() { Stop(); }
  WatchThread(const WatchThread&) = delete;
  WatchThread& operator=(const WatchThread&) = delete;

  /// Once.
  void Start(std::function<void(const std::stop_token& stop)> run);
  void Stop();

 private:
  Mutex mutex_;  // held while joining: others that stop wait for the same thread
  std::jthread thread_ ABSL_GUARDED_BY(mutex_){};
  std::stop_source stop_{};
  std::atomic<std::thread::id> id_{};  // relaxed: only the thread itself finds its own
};

}  // namespace penstock::eventbus
