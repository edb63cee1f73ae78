// SPDX-License-Identifier: Apache-2.0
// Handles the events of the topic "orders" until SIGTERM, and checks that those of each order come in order.
#include <CLI/CLI.hpp>

#include "order_check.h"
#include "penstock/penstock.h"

int main(int argc, char** argv) {
  std::uint64_t count = 0;
  CLI::App app("Handles the events of the topic \"orders\" and prints one line of JSON at its end.");
  app.add_option("--count", count, "Stop after so many events; 0: only on SIGTERM or SIGINT")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  auto options = penstock::ServiceOptions::FromEnvironment({.bus = {.client_id = "consumer"}, .metrics_port = 0});
  if (!options.ok()) return penstock::ExitCode(options.status());
  OrderCheck check;
  auto service = penstock::Service::Create(*std::move(options));
  if (!service.ok()) return penstock::ExitCode(service.status());

  auto orders = (*service)->bus().SubscribeEnvelope(
      "orders", [&](const penstock::Envelope& event, const penstock::Delivery&) -> penstock::Outcome {
        const auto sequence = ReadSequence(event.payload);
        if (!sequence) return penstock::Reject("the payload is no sequence number");
        if (check.Handle(event.aggregate_id, *sequence) == count) (*service)->RequestStop();
        return penstock::Ack();
      });
  if (!orders.ok()) return penstock::ExitCode(orders.status());

  const absl::Status ended = (*service)->Run();
  check.PrintJson();
  return penstock::ExitCode(ended);
}
