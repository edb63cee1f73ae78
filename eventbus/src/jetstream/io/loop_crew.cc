// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/loop_crew.h"

#include <unistd.h>

#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/io/thread_name.h"

namespace penstock::eventbus::jetstream {
namespace {

/// Whether that thread of ours sleeps, rather than runs or waits for its processor. A system that does not tell counts
/// as yes.
bool Sleeps(pid_t thread) {
  std::ifstream file(absl::StrCat("/proc/self/task/", thread, "/stat"));
  std::string stat;
  std::getline(file, stat);
  const std::size_t name_end = stat.rfind(')');
  return name_end == std::string::npos || stat.compare(name_end, 3, ") R") != 0;
}

}  // namespace

void LoopCrew::SetHands(actorpool::internal::InlineExecutor* hands) {
  MutexLock lock(mutex_);
  hands_ = hands;
}

void LoopCrew::Start(Watch& watch) {
  {
    MutexLock lock(mutex_);
    watch_ = &watch;
    turn_.NotifyOne();
  }
  for (std::thread& thread : threads_) {
    if (!thread.joinable()) thread = std::thread([this] { Serve(); });
  }
}

// Who is kept by a handler does not find its way back to the watch, and somebody else goes on in the pool.
void LoopCrew::Stop(Watch& watch) {
  actorpool::internal::InlineExecutor* relieved = nullptr;
  {
    MutexLock lock(mutex_);
    if (watch_ != &watch) return;
    watch_ = nullptr;
    watch.End();
    while (manned_ && !lending_) ended_.Wait(lock);
    if (lending_) relieved = hands_;
    ++term_;
    manned_ = lending_ = false;
  }
  if (relieved != nullptr) relieved->Abandon();
}

void LoopCrew::Join() {
  {
    MutexLock lock(mutex_);
    joining_ = true;
    turn_.NotifyAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void LoopCrew::Serve() {
  NameThisThread("ps-io");
  const pid_t self = gettid();
  MutexLock lock(mutex_);
  while (AwaitWatch(lock)) {
    Watch& watch = *watch_;
    actorpool::internal::InlineExecutor* const relieved = std::exchange(manned_, true) ? hands_ : nullptr;
    const std::uint64_t term = ++term_;
    who_ = self;
    lending_ = false;
    lock.native().unlock();
    if (relieved != nullptr) relieved->Abandon();
    watch.Run();
    lock.native().lock();
    if (term != term_) continue;
    manned_ = false;
    if (watch_ == &watch) watch_ = nullptr;  // it ended by itself
    ended_.NotifyAll();
  }
}

// False when joining. Costs nothing while nobody lends a hand, and a look a millisecond while somebody does.
bool LoopCrew::AwaitWatch(MutexLock& lock) {
  ++standing_by_;
  while (!joining_) {
    const Clock::time_point now = Clock::now();
    if (watch_ != nullptr && (!manned_ || IsKept(lock, now))) break;
    watching_ = std::exchange(lent_, lending_) || lending_;
    if (watching_) {
      turn_.WaitUntil(lock, (now < lent_at_ + kPatience ? lent_at_ : now) + kPatience);
    } else {
      turn_.Wait(lock);
    }
  }
  watching_ = false;
  --standing_by_;
  return !joining_;
}

// Looked at without the lock: who waits for that one would seem to be kept. What changes meanwhile is seen at the next
// look, which is soon: a hand was lent.
bool LoopCrew::IsKept(MutexLock& lock, Clock::time_point now) {
  const Clock::time_point since = lent_at_;
  if (!lending_ || now - since < kPatience) return false;
  const pid_t who = who_;
  lock.native().unlock();
  const bool sleeps = Sleeps(who);
  lock.native().lock();
  if (!lending_ || lent_at_ != since) return false;
  if (sleeps) rest_.Begin(now);
  return sleeps || now - since >= kLongPatience;
}

std::optional<std::size_t> LoopCrew::BeginLending() {
  MutexLock lock(mutex_);
  const bool may = hands_ != nullptr && standing_by_ > 0 && watch_ != nullptr && rest_.over(Clock::now());
  return may ? hands_->TryReserve() : std::nullopt;
}

bool LoopCrew::Lend(std::size_t helper) {
  actorpool::internal::InlineExecutor* hands = nullptr;
  std::uint64_t term = 0;
  {
    MutexLock lock(mutex_);
    hands = hands_;
    term = term_;
    lending_ = lent_ = true;
    lent_at_ = Clock::now();
    if (!watching_) turn_.NotifyOne();
    if (watch_ == nullptr) ended_.NotifyAll();
  }
  hands->RunFor(helper, kInlineBudget);
  MutexLock lock(mutex_);
  if (term != term_) return false;
  lending_ = false;
  return true;
}

}  // namespace penstock::eventbus::jetstream
