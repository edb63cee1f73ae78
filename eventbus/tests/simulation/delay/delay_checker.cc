// SPDX-License-Identifier: Apache-2.0
#include "simulation/delay/delay_checker.h"

namespace penstock::eventbus::simulation {
namespace {

// News of a message take so long to come to a relay at most.
constexpr std::chrono::seconds kNews{1};

}  // namespace

void DelayChecker::Sends(const DelayedEntry& entry, int process, TimePoint now) {
  ledger_.Require(now >= entry.due, "delay", "a message was put forward before it was due", entry.sequence);
  ledger_.Require(!ledger_.IsCalledOff(entry.event), "cancelled", "a message was put forward that was called off",
                  entry.sequence);
  const Version version{entry.generation, entry.sequence};
  ledger_.Require(!replaced_.contains(version), "delay", "a message was put forward that was put off in time",
                  entry.sequence);
  const auto [attempt, first] = failed_.emplace(std::pair{version, process}, false);
  ledger_.Require(first || attempt->second, "put forward once",
                  "a relay put a message forward twice that had not failed", entry.sequence);
  attempt->second = false;
  CheckOrder(entry, now);
}

// Of what the relay had to know.
void DelayChecker::CheckOrder(const DelayedEntry& entry, TimePoint now) const {
  const std::uint64_t key = ledger_.KeyOf(entry.event);
  if (key == 0) return;
  for (const auto& [sequence, other] : stream_.entries()) {
    if (other.called_off || other.mark || other.event == entry.event || ledger_.KeyOf(other.event) != key) continue;
    const bool earlier = std::pair(other.due, sequence) < std::pair(entry.due, entry.sequence);
    if (!earlier || other.stored_at + kNews > now || stream_.WasPutForward(other.event)) continue;
    ledger_.Break("order of delayed messages", "message " + std::to_string(entry.sequence) +
                                                   " was put forward before one of its key that was due earlier, " +
                                                   std::to_string(sequence));
  }
}

void DelayChecker::Told(const DelayedEntry& entry, int process, bool stored) {
  failed_[{{entry.generation, entry.sequence}, process}] = !stored;
}

void DelayChecker::Removes(std::uint64_t sequence) const {
  const DelayedEntry* const entry = stream_.Find(sequence);
  if (entry == nullptr || entry->called_off || entry->mark) return;
  ledger_.Require(stream_.WasPutForward(entry->event), "nothing lost",
                  "a delayed message was removed that was not published", sequence);
}

}  // namespace penstock::eventbus::simulation
