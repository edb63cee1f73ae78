// SPDX-License-Identifier: Apache-2.0
#include "intake.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "actor.h"

namespace penstock::actorpool {
namespace {

constexpr std::size_t kChunk = 256;
constexpr std::size_t kSpareChunks = 4;
constexpr std::size_t kChunksBehind = 4;
constexpr std::size_t kPerReading = 8;
constexpr std::chrono::milliseconds kLookForRoom{2};

}  // namespace

void Intake::Serve(Actor& actor) {
  MutexLock lock(mutex_);
  accounts_.emplace_back().actor = &actor;
}

// Many producers beside few workers would fill every inbox, and what lies there has left the processor's caches when
// its turn comes. So one that may wait lets others run whenever it sees that they are behind.
Admission Intake::Offer(std::size_t number, Message& message, std::chrono::milliseconds timeout, bool& wake) {
  const bool may_wait = timeout.count() > 0;
  bool behind = false;
  {
    MutexLock lock(mutex_);
    Account& account = accounts_[number];
    if (!closed_ && Full(account)) {
      ++account.inbox_full;
      if (!may_wait || !AwaitRoom(lock, account, DeadlineAfter(timeout))) return Admission::kFull;
    }
    if (closed_) return Admission::kClosed;
    wake = Append(account, message);
    behind = open_.size() == 1 && full_.size() >= kChunksBehind;
  }
  if (behind && may_wait) std::this_thread::yield();
  return Admission::kAccepted;
}

// A worker tells of room after a turn and once there is much of it; slow handlers can put that off: hence the looks.
bool Intake::AwaitRoom(MutexLock& lock, Account& account, TimePoint deadline) {
  account.actor->AddWaiter();
  TimePoint now{};
  while (!closed_ && Full(account) && (now = Clock::now()) < deadline) {
    account.room->WaitUntil(lock, std::min(deadline, now + kLookForRoom));
  }
  account.actor->RemoveWaiter();
  return closed_ || !Full(account);
}

bool Intake::Full(Account& account) const {
  if (account.sent - account.begun_seen < inbox_capacity_) return false;
  account.begun_seen = account.actor->begun();
  return account.sent - account.begun_seen >= inbox_capacity_;
}

// Telling the scheduler under this lock is what lets Close() promise that it knows of every accepted message.
bool Intake::Append(Account& account, Message& message) {
  if (open_.size() == kChunk) StartChunk();
  const TimePoint now = Now();
  open_.emplace_back(message, now, *account.actor);
  if (++account.sent - account.begun_seen > account.depth_highest) {
    account.begun_seen = account.actor->begun();
    account.depth_highest = std::max<std::size_t>(account.depth_highest, account.sent - account.begun_seen);
  }
  return !std::exchange(active_, true) && scheduler_.Add(this, now, {});
}

// Reading the clock costs a third of all that is done here. So messages that pile up share a reading, a few of them and
// never beyond a tick. One that finds the chunk empty gets its own.
TimePoint Intake::Now() {
  const std::int64_t tick = CoarseTick();
  if (open_.size() % kPerReading == 0 || tick != tick_) {
    now_ = Clock::now();
    tick_ = tick;
  }
  return now_;
}

void Intake::StartChunk() {
  full_.push_back(std::exchange(open_, {}));
  if (spare_.empty()) return open_.reserve(kChunk);
  open_.swap(spare_.back());
  spare_.pop_back();
}

void Intake::RoomMade(std::size_t number) {
  MutexLock lock(mutex_);
  Account& account = accounts_[number];
  if (account.sent - account.actor->begun() <= inbox_capacity_ / 2) account.room->NotifyAll();
}

Turn Intake::Run(LatencyMeter&, TimePoint) {
  Take();
  Sort();
  return {.next = Recycle() ? Turn::Next::kAgain : Turn::Next::kIdle};
}

void Intake::Take() {
  MutexLock lock(mutex_);
  if (full_.empty()) {
    batch_.swap(open_);
  } else {
    batch_.swap(full_.front());
    full_.pop_front();
  }
}

void Intake::Sort() {
  for (Task& task : batch_) {
    Actor& actor = *task.actor;
    if (actor.Stage(std::move(task))) staged_.push_back(&actor);
  }
  batch_.clear();
  for (Actor* actor : staged_) {
    if (const auto resume_at = actor->AcceptStaged()) {
      activations_.push_back({.runnable = actor, .not_before = *resume_at});
    }
  }
  staged_.clear();
  scheduler_.AddAll(activations_);
  activations_.clear();
}

bool Intake::Recycle() {
  MutexLock lock(mutex_);
  if (spare_.size() < kSpareChunks) spare_.push_back(std::exchange(batch_, {}));
  active_ = !open_.empty() || !full_.empty();
  return active_;
}

void Intake::Flush() {
  do {
    Take();
    Sort();
  } while (Recycle());
}

void Intake::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  for (Account& account : accounts_) account.room->NotifyAll();
}

ActorStats Intake::Stats(std::size_t number) const {
  MutexLock lock(mutex_);
  const Account& account = accounts_[number];
  ActorStats stats = account.actor->Stats();
  stats.sent = account.sent;
  stats.inbox_full = account.inbox_full;
  stats.inbox_depth = account.sent - account.actor->begun();
  stats.inbox_depth_highest = account.depth_highest;
  return stats;
}

}  // namespace penstock::actorpool
