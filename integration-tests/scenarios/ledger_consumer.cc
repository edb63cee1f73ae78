// SPDX-License-Identifier: Apache-2.0
// Handles the topic "orders" until SIGTERM and writes down, for whoever outlives it, when each handler began and ended.
#include <CLI/CLI.hpp>

#include "fenced_store.h"
#include "handler_ledger.h"
#include "penstock/penstock.h"

int main(int argc, char** argv) {
  std::string path;
  std::int64_t microseconds = 0;
  CLI::App app("Handles the topic \"orders\" and keeps a ledger.");
  app.add_option("--ledger", path, "The file to append to")->required();
  app.add_option("--handle-us", microseconds, "How long a handler takes");
  bool cumulative = false;
  app.add_flag("--cumulative", cumulative, "Acknowledge cumulatively");
  std::string store_path;
  app.add_option("--store", store_path, "The file that handlers write their fence to at the end");
  CLI11_PARSE(app, argc, argv);

  auto options = penstock::ServiceOptions::FromEnvironment({.bus = {.client_id = "ledger"}, .metrics_port = {}});
  if (!options.ok()) return penstock::ExitCode(options.status());
  options->bus.pool.workers = 2;
  penstock::testing::HandlerLedger ledger(path);
  const penstock::testing::FencedStore store(store_path);
  auto service = penstock::Service::Create(*std::move(options));
  if (!service.ok()) return penstock::ExitCode(service.status());
  const auto mode = cumulative ? penstock::AckMode::kCumulative : penstock::AckMode::kExplicit;
  auto orders = (*service)->bus().SubscribeEnvelope(
      "orders", {.ack_mode = mode},
      [&](const penstock::Envelope& event, const penstock::Delivery& delivery) -> penstock::Outcome {
        ledger.Write('S', event.aggregate_id, event.payload);
        penstock::testing::Spend(std::chrono::microseconds(microseconds));
        if (!store_path.empty()) {
          const bool written = store.Write(delivery.fence());
          ledger.Write(written ? 'W' : 'X', event.aggregate_id, std::to_string(delivery.fence()));
          if (!written) return penstock::Retry("the store has a higher fence");
        }
        ledger.Write('E', event.aggregate_id, event.payload);
        return penstock::Ack();
      });
  if (!orders.ok()) return penstock::ExitCode(orders.status());
  ledger.Write('R', "-", "0");
  return penstock::ExitCode((*service)->Run());
}
