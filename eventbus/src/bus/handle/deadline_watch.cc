// SPDX-License-Identifier: Apache-2.0
#include "bus/handle/deadline_watch.h"

#include <optional>
#include <utility>

#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus {

DeadlineWatch::Watched::Watched(DeadlineWatch& watch, TimePoint deadline, std::stop_source source)
    : watch_(watch), place_(watch.Add(deadline, std::move(source))) {}

DeadlineWatch::Watched::~Watched() {
  MutexLock lock(watch_.mutex_);
  watch_.deadlines_.Remove(place_);
}

Deadlines::Place DeadlineWatch::Add(TimePoint deadline, std::stop_source source) {
  MutexLock lock(mutex_);
  const Deadlines::Place place = deadlines_.Add(deadline, std::move(source));
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  if (place.first == deadlines_.next()) wake_.NotifyOne();
  return place;
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
    std::optional<std::stop_source> late;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && !(late = deadlines_.TakeDue(std::chrono::steady_clock::now())))
        wake_.WaitUntil(lock, deadlines_.next());
      if (stopping_) return;
    }
    late->request_stop();
  }
}

}  // namespace penstock::eventbus
