// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chaos/event_plan.h"
#include "chaos/fault_injector.h"
#include "chaos/fault_plan.h"
#include "chaos/ledger.h"
#include "chaos/pace.h"
#include "chaos/progress.h"
#include "chaos/report.h"
#include "chaos/rig.h"
#include "chaos/tasks/task_watch.h"

namespace penstock::chaos {

struct RunOptions {
  RigOptions rig{};
  std::vector<Fault> faults{};
  /// Told what happens, a line each.
  std::function<void(const std::string& line)> tell{};
};

/// One run: publishes all events through all faults, waits until everything has ended, and examines the books.
///
/// Thread-confined; blocks until the end, which a watchdog brings about when nothing has ended or been acknowledged for
/// a minute.
class Run {
 public:
  explicit Run(RunOptions options);

  Report Execute();

 private:
  using Clock = std::chrono::steady_clock;
  struct Active {
    const Fault* fault = nullptr;
    Clock::time_point end{};
  };

  absl::Status Start();
  absl::Status Work();
  absl::Status Finish();
  absl::Status Step();
  void ReadLedgers();
  absl::Status CheckProcesses();
  absl::Status EndFaults();
  absl::Status BeginFaults();
  absl::Status BeginFault(const Fault& fault);
  absl::Status EndFault(const Fault& fault);
  std::size_t PointOf(std::size_t fault) const;
  void TellRecoveries();
  void LetPublish();
  absl::Status WatchProgress();
  void TellStacks();
  void Examine();
  std::string Now() const;

  const RunOptions options_;
  const EventPlan plan_;
  Clock::time_point begun_{};
  std::unique_ptr<Rig> rig_{};
  std::vector<LedgerReader> consumer_ledgers_{};
  std::unique_ptr<LedgerReader> publisher_ledger_{};
  History history_{};
  Progress progress_{};
  TaskWatch tasks_;
  Pace pace_;
  const std::size_t lead_;  // events let go beyond the point where a fault is due, so that it meets a full pipe
  Clock::time_point paced_{};
  std::uint64_t stored_tasks_ = 0;  // messages in their stream
  std::size_t told_ = 0;
  std::size_t told_recoveries_ = 0;
  std::size_t next_fault_ = 0;
  std::vector<Active> active_{};
  bool calm_ = true;  // no fault is on, and the last one is long enough ago
  Clock::time_point calm_from_{};
  std::size_t seen_ = 0;  // acked and ended when last looked, tasks too
  Clock::time_point seen_at_{};
  bool published_ = false;  // the publisher has ended with all acknowledged
  Report report_{};
};

}  // namespace penstock::chaos
