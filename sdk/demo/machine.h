// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dpkg_database.h"
#include "history.h"

namespace penstock::demo {

struct MachineOptions {
  std::filesystem::path log_directory{"/var/log"};            ///< where dpkg's logs are
  std::filesystem::path dpkg_status{"/var/lib/dpkg/status"};  ///< dpkg's database
};

/// A machine's package history, and what it led to.
struct Machine {
  History history{};
  Database database{};
  std::vector<std::filesystem::path> logs{};  ///< oldest first
  bool dpkg_busy = false;                     ///< dpkg was at work while we read: log and database may disagree
};

/// Reads logs and database of one moment: again, up to three times, when dpkg wrote in between.
/// `kNotFound` when there is no log, or no package event in it; otherwise as the files answer. Blocks on the disk.
absl::StatusOr<Machine> ReadMachine(const MachineOptions& options);

}  // namespace penstock::demo
