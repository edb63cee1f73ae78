// SPDX-License-Identifier: Apache-2.0
#include "actor.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock::actorpool {
namespace {

Settlement Threw(const char* what) {
  return {.ending = Ending::kThrew, .status = absl::InternalError(absl::StrCat("handler threw: ", what))};
}

/// Runs `work` and keeps what it throws from going any further.
Settlement Perform(absl::AnyInvocable<absl::Status()>& work) {
  if (!work) return {.status = absl::InvalidArgumentError("run message: it has no work; set Message::work")};
  try {
    return {.status = work()};
  } catch (const std::exception& error) {
    return Threw(error.what());
  } catch (...) {
    return Threw("unknown exception");
  }
}

}  // namespace

Admission Actor::Offer(Message& message, std::optional<TimePoint> deadline) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    if (!closed_ && Full()) {
      ++inbox_full_;
      if (!deadline.has_value() || !AwaitRoom(lock, *deadline)) return Admission::kFull;
    }
    if (closed_) return Admission::kClosed;
    wake = Append(message);
  }
  if (wake) scheduler_.WakeOne();
  return Admission::kAccepted;
}

bool Actor::AwaitRoom(MutexLock& lock, TimePoint deadline) {
  waiters_.fetch_add(1, std::memory_order_seq_cst);
  while (!closed_ && Full() && room_.WaitUntil(lock, deadline)) {
  }
  waiters_.fetch_sub(1, std::memory_order_seq_cst);
  return closed_ || !Full();
}

bool Actor::Full() {
  if (sent_ - begun_seen_ < options_.inbox_capacity) return false;
  begun_seen_ = begun_.load(std::memory_order_seq_cst);
  return sent_ - begun_seen_ >= options_.inbox_capacity;
}

// Telling the scheduler under this lock is what lets Close() promise that it knows of every accepted message.
bool Actor::Append(Message& message) {
  const TimePoint now = Clock::now();
  incoming_.push_back({.work = std::move(message.work), .settled = std::move(message.settled), .accepted = now});
  ++sent_;
  NoteDepth();
  return !std::exchange(active_, true) && scheduler_.Add(this, now, resume_at_);
}

void Actor::NoteDepth() {
  if (sent_ - begun_seen_ <= depth_highest_) return;
  begun_seen_ = begun_.load(std::memory_order_seq_cst);
  depth_highest_ = std::max<std::size_t>(depth_highest_, sent_ - begun_seen_);
}

Turn Actor::Run(LatencyHistogram& latency) {
  for (std::size_t run = 0; run < options_.burst && !scheduler_.stopped(); ++run) {
    if (!Refill()) return {.next = Turn::Next::kIdle};
    Task& task = Begin();
    const Settlement settlement = Perform(task.work);
    const TimePoint now = Clock::now();
    latency.Observe(now - task.accepted);
    const std::optional<RestartVerdict> verdict = Supervise(settlement, now);
    if (task.settled) task.settled(settlement);
    task = Task{};
    if (!verdict.has_value()) continue;
    const TimePoint resume_at = now + verdict->pause;
    return {.next = Refill(resume_at) ? Turn::Next::kPause : Turn::Next::kIdle, .resume_at = resume_at};
  }
  return {.next = Refill() ? Turn::Next::kAgain : Turn::Next::kIdle};
}

bool Actor::Refill(TimePoint resume_at) {
  if (next_ < batch_.size()) return true;
  batch_.clear();
  next_ = 0;
  MutexLock lock(mutex_);
  batch_.swap(incoming_);
  if (!batch_.empty()) return true;
  active_ = false;
  resume_at_ = resume_at;
  return false;
}

Actor::Task& Actor::Begin() {
  Task& task = batch_[next_++];
  begun_.fetch_add(1, std::memory_order_seq_cst);
  if (waiters_.load(std::memory_order_seq_cst) > 0) {
    MutexLock lock(mutex_);
    room_.NotifyOne();
  }
  return task;
}

std::optional<RestartVerdict> Actor::Supervise(const Settlement& settlement, TimePoint now) {
  (settlement.status.ok() ? succeeded_ : failed_).Add(1);
  if (settlement.ending != Ending::kThrew) return std::nullopt;
  const RestartVerdict verdict = window_.OnThrow(now);
  (verdict.rests ? rests_ : restarts_).Add(1);
  log_.Threw(index_, std::string(settlement.status.message()), verdict, now);
  return verdict;
}

void Actor::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  room_.NotifyAll();
}

std::size_t Actor::Abandon() {
  const Settlement settlement = {.ending = Ending::kAbandoned,
                                 .status = absl::CancelledError("run message: the pool was stopped before it began")};
  std::size_t abandoned = 0;
  for (; Refill(); ++abandoned) {
    Task& task = Begin();
    if (task.settled) task.settled(settlement);
    task = Task{};
  }
  return abandoned;
}

ActorStats Actor::Stats() const {
  // Read before what was sent, so that no more appear handled than sent.
  ActorStats stats = {.succeeded = succeeded_.value(),
                      .failed = failed_.value(),
                      .restarts = restarts_.value(),
                      .rests = rests_.value()};
  MutexLock lock(mutex_);
  stats.sent = sent_;
  stats.inbox_full = inbox_full_;
  stats.inbox_depth = sent_ - begun_.load(std::memory_order_seq_cst);
  stats.inbox_depth_highest = depth_highest_;
  return stats;
}

}  // namespace penstock::actorpool
