// SPDX-License-Identifier: Apache-2.0
// penstock-chaos: a publisher, consumers and a nats-server or a cluster of their own, faults done to them, and their
// books examined.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "chaos/cluster/cluster_report.h"
#include "chaos/cluster/cluster_run.h"
#include "chaos/names.h"
#include "chaos/report.h"
#include "chaos/run.h"
#include "chaos/run_folder.h"
#include "chaos/tasks/task_plan.h"
#include "support/small_disk.h"

namespace penstock::chaos {
namespace {

struct Options {
  std::size_t events = 50'000;
  std::size_t faults = 8;
  std::uint64_t seed = 1;
  std::size_t nodes = 1;
  std::optional<std::size_t> tasks{};
  std::optional<std::size_t> credit{};
  std::vector<std::string> servers{"nats-server"};
  std::string keep{};
  std::string publisher{};
  std::string consumer{};
  std::string durable = kDurable;
  std::vector<std::string> kinds{};
  bool tls = false;
  bool losses_only = false;
  bool json = false;
};

// All of `every` when no names are given.
template <typename Kind>
std::vector<Kind> KindsNamed(std::span<const Kind> every, const std::vector<std::string>& names) {
  std::vector<Kind> kinds;
  for (const Kind kind : every) {
    if (names.empty() || std::find(names.begin(), names.end(), FaultName(kind)) != names.end()) kinds.push_back(kind);
  }
  return kinds;
}

template <typename Kind>
std::vector<std::string> NamesOf(std::span<const Kind> kinds) {
  std::vector<std::string> names;
  for (const Kind kind : kinds) names.emplace_back(FaultName(kind));
  return names;
}

bool HasOtherPrograms(const Options& options) {
  return !options.publisher.empty() || !options.consumer.empty() || options.durable != kDurable;
}

std::size_t TasksOf(const Options& options) {
  return options.tasks.value_or(HasOtherPrograms(options) ? 0 : TaskPlan::kDefaultPercent);
}

// What these options ask for and this kind of run does not have; empty: nothing.
std::string Unusable(const Options& options) {
  const bool cluster = options.nodes > 1;
  const std::vector<std::string> known = cluster ? NamesOf(AllClusterFaultKinds()) : NamesOf(AllFaultKinds());
  for (const std::string& kind : options.kinds) {
    if (std::find(known.begin(), known.end(), kind) != known.end()) continue;
    return absl::StrCat("--kinds: no \"", kind, "\" with --nodes ", options.nodes, "; there are ",
                        absl::StrJoin(known, ", "));
  }
  if (!cluster && options.losses_only) return "--losses-only: is for --nodes 3";
  const bool other_programs = HasOtherPrograms(options);
  if (other_programs && options.tasks.value_or(0) > 0) return "--tasks: other programs than ours have no actors";
  if (!cluster && other_programs) return "--publisher, --consumer, --durable: are for --nodes 3";
  if (!cluster && options.servers.size() > 1) return "--server: several are for rolling upgrades, with --nodes 3";
  return "";
}

std::string ProgramBeside(const char* name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

// `program`, or where none is given the one of this name beside this program.
std::string Or(const std::string& program, const char* name) { return program.empty() ? ProgramBeside(name) : program; }

void Say(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

Report RunOnOne(const Options& options, const std::filesystem::path& folder) {
  Run run({.rig = {.seed = options.seed,
                   .events = options.events,
                   .tasks = TasksOf(options),
                   .credit = options.credit.value_or(1000),
                   .tls = options.tls,
                   .server_program = options.servers.front(),
                   .publisher_program = ProgramBeside("chaos_publisher"),
                   .consumer_program = ProgramBeside("chaos_consumer"),
                   .folder = folder},
           .faults = DrawFaults(options.seed, options.faults, KindsNamed(AllFaultKinds(), options.kinds)),
           .tell = Say});
  return run.Execute();
}

ClusterReport RunOnCluster(const Options& options, const std::filesystem::path& folder) {
  constexpr std::size_t kDiskBytes = std::size_t{512} << 20;
  const auto faults =
      DrawClusterFaults(options.seed, options.faults, KindsNamed(AllClusterFaultKinds(), options.kinds));
  const bool fills = std::any_of(faults.begin(), faults.end(),
                                 [](const ClusterFault& fault) { return fault.kind == ClusterFaultKind::kDiskFull; });
  ClusterRun run({.rig = {.seed = options.seed,
                          .events = options.events,
                          .nodes = options.nodes,
                          .tasks = TasksOf(options),
                          .credit = options.credit.value_or(4096),
                          .tls = options.tls,
                          .disk_bytes = fills && testing::SmallDisk::Possible() ? kDiskBytes : 0,
                          .server_program = options.servers.front(),
                          .publisher_program = Or(options.publisher, "chaos_publisher"),
                          .consumer_program = Or(options.consumer, "chaos_consumer"),
                          .durable = options.durable,
                          .folder = folder},
                  .releases = {options.servers.begin() + 1, options.servers.end()},
                  .faults = faults,
                  .tell = Say});
  return run.Execute();
}

template <typename AnyReport>
int Conclude(const Options& options, const std::filesystem::path& folder, const AnyReport& report, bool passed) {
  std::fputs(ToText(report).c_str(), options.json ? stderr : stdout);
  std::error_code ignored;
  if (passed && options.keep.empty()) {
    std::filesystem::remove_all(folder, ignored);
  } else {
    std::fprintf(stderr, "ledgers and logs: %s\n", folder.c_str());
  }
  std::printf("%s\n", ToJson(report).c_str());
  return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}

int Execute(const Options& options) {
  constexpr int kWrongOptions = 2;
  const std::string unusable = Unusable(options);
  const auto folder = unusable.empty() ? MakeRunFolder(options.keep) : absl::InvalidArgumentError(unusable);
  if (!folder.ok()) {
    Say(std::string(folder.status().message()));
    return kWrongOptions;
  }
  if (options.nodes == 1) {
    const Report report = RunOnOne(options, *folder);
    return Conclude(options, *folder, report, Shortcomings(report).empty());
  }
  const ClusterReport report = RunOnCluster(options, *folder);
  return Conclude(options, *folder, report, (options.losses_only ? Losses(report) : Shortcomings(report)).empty());
}

}  // namespace
}  // namespace penstock::chaos

int main(int argc, char** argv) {
  penstock::chaos::Options options;
  CLI::App app("Publishes events through faults and proves that none was lost, repeated or out of order.");
  app.add_option("--events", options.events)->capture_default_str()->check(CLI::Range(1, 100'000'000));
  app.add_option("--faults", options.faults)->capture_default_str()->check(CLI::Range(0, 100'000));
  app.add_option("--seed", options.seed, "Faults and events are drawn from it")->capture_default_str();
  app.add_option("--credit", options.credit,
                 "Messages a consumer has in hand, at most: 1000 unless told, with --nodes 3 4096")
      ->check(CLI::Range(1, 65'536));
  app.add_option("--tasks", options.tasks,
                 "Messages to an actor, half of them delayed, beside 100 events: 6 unless told; 0: none")
      ->check(CLI::Range(0, 100));
  app.add_option("--nodes", options.nodes, "Servers: one, or a cluster of three")
      ->capture_default_str()
      ->check(CLI::IsMember({1, 3}));
  app.add_option("--server", options.servers,
                 "The nats-server to run, by name or path; with --nodes 3 several times, the later ones for upgrades")
      ->capture_default_str();
  app.add_option("--kinds", options.kinds, "Only faults of these kinds, separated by commas")->delimiter(',');
  app.add_option("--publisher", options.publisher, "With --nodes 3: another program in place of chaos_publisher");
  app.add_option("--consumer", options.consumer, "With --nodes 3: another program in place of chaos_consumer");
  app.add_option("--durable", options.durable, "With --nodes 3: what that program calls its durable")
      ->capture_default_str();
  app.add_option("--keep", options.keep, "Keep ledgers and logs in this folder");
  app.add_flag("--tls", options.tls, "Publisher and consumer speak TLS to the server");
  app.add_flag("--losses-only", options.losses_only,
               "With --nodes 3: fail only when something was lost or the run could not be finished");
  app.add_flag("--json", options.json, "Only the last line on standard output: one JSON object");
  CLI11_PARSE(app, argc, argv);
  return penstock::chaos::Execute(options);
}
