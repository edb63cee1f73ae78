// SPDX-License-Identifier: Apache-2.0
#include "chaos/tasks/task_actor.h"

#include <charconv>
#include <chrono>
#include <utility>

#include "chaos/tasks/task_plan.h"

namespace penstock::chaos {

// Nothing is given up: a state that cannot be loaded while a fault lasts is loaded later.
Actor<TaskMessage> TaskActor(std::vector<std::shared_ptr<Middleware>> around) {
  return Actor<TaskMessage>("chaos-task", {.retry = {.max_attempts = 0, .max_backoff = std::chrono::seconds(1)},
                                           .results = {.keep = true},
                                           .middleware = std::move(around)});
}

std::string TaskValue(std::uint64_t seed, EventRef task, std::uint64_t counted) {
  return std::to_string(counted) + " of " + Payload(TaskSeed(seed), task);
}

std::optional<std::uint64_t> ReadTaskValue(std::uint64_t seed, EventRef task, std::string_view value) {
  std::uint64_t counted = 0;
  std::from_chars(value.data(), value.data() + value.size(), counted);
  return value == TaskValue(seed, task, counted) ? std::optional(counted) : std::nullopt;
}

void TaskBooks::Write(TaskRecord record) const {
  record.record.time_ns = MonotonicNow();
  record.record.incarnation = incarnation_;
  record.wall_ns = WallNow();
  ledger_.Append(record);
}

std::int64_t WallNow() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace penstock::chaos
