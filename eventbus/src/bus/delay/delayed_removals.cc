// SPDX-License-Identifier: Apache-2.0
#include "bus/delay/delayed_removals.h"

#include <chrono>
#include <utility>

#include "penstock/actorpool/internal/thread_name.h"
#include "transport/refusal.h"

namespace penstock::eventbus {
namespace {

constexpr std::chrono::milliseconds kPause{200};

}  // namespace

DelayedRemovals::DelayedRemovals(Transport& transport, std::string stream,
                                 std::function<void(std::uint64_t sequence)> removed,
                                 std::function<void(const absl::Status& why)> trouble)
    : transport_(transport), stream_(std::move(stream)), removed_(std::move(removed)), trouble_(std::move(trouble)) {}

void DelayedRemovals::Remove(std::uint64_t sequence) {
  const MutexLock lock(mutex_);
  if (stopping_) return;
  sequences_.push_back(sequence);
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  work_.NotifyOne();
}

void DelayedRemovals::Run() {
  SetThreadName("ps-delay-remove");
  while (true) {
    std::uint64_t next = 0;
    {
      MutexLock lock(mutex_);
      while (sequences_.empty() && !stopping_) work_.Wait(lock);
      if (stopping_) return;
      next = sequences_.front();
      sequences_.pop_front();
    }
    while (!RemoveNow(next)) {
      if (!Pause()) return;
    }
    removed_(next);
  }
}

bool DelayedRemovals::RemoveNow(std::uint64_t sequence) {
  const absl::Status removed = transport_.DeleteMessage(stream_, sequence);
  if (removed.ok() || (absl::IsNotFound(removed) && !IsStreamMissing(removed))) return true;
  trouble_(removed);
  return false;
}

bool DelayedRemovals::Pause() {
  const auto until = std::chrono::steady_clock::now() + kPause;
  MutexLock lock(mutex_);
  while (!stopping_ && work_.WaitUntil(lock, until)) {
  }
  return !stopping_;
}

void DelayedRemovals::Stop() {
  std::thread thread;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    work_.NotifyOne();
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

}  // namespace penstock::eventbus
