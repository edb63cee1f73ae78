// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <vector>

#include "simulation/cancel/cancel_bucket.h"
#include "simulation/conditions.h"
#include "simulation/delay/delayed_load.h"
#include "simulation/event_queue.h"
#include "simulation/ledger.h"
#include "simulation/network.h"
#include "simulation/process/process.h"
#include "simulation/scenario.h"
#include "simulation/trace.h"

namespace penstock::eventbus::simulation {

/// The result of a run.
struct Report {
  std::optional<Violation> violation{};
  std::size_t events = 0;
  std::size_t faults = 0;
  std::size_t reruns = 0;
};

/// One run: publishers, faults, operators, and the processes that come and go, all by one seed.
///
/// Thread-confined. Different worlds are independent of each other.
class World {
 public:
  /// With `trace`, everything that happens is written there.
  explicit World(std::uint64_t seed, std::ostream* trace = nullptr);

  Report Run();

  const Scenario& scenario() const { return scenario_; }
  TimePoint now() const { return event_queue_.now(); }
  const Trace& trace() const { return trace_; }

 private:
  using Fault = void (World::*)();
  static constexpr std::chrono::milliseconds kLookEvery{100};
  static constexpr std::uint64_t kLooksPerHeartbeat = 10;
  static constexpr std::chrono::minutes kLongestCalm{20};

  void DelayEvents();
  void Publish();
  void PublishOne();
  void StoreTwice(std::size_t event, std::size_t bytes);
  void Upkeep();
  void CheckLeases(const std::vector<std::uint64_t>& expired);

  void ScheduleFault();
  void CutConnection();
  void SilenceConnection();
  void LoseMessage();
  void KillServer();
  void PauseServer();
  void DeleteConsumer();
  void MakeStreamAgain();
  void KillProcess();
  void DrainProcess();
  void LagBehind();
  void SplitCluster();
  void CutRoute();
  void ChangeLeader();
  void DisturbAll();
  void BreakHandlers();
  void BreakLetters();
  void LetOperatorRedrive();

  Process* AnyProcess();
  void Launch(std::size_t member);

  void Redrive(bool everything);
  void CalmDown();
  bool AtRest() const;
  void AwaitRest();
  void FinishWell();

  const Scenario scenario_;
  EventQueue event_queue_{};
  Trace trace_;
  Ledger ledger_;
  Random random_;
  Conditions conditions_{};
  Network network_;
  std::unique_ptr<CancelBucket> cancels_{};   // null: nothing is cancelled
  std::unique_ptr<DelayedStream> delayed_{};  // null: nothing is
  std::unique_ptr<DelayChecker> delays_{};
  std::unique_ptr<DelayedLoad> delayed_load_{};
  std::vector<std::unique_ptr<Process>> processes_{};
  std::vector<Process*> members_{};     // those that live
  std::set<std::uint64_t> redriven_{};  // letters, in the duplicate window
  std::size_t published_ = 0;
  std::uint64_t upkeeps_ = 0;
  std::size_t faults_ = 0;
  std::uint64_t redrives_left_ = 0;
  std::uint64_t last_progress_ = 0;
  TimePoint progress_at_{};
  TimePoint calm_since_{};
  bool epilogue_ = false;
  bool over_ = false;
};

}  // namespace penstock::eventbus::simulation
