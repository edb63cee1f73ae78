// SPDX-License-Identifier: Apache-2.0
// Handles the events of the topic "orders" until SIGTERM, and checks that those of each order come in order. It has a
// metric and a ready check of its own.
#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <CLI/CLI.hpp>

#include "order_check.h"
#include "penstock/penstock.h"

int main(int argc, char** argv) {
  std::uint64_t count = 0;
  CLI::App app("Handles the events of the topic \"orders\" and prints one line of JSON at its end.");
  app.add_option("--count", count, "Stop after so many events; 0: only on SIGTERM or SIGINT")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  OrderCheck check;
  auto registry = std::make_shared<prometheus::Registry>();
  auto& handled =
      prometheus::BuildCounter().Name("orders_handled_total").Help("Events handled.").Register(*registry).Add({});

  auto options =
      penstock::ServiceOptions::FromEnvironment({.bus = {.client_id = "consumer"},
                                                 .metrics_port = 0,
                                                 .collectables = {registry},
                                                 .ready_checks = {{"order", [&] { return check.Verdict(); }}}});
  if (!options.ok()) return penstock::ExitCode(options.status());
  auto service = penstock::Service::Create(*std::move(options));
  if (!service.ok()) return penstock::ExitCode(service.status());

  auto orders = (*service)->bus().SubscribeEnvelope(
      "orders", [&](const penstock::Envelope& event, const penstock::Delivery&) -> penstock::Outcome {
        const auto sequence = ReadSequence(event.payload);
        if (!sequence) return penstock::Reject("the payload is no sequence number");
        handled.Increment();
        if (check.Handle(event.aggregate_id, *sequence) == count) (*service)->RequestStop();
        return penstock::Ack();
      });
  if (!orders.ok()) return penstock::ExitCode(orders.status());

  const absl::Status ended = (*service)->Run();
  check.PrintJson();
  return penstock::ExitCode(ended);
}
