// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/runner.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "benchmarks/child.h"
#include "benchmarks/report.h"

namespace penstock::bench {
namespace {

constexpr double kRateStep = 1000;
constexpr std::chrono::seconds kHelpDeadline(10);

std::string TextOf(const absl::Status& status) { return std::string(status.message()); }

void SetRate(Contest& contest, std::uint64_t rate) {
  const auto replace = [text = absl::StrCat(rate)](Side& side) {
    for (std::string& argument : side.arguments) argument = absl::StrReplaceAll(argument, {{"{rate}", text}});
  };
  replace(contest.ours);
  std::ranges::for_each(contest.peers, replace);
}

/// A program of another build may be older than the option.
bool HasTls(const std::filesystem::path& program) {
  const auto help = RunToEnd({program, "--help"}, kHelpDeadline);
  return help.ok() && absl::StrContains(help->output, "--tls-ca");
}

}  // namespace

struct Runner::Entry {
  const Side* side;
  SideResult* result;

  bool runs() const { return result->absent.empty() && result->failed.empty(); }
};

ContestResult Runner::Run(Contest contest) const {
  ContestResult result = {.peers = std::vector<SideResult>(contest.peers.size())};
  std::vector<Entry> entries = EntriesOf(contest, result);
  if (!entries.front().runs()) return result;
  const auto stage = Stage::Set(contest, options_.programs);
  if (!stage.ok()) {
    result.ours.failed = TextOf(stage.status());
    return result;
  }
  if (contest.calibration) {
    const auto rate = Calibrate(*contest.calibration, **stage);
    if (!rate.ok()) {
      result.ours.failed = TextOf(rate.status());
      return result;
    }
    result.rate = *rate;
    SetRate(contest, *rate);
  }
  RunRound(contest, **stage, entries, Round::kWarmUp);
  for (std::size_t pair = 0; pair < options_.pairs && result.ours.failed.empty(); ++pair) {
    RunRound(contest, **stage, entries, Round::kMeasured);
    std::rotate(entries.begin(), entries.begin() + 1, entries.end());
  }
  return result;
}

std::vector<Runner::Entry> Runner::EntriesOf(const Contest& contest, ContestResult& result) const {
  std::vector<Entry> entries = {{.side = &contest.ours, .result = &result.ours}};
  for (std::size_t peer = 0; peer < contest.peers.size(); ++peer)
    entries.push_back({.side = &contest.peers[peer], .result = &result.peers[peer]});
  for (const Entry& entry : entries)
    (entry.side == &contest.ours ? entry.result->failed : entry.result->absent) = ObstacleOf(contest, *entry.side);
  return entries;
}

/// Why a side cannot be run; empty when it can.
std::string Runner::ObstacleOf(const Contest& contest, const Side& side) const {
  const std::filesystem::path program = options_.programs / side.program;
  if (!std::filesystem::exists(program)) {
    const auto reason = options_.absent.find(program.filename());
    return reason == options_.absent.end() ? "it is not built" : reason->second;
  }
  return contest.tls && !HasTls(program) ? "it has no option --tls-ca" : "";
}

void Runner::RunRound(const Contest& contest, Stage& stage, std::vector<Entry>& entries, Round round) const {
  for (Entry& entry : entries) {
    if (!entry.runs()) continue;
    auto measurement = RunSide(contest, stage, *entry.side, round);
    if (!measurement.ok()) {
      entry.result->failed = TextOf(measurement.status());
      options_.tell(absl::StrCat("  ", entry.side->name, ": FAILED: ", entry.result->failed));
    } else if (round == Round::kMeasured) {
      entry.result->runs.push_back(*measurement);
    }
  }
}

absl::StatusOr<Measurement> Runner::RunSide(const Contest& contest, Stage& stage, const Side& side, Round round) const {
  const auto outcome = RunToEnd(stage.CommandOf(side, round), kRunDeadline);
  stage.CleanUp();
  if (!outcome.ok()) return outcome.status();
  auto measurement = MeasurementOf(*outcome);
  if (!measurement.ok() || round == Round::kWarmUp) return measurement;
  for (const Row& row : contest.rows) {
    const auto value = ValueOf(*measurement, row.figure);
    if (!value) return absl::DataLossError(absl::StrCat("read its result: no figure for ", row.name));
    options_.tell(absl::StrFormat("  %-36s %-32s %14.1f %s", row.name, side.name, *value, UnitOf(row.figure)));
  }
  return measurement;
}

absl::StatusOr<std::uint64_t> Runner::Calibrate(const Side& calibration, Stage& stage) const {
  const auto outcome = RunToEnd(stage.CommandOf(calibration, Round::kMeasured), kRunDeadline);
  stage.CleanUp();
  if (!outcome.ok()) return outcome.status();
  const auto measurement = MeasurementOf(*outcome);
  if (!measurement.ok()) return measurement.status();
  const double half = measurement->messages / measurement->seconds / 2;
  const auto rate = static_cast<std::uint64_t>(std::max(1.0, std::round(half / kRateStep)) * kRateStep);
  options_.tell(absl::StrFormat("  %s: half of full load is %d msg/s", calibration.name, rate));
  return rate;
}

}  // namespace penstock::bench
