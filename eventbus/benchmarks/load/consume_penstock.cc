// SPDX-License-Identifier: Apache-2.0
// How fast the bus handles what a stream holds: envelopes, keyed through its actors, each aggregate in order.
#include "benchmarks/load/consumption.h"

int main(int argc, char** argv) {
  CLI::App app("handles the messages that a stream holds", "consume_penstock");
  penstock::benchmarks::ConsumeSettings settings;
  penstock::benchmarks::AddConsumeOptions(app, settings);
  return penstock::benchmarks::RunProgram(app, argc, argv,
                                          [&settings]() -> absl::StatusOr<penstock::benchmarks::Result> {
                                            const auto bus = penstock::benchmarks::ConnectBus(settings.bus);
                                            if (!bus.ok()) return bus.status();
                                            return penstock::benchmarks::Consumption(settings).Run(**bus);
                                          });
}
