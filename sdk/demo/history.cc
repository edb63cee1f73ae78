// SPDX-License-Identifier: Apache-2.0
#include "history.h"

#include <utility>

namespace penstock::demo {

void HistoryBuilder::Add(std::string_view line) {
  const LogLine parsed = ParseLogLine(line);
  switch (parsed.kind) {
    case LineKind::kPackage:
      return AddEvent(parsed.event, line);
    case LineKind::kOther:
      ++history_.other_lines;
      return;
    case LineKind::kGarbled:
      ++history_.garbled_lines;
      return;
  }
}

void HistoryBuilder::AddEvent(const LogEvent& event, std::string_view line) {
  const auto [entry, is_new] = by_name_.try_emplace(event.package, history_.packages.size());
  const std::size_t position = history_.events.size();
  if (is_new) {
    PackageHistory& first_seen = history_.packages.emplace_back();
    first_seen.package = event.package;
    first_seen.first = position;
    first_seen.whole = BeginsAHistory(event);
    first_seen.begins_moved = event.action == Action::kStatus;
  }
  PackageHistory& package = history_.packages[entry->second];
  package.expected.Apply(event, line);
  package.last = position;
  history_.events.push_back({.package = entry->second,
                             .sequence = package.expected.events,
                             .time = event.time,
                             .action = event.action,
                             .line = std::string(line)});
}

History HistoryBuilder::Take() {
  by_name_.clear();
  return std::exchange(history_, {});
}

}  // namespace penstock::demo
