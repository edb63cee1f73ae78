// SPDX-License-Identifier: Apache-2.0
// The faults of a world.
#include <algorithm>
#include <array>
#include <utility>

#include "simulation/world.h"

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::milliseconds;

}  // namespace

void World::ScheduleFault() {
  event_queue_.After(random_.Between(scenario_.fault_pause / 2, 2 * scenario_.fault_pause), [this] {
    if (conditions_.calm) return;
    static constexpr std::array<Fault, 16> kFaults = {
        &World::CutConnection, &World::SilenceConnection, &World::LoseMessage,     &World::KillServer,
        &World::PauseServer,   &World::DeleteConsumer,    &World::MakeStreamAgain, &World::KillProcess,
        &World::DrainProcess,  &World::BreakHandlers,     &World::BreakLetters,    &World::LetOperatorRedrive,
        &World::LagBehind,     &World::SplitCluster,      &World::CutRoute,        &World::ChangeLeader};
    static constexpr std::size_t kOfClusters = 3;  // the last ones
    ++faults_;
    const bool of_cluster = scenario_.clustered && random_.PerMille(300);
    const std::size_t first = of_cluster ? kFaults.size() - kOfClusters : 0;
    (this->*kFaults[random_.From(first, kFaults.size() - 1)])();
    ScheduleFault();
  });
}

void World::CutConnection() {
  Process* const process = AnyProcess();
  if (process == nullptr || !process->consumer().flowing()) return;
  trace_.Note("fault: connection cut");
  if (random_.PerMille(300)) process->consumer().CutOnceMore();
  process->consumer().Cut();
}

void World::SilenceConnection() {
  Process* const process = AnyProcess();
  if (process == nullptr) return;
  trace_.Note("fault: connection dead");
  process->consumer().FallSilent();
}

void World::LoseMessage() {
  Process* const process = AnyProcess();
  if (process == nullptr) return;
  trace_.Note("fault: message lost");
  process->consumer().LoseOne();
}

void World::KillServer() {
  if (!network_.reachable()) return;
  trace_.Note("fault: server killed");
  network_.Kill();
  for (Process* process : members_) {
    if (process != nullptr && !process->gone()) process->consumer().Cut();
  }
  event_queue_.After(random_.Between(milliseconds{50}, milliseconds{2000}), [this] { network_.Start(); });
}

void World::PauseServer() {
  if (!network_.reachable()) return;
  trace_.Note("fault: server paused");
  network_.Pause();
  event_queue_.After(random_.Between(milliseconds{10}, milliseconds{2000}), [this] { network_.Resume(); });
  DisturbAll();
}

void World::DeleteConsumer() {
  Process* const process = AnyProcess();
  if (process == nullptr || !network_.reachable() || scenario_.mode != Mode::kExclusive) return;
  if (!network_.DeleteByOperator()) return;
  trace_.Note("fault: consumer deleted");
  DisturbAll();
}

// A replica that has not all of the stream leads for a while, and has nothing of the consumer.
void World::LagBehind() {
  if (scenario_.mode != Mode::kExclusive || !network_.reachable() || !network_.DeleteByOperator()) return;
  trace_.Note("fault: a replica that lags leads");
  network_.LagBehind(random_.From(1, 200));
  DisturbAll();
  event_queue_.After(random_.Between(milliseconds{500}, milliseconds{9000}), [this] { network_.LagBehind(0); });
}

void World::DisturbAll() {
  for (Process* process : members_) {
    if (process != nullptr && !process->gone()) process->consumer().Disturbed();
  }
}

// A leader that is cut off goes on until it notices; the others elect another.
void World::SplitCluster() {
  if (!scenario_.clustered || !network_.whole()) return;
  const std::size_t leader = network_.cluster().leader();
  const std::size_t server = random_.PerMille(700) ? leader : random_.Below(Cluster::kServers);
  trace_.Note("fault: cut off, server", server);
  network_.Isolate(server);
  if (server != leader) {
    return event_queue_.After(random_.Between(milliseconds{100}, milliseconds{5000}), [this] { network_.Heal(); });
  }
  const auto elected = random_.Skewed(milliseconds{20}, milliseconds{3000});
  const auto healed = elected + random_.Between(milliseconds{0}, milliseconds{6000});
  event_queue_.After(elected, [this] { network_.Elect(); });
  event_queue_.After(random_.Between(elected, healed), [this] { network_.StepDown(); });
  event_queue_.After(healed, [this] { network_.Heal(); });
}

void World::CutRoute() {
  if (!scenario_.clustered || !network_.whole()) return;
  trace_.Note("fault: a route is cut");
  network_.CutRouteBesides(random_.Below(Cluster::kServers));
  event_queue_.After(random_.Between(milliseconds{100}, milliseconds{5000}), [this] { network_.Heal(); });
}

void World::ChangeLeader() {
  if (!scenario_.clustered || !network_.whole()) return;
  trace_.Note("fault: another leader");
  network_.Elect();
}

void World::MakeStreamAgain() {
  if (scenario_.quarantines() || !network_.reachable() || !random_.PerMille(300)) return;
  trace_.Note("fault: stream created again");
  for (Process* process : members_) {
    if (process != nullptr && !process->gone()) process->consumer().Cut();
  }
  redriven_.clear();
  network_.MakeStreamAgain();
}

void World::KillProcess() {
  const std::size_t member = random_.Below(members_.size());
  Process* const process = members_[member];
  if (process == nullptr || process->gone() || !network_.server().has_consumer()) return;
  const std::size_t count = network_.Unanswered().size();
  // A new owner gets all that was pending under the window of the one before. What several share is bounded by what
  // each may hold, and by what was lost on dead connections.
  std::size_t widest = 0;
  for (const auto& each : processes_) widest = std::max(widest, each->invariants().widest());
  ledger_.Require(scenario_.mode != Mode::kExclusive || count <= widest, "bounded re-runs",
                  "more was handled and not acknowledged than may be in hand", count);
  process->Crash();
  event_queue_.After(random_.Skewed(milliseconds{1}, milliseconds{2000}), [this, member] { Launch(member); });
}

void World::DrainProcess() {
  const std::size_t member = random_.Below(members_.size());
  Process* const process = members_[member];
  if (process == nullptr || process->gone() || process->draining() || !network_.server().has_consumer()) return;
  process->Drain(random_.Skewed(milliseconds{0}, milliseconds{500}), [this, member] {
    event_queue_.After(random_.Skewed(milliseconds{1}, milliseconds{500}), [this, member] { Launch(member); });
  });
}

void World::BreakHandlers() {
  trace_.Note("fault: handlers fail");
  conditions_.handlers_down = true;
  event_queue_.After(random_.Between(milliseconds{50}, milliseconds{5000}),
                     [this] { conditions_.handlers_down = false; });
}

void World::BreakLetters() {
  trace_.Note("fault: dead letters fail");
  conditions_.letters_down = true;
  event_queue_.After(random_.Between(milliseconds{50}, milliseconds{5000}),
                     [this] { conditions_.letters_down = false; });
}

void World::LetOperatorRedrive() {
  if (!scenario_.keeps_letters() || redrives_left_ == 0) return;
  --redrives_left_;
  Redrive(false);
}

}  // namespace penstock::eventbus::simulation
