// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "chaos/cluster/cluster_checker.h"
#include "chaos/event_plan.h"
#include "chaos/ledger.h"

namespace penstock::chaos {

/// One life of a process that hosts the actor.
struct TaskLife {
  std::vector<TaskRecord> records{};
  std::optional<std::int64_t> killed_ns{};  ///< as in `ConsumerLife`
  std::size_t window = 0;
};

/// The result of a task, as another process finds it after the run.
struct KeptResult {
  EventRef task{};
  bool there = false;
  std::optional<std::uint64_t> counted{};  ///< nothing: it is not what a handler of that task returns
};

/// Everything that is known about the tasks after a run.
struct TaskHistory {
  std::vector<TaskRecord> published{};      ///< of the sender, which awaits too
  std::vector<TaskLife> lives{};            ///< of the hosts, in the order they were started
  std::vector<Disturbance> disturbances{};  ///< of a cluster
  std::vector<KeptResult> results{};        ///< of every task that was sent
  std::set<EventRef> not_kept{};            ///< a host has logged that it could not keep the result
  std::uint64_t stored = 0;                 ///< messages in the actor's stream
};

/// The findings about the tasks.
struct TaskFindings {
  /// How they were handled. Its findings about the numbers of a key are not looked at, since delays change the order.
  ClusterFindings work{};
  std::uint64_t delayed = 0;       ///< of those sent
  std::uint64_t lost_delayed = 0;  ///< of those lost
  std::uint64_t early = 0;         ///< handlers of delayed ones that began before the time
  std::uint64_t wrong_order = 0;   ///< pairs of a key that are stored for handling in another order than promised
  std::uint64_t state_wrong = 0;   ///< a key's state had not seen each task before this one once
  std::uint64_t results_kept = 0;
  std::uint64_t results_missing = 0;   ///< of tasks that were handled; no host has logged it
  std::uint64_t results_not_kept = 0;  ///< the same, and a host has logged it
  std::uint64_t results_wrong = 0;     ///< kept, and not a value that a handler of the task has returned
  std::uint64_t awaited = 0;           ///< waits of the sender that ended
  std::uint64_t awaits_timed_out = 0;
  std::uint64_t awaits_unavailable = 0;  ///< the server could not be reached
  std::uint64_t awaits_wrong = 0;        ///< ended with a wrong value, or another error
  std::uint64_t awaits_in_vain = 0;      ///< timed out though the task had been over for 10 s
};

/// Examines the books. Pure.
TaskFindings CheckTasks(TaskHistory history);

}  // namespace penstock::chaos
