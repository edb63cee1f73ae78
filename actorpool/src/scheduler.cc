// SPDX-License-Identifier: Apache-2.0
#include "scheduler.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace penstock::actorpool {
namespace {

constexpr int kSeekRounds = 5;

}  // namespace

void Scheduler::Ring::Push(Runnable* runnable) {
  const std::size_t tail = head_ + size_++;
  slots_[tail < slots_.size() ? tail : tail - slots_.size()] = runnable;
}

Runnable* Scheduler::Ring::Pop() {
  Runnable* runnable = slots_[head_];
  if (++head_ == slots_.size()) head_ = 0;
  --size_;
  return runnable;
}

bool Scheduler::Add(Runnable* runnable, TimePoint now, TimePoint not_before) {
  MutexLock lock(mutex_);
  ++active_;
  if (not_before > now) {
    AddPause(runnable, not_before);
    return false;
  }
  ready_.Push(runnable);
  NoteReady();
  return PromiseWake();
}

void Scheduler::AddAll(std::span<const Activation> activations) {
  if (activations.empty()) return;
  MutexLock lock(mutex_);
  active_ += activations.size();
  for (const Activation& activation : activations) {
    if (activation.not_before > TimePoint{} && activation.not_before > Clock::now()) {
      AddPause(activation.runnable, activation.not_before);
    } else {
      ready_.Push(activation.runnable);
    }
  }
  NoteReady();
}

Runnable* Scheduler::Next(Runnable* previous, const Turn& turn) {
  Runnable* runnable = nullptr;
  bool wake = false;
  {
    MutexLock lock(mutex_);
    if (previous != nullptr) GiveBack(previous, turn);
    AwaitReady(lock);
    if (stopped()) return nullptr;
    runnable = Take();
    wake = PromiseWake();
  }
  if (wake) WakeOne();
  return runnable;
}

Runnable* Scheduler::Take() {
  ++running_;
  Runnable* const runnable = ready_.Pop();
  NoteReady();
  return runnable;
}

std::optional<std::size_t> Scheduler::BeginHelp() {
  MutexLock lock(mutex_);
  const auto free = std::ranges::find(helpers_, false);
  if (helping_ || stopped() || free == helpers_.end()) return std::nullopt;
  *free = true;
  helping_ = static_cast<std::size_t>(free - helpers_.begin());
  return helping_;
}

Runnable* Scheduler::NextForHelper(std::size_t helper, Runnable* previous, const Turn& turn, bool go_on) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    if (previous != nullptr) GiveBack(previous, turn);
    if (!pauses_.empty()) EndDuePauses();
    if (go_on && helping_ == helper && !stopped() && MayTake()) return Take();
    if (helping_ == helper) helping_.reset();
    helpers_[helper] = false;
    idle_.NotifyAll();
    wake = PromiseWake();
  }
  if (wake) WakeOne();
  return nullptr;
}

void Scheduler::RelieveHelper() {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    helping_.reset();
    wake = PromiseWake();
  }
  if (wake) WakeOne();
}

void Scheduler::AwaitHelpers() {
  MutexLock lock(mutex_);
  while (std::ranges::find(helpers_, true) != helpers_.end()) idle_.Wait(lock);
}

void Scheduler::AwaitReady(MutexLock& lock) {
  bool sought = false;
  while (!stopped()) {
    if (!pauses_.empty()) EndDuePauses();
    if (MayTake()) return;
    if (seeking_ || helping_ || running_ >= seats_ || std::exchange(sought, true)) {
      Sleep(lock);
    } else {
      Seek(lock);
    }
  }
}

// Waking a sleeper costs many times what a short message does. So one worker that runs dry looks a little longer, and
// while it does nobody else is woken; it wakes the next when it finds more than it can take.
void Scheduler::Seek(MutexLock& lock) {
  seeking_ = true;
  lock.native().unlock();
  for (int i = 0; i < kSeekRounds && !any_ready_.load(std::memory_order_relaxed) && !stopped(); ++i) {
    std::this_thread::yield();
  }
  lock.native().lock();
  seeking_ = false;
}

bool Scheduler::PromiseWake() {
  if (!MayTake() || seeking_ || helping_ || sleepers_ == wakes_) return false;
  ++wakes_;
  return true;
}

void Scheduler::GiveBack(Runnable* runnable, const Turn& turn) {
  --running_;
  switch (turn.next) {
    case Turn::Next::kIdle:
      if (--active_ == 0) idle_.NotifyAll();
      break;
    case Turn::Next::kAgain:
      ready_.Push(runnable);
      break;
    case Turn::Next::kPause:
      AddPause(runnable, turn.resume_at);
      break;
  }
}

// Every sleeper sleeps at most until the earliest pause ends. So whichever workers get busy meanwhile, one that still
// sleeps is in time; the price is that all of them wake when an earlier pause comes.
void Scheduler::AddPause(Runnable* runnable, TimePoint until) {
  const bool earliest = pauses_.empty() || until < pauses_.top().until;
  pauses_.push({.until = until, .runnable = runnable});
  if (earliest) work_.NotifyAll();
}

void Scheduler::EndDuePauses() {
  const TimePoint now = Clock::now();
  while (!pauses_.empty() && pauses_.top().until <= now) {
    ready_.Push(pauses_.top().runnable);
    pauses_.pop();
  }
}

void Scheduler::Sleep(MutexLock& lock) {
  ++sleepers_;
  if (pauses_.empty()) {
    work_.Wait(lock);
  } else {
    work_.WaitUntil(lock, pauses_.top().until);
  }
  --sleepers_;
  if (wakes_ > 0) --wakes_;
}

bool Scheduler::AwaitIdle(TimePoint deadline) {
  MutexLock lock(mutex_);
  while (active_ > 0 && !stopped()) {
    if (!idle_.WaitUntil(lock, deadline)) return active_ == 0 || stopped();
  }
  return true;
}

std::size_t Scheduler::sleepers() const {
  MutexLock lock(mutex_);
  return sleepers_;
}

void Scheduler::Stop() {
  MutexLock lock(mutex_);
  stopped_.store(true, std::memory_order_relaxed);
  work_.NotifyAll();
  idle_.NotifyAll();
}

}  // namespace penstock::actorpool
