// SPDX-License-Identifier: Apache-2.0
// How fast the bus handles what a stream holds: envelopes, keyed through its actors, each aggregate in order.
#include "benchmarks/load/consumption.h"

int main(int argc, char** argv) {
  using namespace penstock::benchmarks;
  CLI::App app("handles the messages that a stream holds", "consume_penstock");
  ConsumeSettings settings;
  AddConsumeOptions(app, settings);
  return RunProgram(app, argc, argv, [&settings]() -> absl::StatusOr<Result> {
    const auto bus = ConnectBus(settings.bus);
    if (!bus.ok()) return bus.status();
    return Consumption(settings).Run(**bus);
  });
}
