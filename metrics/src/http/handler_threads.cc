// SPDX-License-Identifier: Apache-2.0
#include "http/handler_threads.h"

#include <utility>

#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::metrics {

HandlerThreads::HandlerThreads(std::size_t threads, std::size_t max_waiting) : max_waiting_(max_waiting) {
  try {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
  } catch (...) {
    JoinAll();
    throw;
  }
}

HandlerThreads::~HandlerThreads() { JoinAll(); }

void HandlerThreads::JoinAll() {
  Close();
  for (std::thread& thread : threads_) thread.join();
}

bool HandlerThreads::Post(Job job) {
  const MutexLock lock(mutex_);
  if (closed_ || running_ + waiting_.size() >= max_waiting_) return false;
  waiting_.push_back(std::move(job));
  work_.NotifyOne();
  return true;
}

void HandlerThreads::Close() {
  std::deque<Job> dropped;  // destroyed without the lock
  const MutexLock lock(mutex_);
  closed_ = true;
  std::swap(dropped, waiting_);
  work_.NotifyAll();
}

void HandlerThreads::Run() {
  SetThreadName("penstock-http-h");
  while (Job job = Next()) RunOne(std::move(job));
}

void HandlerThreads::RunOne(Job job) {
  job();
  job = nullptr;  // what it holds is gone before another takes its place
  const MutexLock lock(mutex_);
  --running_;
}

HandlerThreads::Job HandlerThreads::Next() {
  MutexLock lock(mutex_);
  while (waiting_.empty() && !closed_) work_.Wait(lock);
  if (closed_) return nullptr;
  Job job = std::move(waiting_.front());
  waiting_.pop_front();
  ++running_;
  return job;
}

}  // namespace penstock::metrics
