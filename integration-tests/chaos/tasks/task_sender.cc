// SPDX-License-Identifier: Apache-2.0
#include "chaos/tasks/task_sender.h"

#include <chrono>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>

namespace penstock::chaos {
namespace {

constexpr std::size_t kLanes = 8;  // a key belongs to one
constexpr std::size_t kAwaiters = 8;
// Results are awaited as far as there are threads for it.
constexpr std::size_t kMostToAwait = 16;
constexpr std::chrono::seconds kAwaitTimeout(20);
// Tasks of a key are to be due at the same time now and then.
constexpr std::int64_t kDueGrain = 250'000'000;

std::int64_t DueOf(const Task& task) {
  if (task.delay.count() == 0) return 0;
  const std::int64_t due = WallNow() + std::chrono::nanoseconds(task.delay).count();
  return task.event.n % 2 == 0 ? due : (due / kDueGrain + 1) * kDueGrain;
}

std::chrono::system_clock::time_point TimeOf(std::int64_t wall_ns) {
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(std::chrono::nanoseconds(wall_ns)));
}

}  // namespace

TaskSender::TaskSender(EventBus& bus, std::uint64_t seed, const TaskPlan& plan, const TaskBooks& books,
                       const std::vector<TaskRecord>& past)
    : bus_(bus), seed_(seed), plan_(plan), books_(books) {
  for (const TaskRecord& line : past) {
    if (line.record.kind == Entry::kAttempt) due_[line.record.event] = line.due_ns;
    if (line.record.kind == Entry::kAcked) acked_.insert(line.record.event);
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) lanes_.emplace_back([this, lane] { RunLane(lane); });
  for (std::size_t i = 0; i < kAwaiters; ++i) awaiters_.emplace_back([this] { RunAwaiter(); });
}

TaskSender::~TaskSender() {
  MutexLock lock(mutex_);
  closed_ = true;
  changed_.NotifyAll();
}

void TaskSender::Released(std::size_t events) {
  MutexLock lock(mutex_);
  released_ = events;
  changed_.NotifyAll();
}

void TaskSender::Finish() {
  Released(std::numeric_limits<std::size_t>::max());
  lanes_.clear();
  {
    MutexLock lock(mutex_);
    all_sent_ = true;
    changed_.NotifyAll();
  }
  awaiters_.clear();
}

bool TaskSender::closed() const {
  MutexLock lock(mutex_);
  return closed_;
}

void TaskSender::RunLane(std::size_t lane) {
  for (const Task& task : plan_.tasks()) {
    if (task.event.key % kLanes != lane || acked_.contains(task.event)) continue;
    if (!due_.contains(task.event) && !AwaitRelease(task)) return;
    Send(task);
    if (closed()) return;
  }
}

bool TaskSender::AwaitRelease(const Task& task) {
  MutexLock lock(mutex_);
  while (!closed_ && released_ < task.position) changed_.Wait(lock);
  return !closed_;
}

void TaskSender::Send(const Task& task) {
  const auto before = due_.find(task.event);
  const std::int64_t due_ns = before == due_.end() ? DueOf(task) : before->second;
  if (before == due_.end()) {
    books_.Write({.record = {.event = task.event, .kind = Entry::kAttempt}, .due_ns = due_ns});
  }
  SendOptions options{.key = KeyName(task.event.key), .id = TaskId(seed_, task.event)};
  if (due_ns != 0) options.deliver_at = TimeOf(due_ns);
  while (!closed()) {
    const auto sent = actor_.Send(bus_, {Payload(TaskSeed(seed_), task.event)}, options);
    if (sent.ok()) {
      // The place of a delayed one is not the one that it is handled from.
      const std::uint64_t sequence = due_ns == 0 ? sent->ack.sequence : 0;
      books_.Write({.record = {.stream_sequence = sequence, .event = task.event, .kind = Entry::kAcked}});
      return Offer(task);
    }
    books_.Write({.record = {.event = task.event, .kind = Entry::kFailedPublish}});
    std::fprintf(stderr, "task %s: %s\n", options.id.c_str(), std::string(sent.status().message()).c_str());
  }
}

void TaskSender::Offer(const Task& task) {
  MutexLock lock(mutex_);
  if (!task.awaited || to_await_.size() >= kMostToAwait) return;
  to_await_.push_back(task.event);
  changed_.NotifyAll();
}

void TaskSender::RunAwaiter() {
  while (true) {
    EventRef task;
    {
      MutexLock lock(mutex_);
      while (to_await_.empty() && !all_sent_ && !closed_) changed_.Wait(lock);
      if (closed_ || to_await_.empty()) return;
      task = to_await_.front();
      to_await_.pop_front();
    }
    AwaitResult(task);
  }
}

void TaskSender::AwaitResult(EventRef task) {
  books_.Write({.record = {.event = task, .kind = Entry::kAwait}});
  const auto result = actor_.AwaitResult(bus_, TaskId(seed_, task), kAwaitTimeout);
  TaskRecord ended{.record = {.event = task, .kind = Entry::kAwaited, .result = Result::kUnexpected}};
  if (result.ok()) {
    const std::optional<std::uint64_t> counted =
        result->handled ? ReadTaskValue(seed_, task, result->value) : std::nullopt;
    if (counted) ended.record.result = Result::kDone;
    ended.counted = counted.value_or(0);
  } else if (absl::IsDeadlineExceeded(result.status())) {
    ended.record.result = Result::kNone;
  } else if (absl::IsUnavailable(result.status())) {
    ended.record.result = Result::kFailed;
  }
  if (ended.record.result == Result::kUnexpected) {
    std::fprintf(stderr, "await task %s: %s\n", TaskId(seed_, task).c_str(),
                 result.ok() ? result->value.c_str() : result.status().ToString().c_str());
  }
  books_.Write(ended);
}

}  // namespace penstock::chaos
