// SPDX-License-Identifier: Apache-2.0
// penstock: looks at dead letters and sends them again.
#include <cstdio>
#include <string>
#include <utility>

#include "arguments.h"
#include "dlq.h"
#include "penstock/penstock.h"

namespace penstock::tool {
namespace {

// As a service connects, but with a name of its own.
absl::StatusOr<std::unique_ptr<EventBus>> Connect(const Arguments& arguments) {
  auto options = ServiceOptions::FromEnvironment({.log_level = LogLevel::kWarning});
  if (!options.ok()) return options.status();
  BusOptions bus = std::move(options->bus);
  bus.client_id = "penstock-dlq";
  if (!arguments.server.empty()) bus.url = arguments.server;
  if (!arguments.base_stream_name.empty()) bus.base_stream_name = arguments.base_stream_name;
  bus.pool.actors = bus.pool.workers = 1;
  bus.log = MakeStderrLog(options->log_level);
  return EventBus::Connect(std::move(bus));
}

int Main(int argc, char** argv) {
  const auto arguments = ReadArguments(argc, argv);
  if (!arguments.ok()) return ExitCode(arguments.status());
  if (arguments->verb == Arguments::Verb::kHelp) {
    std::fputs(arguments->help.c_str(), stdout);
    return 0;
  }
  const auto bus = Connect(*arguments);
  return bus.ok() ? RunDlq(**bus, *arguments) : ExitCode(bus.status());
}

}  // namespace
}  // namespace penstock::tool

int main(int argc, char** argv) { return penstock::tool::Main(argc, argv); }
