// SPDX-License-Identifier: Apache-2.0
#include "http/connection_limit.h"

#include <algorithm>

namespace penstock::metrics {

ConnectionLimit::Id ConnectionLimit::Enter() {
  phases_.emplace(++last_, ConnectionPhase::kReading);
  return last_;
}

void ConnectionLimit::Set(Id id, ConnectionPhase phase) {
  if (const auto found = phases_.find(id); found != phases_.end()) found->second = phase;
}

std::size_t ConnectionLimit::Count(ConnectionPhase phase) const {
  return static_cast<std::size_t>(
      std::count_if(phases_.begin(), phases_.end(), [phase](const auto& entry) { return entry.second == phase; }));
}

std::optional<ConnectionLimit::Id> ConnectionLimit::Excess(Id newest) const {
  const std::size_t counted = phases_.size() - Count(ConnectionPhase::kHandling) - Count(ConnectionPhase::kStreaming);
  if (counted <= max_connections_) return std::nullopt;
  const std::optional<Id> other = Weakest(newest);
  return other ? other : newest;
}

std::optional<ConnectionLimit::Id> ConnectionLimit::Weakest(Id except) const {
  std::optional<Id> writing;
  for (const auto& [id, phase] : phases_) {
    if (id == except) continue;
    if (phase == ConnectionPhase::kReading || phase == ConnectionPhase::kLingering) return id;
    if (phase == ConnectionPhase::kWriting && !writing) writing = id;
  }
  return writing;
}

}  // namespace penstock::metrics
