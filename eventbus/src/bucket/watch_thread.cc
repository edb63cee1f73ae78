// SPDX-License-Identifier: Apache-2.0
#include "bucket/watch_thread.h"

#include <utility>

#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus {

void WatchThread::Start(std::function<void(const std::stop_token& stop)> run) {
  MutexLock lock(mutex_);
  thread_ = std::jthread([this, run = std::move(run)] {
    id_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    SetThreadName("ps-watch");
    run(stop_.get_token());
  });
}

void WatchThread::Stop() {
  stop_.request_stop();
  if (id_.load(std::memory_order_relaxed) == std::this_thread::get_id()) return;
  MutexLock lock(mutex_);
  if (thread_.joinable()) thread_.join();
}

}  // namespace penstock::eventbus
