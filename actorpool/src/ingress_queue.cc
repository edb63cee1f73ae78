// SPDX-License-Identifier: Apache-2.0
#include "ingress_queue.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "actor.h"
#include "penstock/actorpool/internal/deadline.h"

namespace penstock::actorpool {
namespace {

constexpr std::size_t kChunkSize = 256;
constexpr std::size_t kMaxSpareChunks = 4;
constexpr std::size_t kBacklogChunks = 4;
constexpr std::size_t kMessagesPerReading = 8;
constexpr std::chrono::milliseconds kSpacePollInterval{2};

}  // namespace

void IngressQueue::AddActor(Actor& actor) {
  MutexLock lock(mutex_);
  quotas_.emplace_back().actor = &actor;
}

// With many producers and few workers every inbox would be full, and its messages evicted from the caches before they
// run. So a producer that may wait yields its core whenever a backlog of several chunks has formed.
Admission IngressQueue::TryEnqueue(std::size_t index, Message& message, std::chrono::milliseconds timeout, bool& wake) {
  const bool may_wait = timeout.count() > 0;
  bool has_backlog = false;
  {
    MutexLock lock(mutex_);
    InboxQuota& quota = quotas_[index];
    if (!closed_ && IsFull(quota)) {
      ++quota.inbox_full;
      if (!may_wait || !AwaitSpace(lock, quota, DeadlineAfter(timeout))) return Admission::kFull;
    }
    if (closed_) return Admission::kClosed;
    wake = Append(quota, message);
    has_backlog = open_.size() == 1 && full_.size() >= kBacklogChunks;
  }
  if (has_backlog && may_wait) std::this_thread::yield();
  return Admission::kAccepted;
}

// Workers signal free space only after a run, and only above a threshold. A slow handler delays that signal, so
// producers also poll.
bool IngressQueue::AwaitSpace(MutexLock& lock, InboxQuota& quota, TimePoint deadline) {
  quota.actor->AddWaiter();
  TimePoint now{};
  while (!closed_ && IsFull(quota) && (now = Clock::now()) < deadline) {
    quota.space->WaitUntil(lock, std::min(deadline, now + kSpacePollInterval));
  }
  quota.actor->RemoveWaiter();
  return closed_ || !IsFull(quota);
}

bool IngressQueue::IsFull(InboxQuota& quota) const {
  if (quota.sent - quota.begun_seen < inbox_capacity_) return false;
  quota.begun_seen = quota.actor->begun();
  return quota.sent - quota.begun_seen >= inbox_capacity_;
}

// The scheduler is told under this lock, so that Close() can promise that it knows of every accepted message.
bool IngressQueue::Append(InboxQuota& quota, Message& message) {
  if (open_.size() == kChunkSize) StartChunk();
  const TimePoint now = AcceptanceTime();
  open_.emplace_back(message, now, *quota.actor);
  if (++quota.sent - quota.begun_seen > quota.depth_highest) {
    quota.begun_seen = quota.actor->begun();
    quota.depth_highest = std::max<std::size_t>(quota.depth_highest, quota.sent - quota.begun_seen);
  }
  return !std::exchange(active_, true) && scheduler_.Add(this, now, {});
}

// Reading the clock costs a third of an enqueue. So a few queued messages share a reading, never beyond a tick. The
// first message of a chunk gets its own.
TimePoint IngressQueue::AcceptanceTime() {
  const std::int64_t tick = CoarseTick();
  if (open_.size() % kMessagesPerReading == 0 || tick != tick_) {
    read_at_ = Clock::now();
    tick_ = tick;
  }
  return read_at_;
}

void IngressQueue::StartChunk() {
  full_.push_back(std::exchange(open_, {}));
  if (spare_.empty()) return open_.reserve(kChunkSize);
  open_.swap(spare_.back());
  spare_.pop_back();
}

void IngressQueue::OnSpaceAvailable(std::size_t index) {
  MutexLock lock(mutex_);
  InboxQuota& quota = quotas_[index];
  if (quota.sent - quota.actor->begun() <= inbox_capacity_ / 2) quota.space->NotifyAll();
}

RunResult IngressQueue::Run(LatencyMeter&, TimePoint) {
  DequeueChunk();
  DistributeToActors();
  return {.next = RecycleChunk() ? RunResult::Next::kAgain : RunResult::Next::kIdle};
}

void IngressQueue::DequeueChunk() {
  MutexLock lock(mutex_);
  if (full_.empty()) {
    batch_.swap(open_);
  } else {
    batch_.swap(full_.front());
    full_.pop_front();
  }
}

void IngressQueue::DistributeToActors() {
  for (Task& task : batch_) {
    Actor& actor = *task.actor;
    if (actor.Buffer(std::move(task))) buffering_.push_back(&actor);
  }
  batch_.clear();
  for (Actor* actor : buffering_) {
    if (const auto resume_at = actor->FlushBuffer()) {
      activations_.push_back({.runnable = actor, .not_before = *resume_at});
    }
  }
  buffering_.clear();
  scheduler_.AddAll(activations_);
  activations_.clear();
}

bool IngressQueue::RecycleChunk() {
  MutexLock lock(mutex_);
  if (spare_.size() < kMaxSpareChunks) spare_.push_back(std::exchange(batch_, {}));
  active_ = !open_.empty() || !full_.empty();
  return active_;
}

void IngressQueue::Flush() {
  do {
    DequeueChunk();
    DistributeToActors();
  } while (RecycleChunk());
}

void IngressQueue::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  for (InboxQuota& quota : quotas_) quota.space->NotifyAll();
}

ActorStats IngressQueue::Stats(std::size_t index) const {
  MutexLock lock(mutex_);
  const InboxQuota& quota = quotas_[index];
  ActorStats stats = quota.actor->Stats();
  stats.sent = quota.sent;
  stats.inbox_full = quota.inbox_full;
  stats.inbox_depth = quota.sent - quota.actor->begun();
  stats.inbox_depth_highest = quota.depth_highest;
  return stats;
}

}  // namespace penstock::actorpool
