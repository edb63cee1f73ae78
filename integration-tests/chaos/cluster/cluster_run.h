// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chaos/cluster/cluster_fault_injector.h"
#include "chaos/cluster/cluster_fault_plan.h"
#include "chaos/cluster/cluster_report.h"
#include "chaos/cluster/cluster_rig.h"
#include "chaos/cluster/election_probe.h"
#include "chaos/cluster/recovery_watch.h"
#include "chaos/event_plan.h"
#include "chaos/pace.h"
#include "chaos/progress.h"
#include "chaos/tasks/task_watch.h"

namespace penstock::chaos {

struct ClusterRunOptions {
  ClusterRigOptions rig{};
  std::vector<std::string> releases{};  ///< a rolling restart takes the servers onto the next of these
  std::vector<ClusterFault> faults{};
  /// Told what happens, a line each.
  std::function<void(const std::string& line)> tell{};
};

/// One run on a cluster: publishes all events through all faults, waits until everything has ended, and examines the
/// books. What the product does wrong is counted, and the run goes on: a process that ended by itself is started again,
/// and when events wait and none was handled for 20 s though no fault is on, all consumers are.
///
/// Thread-confined; blocks until the end, which a watchdog brings about when that did not help either.
class ClusterRun {
 public:
  explicit ClusterRun(ClusterRunOptions options);

  ClusterReport Execute();

 private:
  using Clock = std::chrono::steady_clock;
  /// A fault that has begun, with what is known of it so far.
  struct Active {
    const ClusterFault* fault = nullptr;
    Scene scene{};
    Clock::time_point end{};
    std::size_t disturbance = 0;
    std::optional<ElectionProbe> probe{};
  };

  absl::Status Start();
  absl::Status Work();
  absl::Status Disturb(std::size_t first, std::size_t end);
  void FillOwner();
  absl::Status BeginFault(Active& active);
  absl::Status EndFault(Active& active);
  absl::Status AwaitCalm(std::vector<Active>& actives);
  absl::Status Finish();
  absl::Status ReadTasks();

  /// Lets the run go on until the condition holds; false when the time has passed or the run has failed.
  bool Await(const std::function<bool()>& condition, std::chrono::milliseconds deadline);
  void GoOn();
  void ReadLedgers();
  void Note(const Record& record, std::optional<std::size_t> life);
  void ReviveProcesses();
  void LetPublish();
  void WatchProgress();
  absl::Status RestartConsumers();
  absl::Status NoteVersion();
  std::size_t PointOf(std::size_t fault) const;
  void Examine();
  void Tell(const std::string& line) const;

  const ClusterRunOptions options_;
  const EventPlan plan_;
  Clock::time_point begun_{};
  std::unique_ptr<ClusterRig> rig_{};
  std::unique_ptr<ClusterFaultInjector> injector_{};
  std::vector<LedgerReader> consumer_ledgers_{};
  std::unique_ptr<LedgerReader> publisher_ledger_{};
  ClusterHistory history_{};
  Progress progress_{};
  TaskWatch tasks_;
  std::uint64_t stored_tasks_ = 0;  // messages in their stream
  RecoveryWatch recovery_{};
  const std::size_t backlog_;  // events to be in hand when routes are cut
  Pace pace_;
  const std::size_t lead_;  // events let go beyond the point where a fault is due, so that it meets a full pipe
  Clock::time_point paced_{};
  std::size_t owner_ = 0;  // the consumer that began the latest handler
  std::int64_t owner_ns_ = 0;
  std::vector<Active> actives_{};
  bool disturbed_ = false;  // a fault is on, or the cluster has not come together again since
  std::string last_fault_ = "no fault";
  std::size_t seen_ = 0;  // ended when last looked, and what tasks have moved
  Clock::time_point seen_at_{};
  bool stalled_ = false;    // since something was handled last
  bool published_ = false;  // the publisher has ended with all acknowledged
  absl::Status failed_{};
  ClusterReport report_{};
};

}  // namespace penstock::chaos
