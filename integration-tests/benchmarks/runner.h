// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "benchmarks/contest.h"
#include "benchmarks/measurement.h"
#include "benchmarks/stage.h"

namespace penstock::bench {

/// All runs of one side; with a text in `absent` or `failed` there is nothing to compare.
struct SideResult {
  std::vector<Measurement> runs{};
  std::string absent{};  ///< why it could not be run at all
  std::string failed{};  ///< how a run went wrong
};

struct ContestResult {
  SideResult ours{};
  std::vector<SideResult> peers{};  ///< in the contest's order
  std::uint64_t rate = 0;           ///< what the calibration made of `{rate}`
};

struct RunnerOptions {
  std::filesystem::path programs{};             ///< bin/benchmarks
  std::size_t pairs = 5;                        ///< measured rounds
  std::map<std::string, std::string> absent{};  ///< why a peer's program was not built, by its file's name
  std::function<void(const std::string&)> tell = [](const std::string&) {};  ///< gets a line about every run
};

/// Runs contests: every side in turn, first a short round that does not count, then as many as there are to be pairs,
/// each beginning with another side.
///
/// **Thread safety:** thread-confined. **Blocking:** until all has run.
class Runner {
 public:
  explicit Runner(RunnerOptions options) : options_(std::move(options)) {}

  /// A side that fails is not run again; when ours fails, nothing is.
  ContestResult Run(Contest contest) const;

 private:
  struct Entry;
  std::vector<Entry> EntriesOf(const Contest& contest, ContestResult& result) const;
  std::string ObstacleOf(const Contest& contest, const Side& side) const;
  void RunRound(const Contest& contest, Stage& stage, std::vector<Entry>& entries, Round round) const;
  absl::StatusOr<Measurement> RunSide(const Contest& contest, Stage& stage, const Side& side, Round round) const;
  absl::StatusOr<std::uint64_t> Calibrate(const Side& calibration, Stage& stage) const;

  const RunnerOptions options_;
};

}  // namespace penstock::bench
