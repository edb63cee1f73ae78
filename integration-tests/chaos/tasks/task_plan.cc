// SPDX-License-Identifier: Apache-2.0
#include "chaos/tasks/task_plan.h"

#include <random>

namespace penstock::chaos {
namespace {

constexpr std::uint64_t kSalt = 0x7461736b73;
constexpr std::uint64_t kShortest = 100, kLongest = 4000;  // of delays, in milliseconds

}  // namespace

TaskPlan::TaskPlan(std::uint64_t seed, std::size_t events, std::size_t percent) {
  std::mt19937_64 random(TaskSeed(seed));
  auto below = [&random](std::uint64_t bound) { return (random() >> 11) % bound; };  // the standard's ones differ
  std::vector<std::uint32_t> counts(kKeys, 0);
  for (std::size_t position = 1; position <= events; ++position) {
    if (below(100) >= percent) continue;
    const auto key = static_cast<std::uint32_t>(below(kKeys));
    Task task{.event = {key, ++counts[key]}, .position = position};
    if (below(2) == 0) task.delay = std::chrono::milliseconds(kShortest + below(kLongest - kShortest));
    task.awaited = below(5) == 0;
    tasks_.push_back(task);
  }
}

std::uint64_t TaskSeed(std::uint64_t seed) { return seed ^ kSalt; }

std::string TaskId(std::uint64_t seed, EventRef task) { return "task-" + EventId(TaskSeed(seed), task); }

std::string TaskLedgerBeside(const std::string& ledger) { return ledger + ".tasks"; }

}  // namespace penstock::chaos
