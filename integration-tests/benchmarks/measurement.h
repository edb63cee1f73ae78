// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "benchmarks/child.h"

namespace penstock::bench {

/// The result of one run of a program.
struct Measurement {
  double messages = 0;
  double seconds = 0;
  std::optional<double> p50_us{};
  std::optional<double> p99_us{};
  std::optional<double> bytes_per_idle_actor{};
  std::optional<double> bytes_per_idle_subscription{};
  std::optional<double> bytes_per_idle_key{};
  std::optional<double> bytes_per_message_seen{};
  double cpu_s = 0;
  double peak_rss_mib = 0;
};

/// Reads a program's line of JSON, `{"messages":N,"seconds":S}`, perhaps with "p50_us" and "p99_us" above 0, and
/// with the fields that are named as the members are, in bytes.
/// `kAborted` with what it wrote to stderr when it did not exit with 0; `kDataLoss` when its output is not such a line.
absl::StatusOr<Measurement> MeasurementOf(const Outcome& outcome);

}  // namespace penstock::bench
