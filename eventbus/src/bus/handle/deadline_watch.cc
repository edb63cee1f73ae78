// SPDX-License-Identifier: Apache-2.0
#include "bus/handle/deadline_watch.h"

#include <utility>

#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus {

DeadlineWatch::Watched::Watched(DeadlineWatch& watch, Clock::time_point deadline, std::stop_source source)
    : watch_(watch), deadline_(deadline), source_(std::move(source)) {
  MutexLock lock(watch_.mutex_);
  place_ = watch_.watched_.emplace(deadline, this);
  if (!watch_.thread_.joinable()) watch_.thread_ = std::thread([&watch] { watch.Run(); });
  if (place_ == watch_.watched_.begin()) watch_.wake_.NotifyOne();
}

DeadlineWatch::Watched::~Watched() {
  MutexLock lock(watch_.mutex_);
  if (!asked_) watch_.watched_.erase(place_);
}

DeadlineWatch::~DeadlineWatch() {
  std::thread thread;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyOne();
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

// Callbacks of the token run without the lock: what is watched may end meanwhile, its source is a copy.
void DeadlineWatch::Run() {
  SetThreadName("ps-limits");
  while (true) {
    std::stop_source source(std::nostopstate);
    {
      MutexLock lock(mutex_);
      while (!stopping_ && (watched_.empty() || watched_.begin()->first > Clock::now()))
        wake_.WaitUntil(lock, watched_.empty() ? Clock::time_point::max() : watched_.begin()->first);
      if (stopping_) return;
      Watched& late = *watched_.begin()->second;
      source = late.source_;
      late.asked_ = true;
      watched_.erase(watched_.begin());
    }
    source.request_stop();
  }
}

}  // namespace penstock::eventbus
