// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/contest.h"
#include "benchmarks/machine.h"
#include "benchmarks/measurement.h"
#include "benchmarks/runner.h"

namespace penstock::bench {

/// The cost of work besides time, as a median.
struct Cost {
  double cpu_s_per_million = 0;
  double peak_rss_mib = 0;
};

/// Ours against one peer, or ours alone: without a name of a peer nothing of it means anything. With a text in `absent`
/// or `failed`, the figures mean nothing.
struct RowResult {
  std::string name{};
  Figure figure = Figure::kRate;
  std::string peer_name{};
  std::string absent{};
  std::string failed{};
  double ours = 0;    ///< median
  double peer = 0;    ///< median
  double ratio = 0;   ///< median of the pairs' ratios, ours / peer
  double spread = 0;  ///< of these ratios, of our values without a peer: largest minus smallest, by the median
  std::size_t pairs = 0;
  Cost our_cost{};
  std::optional<Cost> peer_cost{};      ///< none of an ideal
  std::optional<std::uint64_t> rate{};  ///< messages a second at which a latency was measured

  bool alone() const { return peer_name.empty(); }
};

using Tables = std::map<std::string, std::vector<RowResult>>;

struct Report {
  Machine machine{};
  bool quick = false;
  std::vector<RowResult> rows{};
  Tables scale{};
};

/// The figure of one run; nothing when the program did not measure it.
std::optional<double> ValueOf(const Measurement& run, Figure figure);

/// `msg/s`, `us` or `bytes`.
std::string UnitOf(Figure figure);

/// The better direction: `higher` or `lower`.
std::string BetterOf(Figure figure);

/// A row for each of the contest's rows and each peer, absent and failed ones too; one for ours alone when there is
/// nobody.
std::vector<RowResult> RowsOf(const Contest& contest, const ContestResult& result);

/// Whether any side of any row failed.
bool AnyFailed(const Report& report);

/// The whole report, indented.
std::string ToJson(const Report& report);

}  // namespace penstock::bench
