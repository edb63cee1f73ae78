// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "chaos/event_plan.h"

namespace penstock::chaos {

/// One message to the actor of a run.
struct Task {
  EventRef event{};                    ///< the `n`th of its key, counted from 1 without gaps
  std::size_t position = 0;            ///< it is sent when so many events were published
  std::chrono::milliseconds delay{0};  ///< 0: it is not delayed
  bool awaited = false;                ///< the sender waits for its result
};

/// The tasks that are sent beside a run's events, drawn from the seed alone. Immutable, thus thread-safe.
class TaskPlan {
 public:
  static constexpr std::uint32_t kKeys = 120;
  static constexpr std::size_t kDefaultPercent = 6;

  /// About `percent` tasks per 100 events. Half of them are delayed, by 0.1 to 4 s; the result of a fifth is awaited.
  TaskPlan(std::uint64_t seed, std::size_t events, std::size_t percent);

  const std::vector<Task>& tasks() const& { return tasks_; }
  const std::vector<Task>& tasks() const&& = delete;

 private:
  std::vector<Task> tasks_{};
};

/// Stands for the run's seed in IDs, payloads and behaviours of tasks.
std::uint64_t TaskSeed(std::uint64_t seed);

std::string TaskId(std::uint64_t seed, EventRef task);

/// Where the tasks are written of a process that writes this ledger of events.
std::string TaskLedgerBeside(const std::string& ledger);

}  // namespace penstock::chaos
