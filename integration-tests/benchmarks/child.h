// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace penstock::bench {

/// How a program ended, and what it took.
struct Outcome {
  int exit_code = 0;  ///< 128 + signal when a signal ended it
  std::string output{};
  std::string errors{};
  double cpu_s = 0;         ///< user and system, of all its threads
  double peak_rss_mib = 0;  ///< at least what this process has in private memory: a child begins as its copy
};

/// Runs `command`, whose first element is a path, until its end. It is killed when `deadline` passes, and when the
/// calling thread ends. Blocks.
/// `kNotFound`: no such program. `kDeadlineExceeded`: killed, with what it said on stderr. `kInternal`: the system
/// gives no process.
absl::StatusOr<Outcome> RunToEnd(const std::vector<std::string>& command, std::chrono::milliseconds deadline);

}  // namespace penstock::bench
