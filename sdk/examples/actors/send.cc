// SPDX-License-Identifier: Apache-2.0
// Sends three orders of a customer to the actors that another program runs, and asks for a report on them.
#include <chrono>
#include <iostream>
#include <utility>

#include "declarations.h"

namespace {

absl::Status Run() {
  auto options = penstock::ServiceOptions::FromEnvironment({.bus = {.client_id = "shop-front"}});
  if (!options.ok()) return options.status();
  auto bus = penstock::EventBus::Connect(std::move(options->bus));
  if (!bus.ok()) return bus.status();
  for (const char* id : {"o-1", "o-2", "o-3"}) {
    const auto sent = shop::kProcessOrder.Send(**bus, {.id = id, .cents = 1250}, {.key = "alice"});
    if (!sent.ok()) return sent.status();
  }
  // The orders may not all be processed yet: the report is on those that are.
  const auto report = shop::kWriteReport.Ask<shop::Report>(**bus, {.customer = "alice"}, std::chrono::seconds(10));
  if (!report.ok()) return report.status();
  std::cout << "alice: " << report->orders << " orders, " << report->cents << " cents\n";
  return absl::OkStatus();
}

}  // namespace

int main() { return penstock::ExitCode(Run()); }
