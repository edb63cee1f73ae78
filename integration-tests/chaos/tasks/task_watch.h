// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "chaos/ledger.h"
#include "chaos/tasks/task_checker.h"
#include "chaos/tasks/task_plan.h"
#include "chaos/tasks/task_report.h"

namespace penstock::chaos {

/// Follows the ledgers of tasks while a run goes on, and examines them afterwards.
///
/// **Thread safety:** thread-confined. **Blocking:** only `ReadResults`.
class TaskWatch {
 public:
  /// A run with no `percent` of tasks has none to watch.
  TaskWatch(std::uint64_t seed, std::size_t events, std::size_t percent);

  void FollowPublisher(const std::filesystem::path& ledger);
  /// The next life of a host. Its log is beside the ledger.
  void FollowHost(const std::filesystem::path& ledger);
  void ReadLedgers();

  /// Tasks that were acknowledged, and those that a handler finished; changes as long as the run moves.
  std::size_t moved() const { return acked_ + finished_.size(); }
  bool over() const { return finished_.size() >= plan_.tasks().size(); }
  std::size_t hosts() const { return logs_.size(); }

  /// Asks for the result of every task by a bus of its own, which speaks TLS if there is a certificate to trust.
  absl::Status ReadResults(const std::string& url, const std::string& ca_file, int replicas);
  void HostEnded(std::size_t life, std::optional<std::int64_t> killed_ns, std::size_t window);
  TaskReport Examine(std::uint64_t stored, std::vector<Disturbance> disturbances);

 private:
  void ReadLogs();

  const std::uint64_t seed_;
  const TaskPlan plan_;
  std::vector<TaskLedgerReader> publisher_{};
  std::vector<TaskLedgerReader> hosts_{};
  std::vector<std::filesystem::path> logs_{};
  TaskHistory history_{};
  std::size_t acked_ = 0;
  std::set<EventRef> finished_{};
};

/// The stream that the actor's messages are in.
std::string TaskStream();

/// All streams that there are for the sake of tasks, those of buckets too.
std::vector<std::string> TaskStreams();

}  // namespace penstock::chaos
