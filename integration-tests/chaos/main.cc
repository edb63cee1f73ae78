// SPDX-License-Identifier: Apache-2.0
// penstock-chaos: a publisher, a consumer and a nats-server of their own, faults done to them, and their books
// examined.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "chaos/report.h"
#include "chaos/run.h"

namespace penstock::chaos {
namespace {

struct Options {
  std::size_t events = 50'000;
  std::size_t faults = 8;
  std::uint64_t seed = 1;
  std::size_t credit = 1000;
  std::string server = "nats-server";
  std::string keep{};
  std::vector<std::string> kinds{};
  bool tls = false;
  bool json = false;
};

std::vector<FaultKind> KindsNamed(const std::vector<std::string>& names) {
  std::vector<FaultKind> kinds;
  for (const FaultKind kind : AllFaultKinds()) {
    if (names.empty() || std::find(names.begin(), names.end(), FaultName(kind)) != names.end()) kinds.push_back(kind);
  }
  return kinds;
}

std::vector<std::string> KindNames() {
  std::vector<std::string> names;
  for (const FaultKind kind : AllFaultKinds()) names.emplace_back(FaultName(kind));
  return names;
}

std::filesystem::path MakeFolder(const Options& options) {
  std::filesystem::path folder = options.keep;
  if (folder.empty()) {
    std::string pattern = (std::filesystem::temp_directory_path() / "penstock-chaos-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) folder = pattern;
  }
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  return folder;
}

int Execute(const Options& options) {
  const std::filesystem::path programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::filesystem::path folder = MakeFolder(options);
  Run run({.rig = {.seed = options.seed,
                   .events = options.events,
                   .credit = options.credit,
                   .tls = options.tls,
                   .server_program = options.server,
                   .publisher_program = (programs / "chaos_publisher").string(),
                   .consumer_program = (programs / "chaos_consumer").string(),
                   .folder = folder},
           .faults = DrawFaults(options.seed, options.faults, KindsNamed(options.kinds)),
           .tell = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }});
  const Report report = run.Execute();
  const bool passed = Shortcomings(report).empty();
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

}  // namespace
}  // namespace penstock::chaos

int main(int argc, char** argv) {
  penstock::chaos::Options options;
  CLI::App app("Publishes events through faults and proves that none was lost, repeated or out of order.");
  app.add_option("--events", options.events)->capture_default_str()->check(CLI::Range(1, 100'000'000));
  app.add_option("--faults", options.faults)->capture_default_str()->check(CLI::Range(0, 100'000));
  app.add_option("--seed", options.seed, "Faults and events are drawn from it")->capture_default_str();
  app.add_option("--credit", options.credit, "Messages the consumer has in hand, at most")
      ->capture_default_str()
      ->check(CLI::Range(1, 65'536));
  app.add_option("--server", options.server, "The nats-server to run, by name or path")->capture_default_str();
  app.add_option("--kinds", options.kinds, "Only faults of these kinds, separated by commas")
      ->delimiter(',')
      ->check(CLI::IsMember(penstock::chaos::KindNames()));
  app.add_option("--keep", options.keep, "Keep ledgers and logs in this folder");
  app.add_flag("--tls", options.tls, "Publisher and consumer speak TLS to the server");
  app.add_flag("--json", options.json, "Only the last line on standard output: one JSON object");
  CLI11_PARSE(app, argc, argv);
  return penstock::chaos::Execute(options);
}
