// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dpkg_log.h"

namespace penstock::demo {

/// One package as its events leave it: the aggregate of the demo. A plain value; thread-compatible.
struct PackageState {
  PackageStatus status = PackageStatus::kNotInstalled;
  std::string version{};  ///< of what is installed or was configured; empty when nothing is
  std::uint64_t events = 0;
  /// Runs over every event in turn: two packages agree in it only when they saw the same events in the same order.
  std::uint64_t digest = 0xcbf29ce484222325;

  /// Folds the next event in. `line` is the event's text, for the digest.
  void Apply(const LogEvent& event, std::string_view line);

  friend bool operator==(const PackageState&, const PackageState&) = default;
};

/// Whether a history that begins with `first` is whole: nothing of the package was there before.
bool BeginsAHistory(const LogEvent& first);

}  // namespace penstock::demo
