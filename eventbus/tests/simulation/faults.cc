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
    static constexpr std::array<Fault, 12> kFaults = {
        &World::CutConnection, &World::SilenceConnection, &World::LoseMessage,     &World::KillServer,
        &World::PauseServer,   &World::DeleteConsumer,    &World::MakeStreamAgain, &World::KillProcess,
        &World::DrainProcess,  &World::BreakHandlers,     &World::BreakLetters,    &World::LetOperatorRedrive};
    ++faults_;
    (this->*kFaults[random_.Below(kFaults.size())])();
    ScheduleFault();
  });
}

void World::CutConnection() {
  Process* const process = AnyProcess();
  if (process == nullptr || !process->consumer().flowing()) return;
  trace_.Note("fault: connection cut");
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
  for (Process* process : members_) {
    if (process != nullptr && !process->gone()) process->consumer().ServerPaused();
  }
}

// With several members, or none, nobody knows where the new consumer has to begin: it begins with the stream, and all
// is handled again.
void World::DeleteConsumer() {
  Process* const process = AnyProcess();
  if (scenario_.members > 1 || process == nullptr || !process->consumer().flowing() || !network_.reachable()) return;
  if (scenario_.mode != Mode::kExclusive) return;
  trace_.Note("fault: consumer deleted");
  network_.DeleteConsumer();
  process->consumer().ConsumerGone();
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
  const std::size_t count = network_.LoseAnswers().size();
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
