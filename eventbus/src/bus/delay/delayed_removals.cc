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

DelayedRemovals::DelayedRemovals(Transport& transport, std::string stream, Removed removed,
                                 std::function<void(const absl::Status& why)> trouble)
    : transport_(transport), stream_(std::move(stream)), removed_(std::move(removed)), trouble_(std::move(trouble)) {}

void DelayedRemovals::Add(std::uint64_t sequence, std::uint64_t epoch, std::string subject, bool look) {
  const MutexLock lock(mutex_);
  if (stopping_) return;
  queue_.Add(sequence, epoch, std::move(subject), look);
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  work_.NotifyOne();
}

void DelayedRemovals::Forget() {
  const MutexLock lock(mutex_);
  queue_.Forget();
}

bool DelayedRemovals::refused() const {
  const MutexLock lock(mutex_);
  return queue_.refused();
}

void DelayedRemovals::Run() {
  SetThreadName("ps-delay-remove");
  while (auto item = Await()) {
    if (RemoveNow(*item)) {
      removed_(item->sequence, item->epoch);
    } else {
      PutBack(*std::move(item));
    }
  }
}

std::optional<DelayedRemovals::Item> DelayedRemovals::Await() {
  MutexLock lock(mutex_);
  while (queue_.empty() && !stopping_) work_.Wait(lock);
  return stopping_ ? std::nullopt : queue_.Take();
}

// The stream may have been deleted and created again meanwhile, with another message of that sequence.
absl::Status DelayedRemovals::TryToRemove(const Item& item) {
  if (item.look_first) {
    const auto there = transport_.ReadMessageAt(stream_, item.sequence);
    if (!there.ok()) return there.status();
    if ((*there)->subject() != item.subject) return absl::NotFoundError("another message has its sequence");
  }
  return transport_.DeleteMessage(stream_, item.sequence);
}

bool DelayedRemovals::RemoveNow(const Item& item) {
  const absl::Status removed = TryToRemove(item);
  const bool gone = removed.ok() || (absl::IsNotFound(removed) && !IsStreamMissing(removed));
  {
    const MutexLock lock(mutex_);
    queue_.Tried(!gone && IsRefusal(removed));
  }
  if (!gone) trouble_(removed);
  return gone;
}

// After a pause.
void DelayedRemovals::PutBack(Item item) {
  const auto until = std::chrono::steady_clock::now() + kPause;
  MutexLock lock(mutex_);
  while (!stopping_ && work_.WaitUntil(lock, until)) {
  }
  queue_.PutBack(std::move(item));
}

void DelayedRemovals::Stop() {
  const MutexLock lock(mutex_);
  stopping_ = true;
  work_.NotifyAll();
}

DelayedRemovals::~DelayedRemovals() {
  Stop();
  std::thread thread;
  {
    const MutexLock lock(mutex_);
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

}  // namespace penstock::eventbus
