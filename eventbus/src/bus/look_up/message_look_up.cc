// SPDX-License-Identifier: Apache-2.0
#include "bus/look_up/message_look_up.h"

#include <utility>

#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus {

void MessageLookUp::LookUp(const std::string& stream, std::uint64_t sequence, std::function<void(bool gone)> done) {
  Question question{stream, sequence, std::move(done)};
  if (!Ask(question)) question.done(false);
}

bool MessageLookUp::Ask(Question& question) {
  const MutexLock lock(mutex_);
  if (stopping_ || std::chrono::steady_clock::now() < asks_from_ || !transport_.connected()) return false;
  questions_.push_back(std::move(question));
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  work_.NotifyOne();
  return true;
}

void MessageLookUp::Run() {
  SetThreadName("ps-lookup");
  while (true) {
    Question next;
    {
      MutexLock lock(mutex_);
      while (questions_.empty() && !stopping_) work_.Wait(lock);
      if (questions_.empty()) return;
      next = std::move(questions_.front());
      questions_.pop_front();
    }
    next.done(IsGone(next));
  }
}

bool MessageLookUp::IsGone(const Question& question) {
  {
    const MutexLock lock(mutex_);
    if (stopping_ || std::chrono::steady_clock::now() < asks_from_) return false;
  }
  const absl::StatusOr<bool> has = transport_.HasMessage(question.stream, question.sequence);
  if (has.ok()) return !*has;
  const MutexLock lock(mutex_);
  asks_from_ = std::chrono::steady_clock::now() + kPause;
  return false;
}

void MessageLookUp::Stop() {
  const MutexLock once(stop_mutex_);
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
