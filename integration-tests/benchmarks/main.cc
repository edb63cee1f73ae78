// SPDX-License-Identifier: Apache-2.0
// penstock-bench: Penstock and its peers at the same work, side by side.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmarks/catalog.h"
#include "benchmarks/plot.h"
#include "benchmarks/report.h"
#include "benchmarks/runner.h"
#include "benchmarks/table.h"

namespace penstock::bench {
namespace {

constexpr const char* kScale = "scale";

struct Options {
  bool quick = false;
  bool scale = false;
  std::size_t pairs = 5;
  std::vector<std::string> only{};
  std::string against{};
  std::string json{};
  std::string markdown{};
  std::string plot{};
  std::string commit = "unknown";
  std::vector<std::string> absent{};
};

std::vector<std::string> RowNames() {
  std::vector<std::string> names = {kScale};
  const auto add = [&names](const std::vector<Contest>& contests) {
    for (const Contest& contest : contests) {
      for (const Row& row : contest.rows) names.push_back(row.name);
    }
  };
  add(AllContests(Effort::kFull));
  for (const auto& [table, contests] : ScaleContests()) add(contests);
  return names;
}

/// Of `program=reason`.
std::map<std::string, std::string> ReasonsOf(const std::vector<std::string>& absent) {
  std::map<std::string, std::string> reasons;
  for (const std::string& pair : absent) {
    const std::size_t equals = std::min(pair.find('='), pair.size() - 1);
    reasons[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return reasons;
}

ContestTables TablesOf(const Options& options) {
  if (options.scale || std::ranges::count(options.only, kScale) > 0) return ScaleContests();
  return options.only.empty() ? ContestTables{} : Only(options.only, ScaleContests());
}

std::vector<RowResult> RowsOfAll(std::vector<Contest> contests, const Options& options, const Runner& runner) {
  if (!options.against.empty()) contests = Against(options.against, std::move(contests));
  std::vector<RowResult> rows;
  for (const Contest& contest : contests) {
    std::fprintf(stderr, "%s\n", contest.rows.front().name.c_str());
    std::ranges::move(RowsOf(contest, runner.Run(contest)), std::back_inserter(rows));
  }
  return rows;
}

/// Writes to a file, if there is to be one.
bool Wrote(const std::string& file, const std::string& contents) {
  if (file.empty()) return true;
  std::ofstream stream(file);
  stream << contents << std::flush;
  if (stream.good()) return true;
  std::fprintf(stderr, "write \"%s\": it cannot be written\n", file.c_str());
  return false;
}

int Execute(const Options& options) {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  const Runner runner({.programs = self.parent_path() / "benchmarks",
                       .pairs = options.pairs,
                       .absent = ReasonsOf(options.absent),
                       .tell = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }});
  Report report = {.machine = ThisMachine(options.commit), .quick = options.quick};
  report.rows =
      RowsOfAll(Only(options.only, AllContests(options.quick ? Effort::kQuick : Effort::kFull)), options, runner);
  for (const auto& [table, contests] : TablesOf(options)) report.scale[table] = RowsOfAll(contests, options, runner);
  std::fputs(ToText(report).c_str(), stdout);
  const bool json = Wrote(options.json, absl::StrCat(ToJson(report), "\n"));
  const bool markdown = Wrote(options.markdown, ToMarkdown(report));
  const bool plot = Wrote(options.plot, ToSvg(report.rows));
  return json && markdown && plot && !AnyFailed(report) ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  penstock::bench::Options options;
  CLI::App app("Runs Penstock and its peers at the same work in turns, and compares them.", "penstock-bench");
  app.add_flag("--quick", options.quick, "Every row small");
  app.add_flag("--scale", options.scale,
               "Also how cost grows with payload, keys, actors and subscriptions, and memory; full size");
  app.add_option("--pairs", options.pairs, "Runs of each side")->capture_default_str()->check(CLI::Range(1, 1000));
  app.add_option("--only", options.only, "These rows only, separated by commas; scale: all tables of --scale")
      ->delimiter(',')
      ->check(CLI::IsMember(penstock::bench::RowNames()));
  app.add_option("--against", options.against,
                 "Beside the programs of another build instead of peers: its build directory")
      ->check(CLI::ExistingDirectory);
  app.add_option("--json", options.json, "Write the report to this file as JSON");
  app.add_option("--markdown", options.markdown, "Write the tables to this file as Markdown");
  app.add_option("--plot", options.plot, "Write bars of all ratios to this file as SVG");
  app.add_option("--commit", options.commit, "What the report says it was made of")->capture_default_str();
  app.add_option("--absent", options.absent, "PROGRAM=REASON: why a peer could not be built");
  CLI11_PARSE(app, argc, argv);
  return penstock::bench::Execute(options);
}
