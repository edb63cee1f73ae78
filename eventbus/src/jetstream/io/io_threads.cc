// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/io_threads.h"

#include <sys/resource.h>

#include <utility>

#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus::jetstream {
namespace {

// How often this thread has given its processor up to wait: tells a handler that blocks from one that computes, or that
// waits for its processor, where the other thread would wait too.
long VoluntarySwitches() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

}  // namespace

void IoThreads::SetExecutor(InlineExecutor* executor) {
  MutexLock lock(mutex_);
  executor_ = executor;
}

void IoThreads::Start(LeaderTask& task) {
  {
    MutexLock lock(mutex_);
    task_ = &task;
    lead_.NotifyOne();
  }
  for (std::thread& thread : threads_) {
    if (!thread.joinable()) thread = std::thread([this] { Serve(); });
  }
}

// A leader that a handler keeps does not come back to the task, and workers go on in the pool.
void IoThreads::Stop(LeaderTask& task) {
  InlineExecutor* relieved = nullptr;
  {
    MutexLock lock(mutex_);
    if (task_ == &task) task_ = nullptr;
    task.EndLead();
    while (led_ == &task && !runs_inline_) ended_.Wait(lock);
    if (led_ != &task) return;
    relieved = executor_;
    ++term_;
    led_ = nullptr;
    runs_inline_ = false;
  }
  if (relieved != nullptr) relieved->Abandon();
}

void IoThreads::Join() {
  {
    MutexLock lock(mutex_);
    joining_ = true;
    lead_.NotifyAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void IoThreads::Serve() {
  SetThreadName("ps-io");
  MutexLock lock(mutex_);
  while (AwaitLead(lock)) {
    LeaderTask& task = *task_;
    InlineExecutor* const relieved = std::exchange(led_, &task) != nullptr ? executor_ : nullptr;
    const std::uint64_t term = ++term_;
    runs_inline_ = false;
    lock.native().unlock();
    if (relieved != nullptr) relieved->Abandon();
    task.Lead();
    lock.native().lock();
    if (term != term_) continue;
    led_ = nullptr;
    if (task_ == &task) task_ = nullptr;  // it ended by itself
    ended_.NotifyAll();
  }
}

// False when joining. Costs nothing while no handlers run inline, and a look every 5 ms while some do.
bool IoThreads::AwaitLead(MutexLock& lock) {
  ++followers_;
  while (!joining_) {
    const Clock::time_point now = Clock::now();
    const bool leader_is_kept = runs_inline_ && now - inline_since_ >= kPatience;
    if (task_ != nullptr && (led_ == nullptr || leader_is_kept)) break;
    follower_looks_ = std::exchange(ran_inline_, runs_inline_) || runs_inline_;
    if (follower_looks_) {
      lead_.WaitUntil(lock, (runs_inline_ ? inline_since_ : now) + kPatience);
    } else {
      lead_.Wait(lock);
    }
  }
  follower_looks_ = false;
  --followers_;
  return !joining_;
}

std::optional<std::size_t> IoThreads::ReserveInline() {
  MutexLock lock(mutex_);
  const bool may = executor_ != nullptr && followers_ > 0 && task_ != nullptr && backoff_.over(Clock::now());
  return may ? executor_->TryReserve() : std::nullopt;
}

bool IoThreads::RunInline(std::size_t slot) {
  InlineExecutor* executor = nullptr;
  std::uint64_t term = 0;
  {
    MutexLock lock(mutex_);
    executor = executor_;
    term = term_;
    runs_inline_ = ran_inline_ = true;
    inline_since_ = Clock::now();
    if (!follower_looks_) lead_.NotifyOne();
    if (task_ == nullptr) ended_.NotifyAll();
  }
  const long switches = VoluntarySwitches();
  const Clock::time_point begin = Clock::now();
  executor->RunFor(slot, kInlineBudget);
  const Clock::time_point end = Clock::now();
  const bool blocked = end - begin > kLongRun && VoluntarySwitches() > switches;
  MutexLock lock(mutex_);
  if (blocked) backoff_.Begin(end);
  if (term != term_) return false;
  runs_inline_ = false;
  return true;
}

}  // namespace penstock::eventbus::jetstream
