// SPDX-License-Identifier: Apache-2.0
#include "bus/handle/pool_executor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/handle/invoke_handler.h"
#include "penstock/actorpool/internal/deadline.h"
#include "penstock/actorpool/internal/thread_name.h"
#include "penstock/eventbus/task/executor.h"

namespace penstock {

absl::Status Executor::Post(absl::AnyInvocable<void()> work, std::chrono::milliseconds delay) {
  if (!work) return absl::InvalidArgumentError("post: the work is empty; give one that can be called");
  return pool_->Post(std::move(work), delay);
}

namespace eventbus {
namespace {

constexpr std::chrono::milliseconds kFull{100};

}  // namespace

absl::Status PoolExecutor::Post(Work work, std::chrono::milliseconds delay) {
  const Time at = DeadlineAfter(delay);
  const MutexLock lock(mutex_);
  if (stopping_) return absl::FailedPreconditionError("post: the bus is closed");
  waiting_.emplace(std::pair(at, ++posted_), std::move(work));
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  changed_.NotifyOne();
  return absl::OkStatus();
}

void PoolExecutor::Run() {
  SetThreadName("ps-executor");
  while (true) {
    Work work;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && (waiting_.empty() || waiting_.begin()->first.first > std::chrono::steady_clock::now())) {
        if (waiting_.empty()) {
          changed_.Wait(lock);
        } else {
          changed_.WaitUntil(lock, waiting_.begin()->first.first);
        }
      }
      if (stopping_) return;
      work = std::move(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
    }
    PassOn(std::move(work));
  }
}

void PoolExecutor::PassOn(Work work) {
  actorpool::Message message{.work = [this, work = std::move(work)]() mutable {
    try {
      RunAsHandler(bus_, work);
    } catch (const std::exception& error) {
      if (log_) log_(LogLevel::kError, absl::StrCat("posted work threw: ", error.what()));
    } catch (...) {
      if (log_) log_(LogLevel::kError, "posted work threw");
    }
    work = nullptr;
    return absl::OkStatus();
  }};
  // A message that is refused is left as it was.
  // NOLINTNEXTLINE(bugprone-use-after-move)
  while (absl::IsResourceExhausted(pool_->ProcessMessage(std::move(message), kFull)) && !Stopping()) {
  }
}

bool PoolExecutor::Stopping() const {
  const MutexLock lock(mutex_);
  return stopping_;
}

void PoolExecutor::Stop() {
  const MutexLock once(stop_mutex_);
  std::thread thread;
  std::map<std::pair<Time, std::uint64_t>, Work> unrun;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyOne();
    thread.swap(thread_);
    unrun.swap(waiting_);
  }
  if (thread.joinable()) thread.join();
  unrun.clear();
}

}  // namespace eventbus
}  // namespace penstock
