// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "dpkg_database.h"
#include "history.h"
#include "package_state.h"

namespace penstock::demo {

/// A package whose events led elsewhere than they should.
struct Mismatch {
  std::string package{};
  std::string folded{};    ///< where its actor's state ended: `installed 1.2`
  std::string expected{};  ///< what dpkg's database says, or that the log in its own order leads elsewhere
};

/// How the folded states of all packages compare with dpkg's database.
struct Comparison {
  std::size_t installed = 0;        ///< agree: installed
  std::size_t in_between = 0;       ///< agree: unpacked, half-configured, waiting for triggers and so on
  std::size_t config_files = 0;     ///< agree: removed, configuration kept
  std::size_t not_installed = 0;    ///< agree: gone, not in the database
  std::size_t moved = 0;            ///< continue under another architecture of the same name, where they were compared
  std::size_t begin_midway = 0;     ///< of those that agree: the beginning of the history is no longer in the logs
  std::size_t without_history = 0;  ///< in the database, without any event: installed before the logs begin
  std::vector<Mismatch> mismatches{};
};

/// Compares the folded states, in the order of `history.packages`, with what the log in its own order leads to and with
/// dpkg's database. `folded` must have as many elements as the history has packages.
Comparison Compare(const History& history, std::span<const PackageState> folded, const Database& database);

}  // namespace penstock::demo
