// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "simulation/delay/delayed_stream.h"

namespace penstock::eventbus::simulation {

/// Watches what relays publish and remove, over all processes. Thread-compatible.
class DelayChecker {
 public:
  DelayChecker(const DelayedStream& stream, const Ledger& ledger) : stream_(stream), ledger_(ledger) {}

  /// A relay sends the message to its topic.
  void Sends(const DelayedEntry& entry, int process, TimePoint now);
  /// The relay learns what became of that.
  void Told(const DelayedEntry& entry, int process, bool stored);
  /// The server is about to remove a message for a relay.
  void Removes(std::uint64_t sequence) const;
  /// The event's message was replaced by one for another time, more than a second before it was due.
  void Replaced(const DelayedEntry& entry) { replaced_.insert({entry.generation, entry.sequence}); }

 private:
  using Version = std::pair<std::uint64_t, std::uint64_t>;  // of the stream's generation, its sequence

  void CheckOrder(const DelayedEntry& entry, TimePoint now) const;

  const DelayedStream& stream_;
  const Ledger& ledger_;
  std::set<Version> replaced_{};
  std::map<std::pair<Version, int>, bool> failed_{};  // of each process' attempt
};

}  // namespace penstock::eventbus::simulation
