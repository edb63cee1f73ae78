// SPDX-License-Identifier: Apache-2.0
#include "scheduler.h"

#include <algorithm>
#include <cstddef>
#include <thread>
#include <utility>

namespace penstock::actorpool {
namespace {

constexpr int kSpinRounds = 5;

}  // namespace

void Scheduler::Ring::Push(Runnable* runnable) {
  if (size_ == slots_.size()) Grow();
  const std::size_t tail = head_ + size_++;
  slots_[tail < slots_.size() ? tail : tail - slots_.size()] = runnable;
}

void Scheduler::Ring::Grow() {
  std::rotate(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(head_), slots_.end());
  head_ = 0;
  slots_.resize(std::max<std::size_t>(1, 2 * size_));
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
  PublishReady();
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
  PublishReady();
}

Runnable* Scheduler::Next(Runnable* previous, const RunResult& result) {
  Runnable* runnable = nullptr;
  bool wake = false;
  {
    MutexLock lock(mutex_);
    if (previous != nullptr) Return(previous, result);
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
  PublishReady();
  return runnable;
}

std::optional<std::size_t> Scheduler::ReserveInline() {
  MutexLock lock(mutex_);
  const auto free_slot = std::ranges::find(slot_taken_, false);
  if (inline_runner_ || stopped() || free_slot == slot_taken_.end()) return std::nullopt;
  *free_slot = true;
  inline_runner_ = static_cast<std::size_t>(free_slot - slot_taken_.begin());
  return inline_runner_;
}

Runnable* Scheduler::NextInline(std::size_t slot, Runnable* previous, const RunResult& result, bool budget_left) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    if (previous != nullptr) Return(previous, result);
    if (!pauses_.empty()) EndDuePauses();
    if (budget_left && inline_runner_ == slot && !stopped() && MayTake()) return Take();
    if (inline_runner_ == slot) inline_runner_.reset();
    slot_taken_[slot] = false;
    idle_.NotifyAll();
    wake = PromiseWake();
  }
  if (wake) WakeOne();
  return nullptr;
}

void Scheduler::AbandonInline() {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    inline_runner_.reset();
    wake = PromiseWake();
  }
  if (wake) WakeOne();
}

void Scheduler::AwaitInlineRunners() {
  MutexLock lock(mutex_);
  while (std::ranges::find(slot_taken_, true) != slot_taken_.end()) idle_.Wait(lock);
}

void Scheduler::AwaitReady(MutexLock& lock) {
  bool has_spun = false;
  while (!stopped()) {
    if (!pauses_.empty()) EndDuePauses();
    if (MayTake()) return;
    if (spinning_ || inline_runner_ || running_ >= max_concurrency_ || std::exchange(has_spun, true)) {
      Sleep(lock);
    } else {
      SpinForWork(lock);
    }
  }
}

// Waking a sleeper costs many times as much as a short message. So the first worker that finds no work spins for a
// moment before it sleeps. Meanwhile no other worker is woken; the spinning one wakes the next when it finds more than
// one ready runnable.
void Scheduler::SpinForWork(MutexLock& lock) {
  spinning_ = true;
  lock.native().unlock();
  for (int i = 0; i < kSpinRounds && !any_ready_.load(std::memory_order_relaxed) && !stopped(); ++i) {
    std::this_thread::yield();
  }
  lock.native().lock();
  spinning_ = false;
}

bool Scheduler::PromiseWake() {
  if (!MayTake() || spinning_ || inline_runner_ || sleepers_ == promised_wakes_) return false;
  ++promised_wakes_;
  return true;
}

void Scheduler::Return(Runnable* runnable, const RunResult& result) {
  --running_;
  if (result.next == RunResult::Next::kAgain) ready_.Push(runnable);
  if (result.next == RunResult::Next::kPause) AddPause(runnable, result.resume_at);
  if (result.next == RunResult::Next::kIdle && --active_ == 0) idle_.NotifyAll();
}

// Every sleeper sleeps until the earliest pause ends at most, so any of them can end it, whichever workers are busy by
// then. The cost: all of them wake when a pause is added that ends earlier.
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
  if (promised_wakes_ > 0) --promised_wakes_;
}

bool Scheduler::AwaitIdle(TimePoint deadline) {
  MutexLock lock(mutex_);
  while (active_ > 0 && !stopped()) {
    if (!idle_.WaitUntil(lock, deadline)) return active_ == 0 || stopped();
  }
  return true;
}

std::vector<Runnable*> Scheduler::TakeRemaining() {
  MutexLock lock(mutex_);
  std::vector<Runnable*> remaining;
  while (!ready_.empty()) remaining.push_back(ready_.Pop());
  for (; !pauses_.empty(); pauses_.pop()) remaining.push_back(pauses_.top().runnable);
  return remaining;
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
