// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dpkg_log.h"
#include "package_state.h"

namespace penstock::demo {

/// One event of the machine's history.
struct HistoryEvent {
  std::size_t package = 0;     ///< position in `History::packages`
  std::uint64_t sequence = 0;  ///< among the package's events: dense, from 1
  std::chrono::local_seconds time{};
  Action action = Action::kStatus;
  std::string line{};  ///< as dpkg wrote it
};

/// One package that the history speaks of.
struct PackageHistory {
  std::string package{};    ///< `name:arch`
  PackageState expected{};  ///< its events folded in the order of the log
  std::size_t first = 0;    ///< positions in `History::events`
  std::size_t last = 0;
  bool whole = false;         ///< begins with the first installation; otherwise earlier logs are gone
  bool begins_moved = false;  ///< begins with a bare status: where another architecture of the name left off
};

/// A package history, read once.
struct History {
  std::vector<HistoryEvent> events{};
  std::vector<PackageHistory> packages{};
  std::size_t other_lines = 0;    ///< dpkg's own doings
  std::size_t garbled_lines = 0;  ///< left out
};

/// Makes a history from the lines of the logs, oldest first. Thread-compatible.
class HistoryBuilder {
 public:
  /// Takes any bytes.
  void Add(std::string_view line);

  /// Hands the history over; the builder is empty afterwards.
  History Take();

 private:
  void AddEvent(const LogEvent& event, std::string_view line);

  History history_;
  std::unordered_map<std::string, std::size_t> by_name_;
};

}  // namespace penstock::demo
