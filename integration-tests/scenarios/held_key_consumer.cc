// SPDX-License-Identifier: Apache-2.0
// Handles the events of the topic "orders" until SIGTERM, except those of "k0", which it puts off; prints how many it
// handled.
#include <atomic>
#include <cstdio>

#include "penstock/penstock.h"

int main() {
  auto options = penstock::ServiceOptions::FromEnvironment({.bus = {.client_id = "orders"}});
  if (!options.ok()) return penstock::ExitCode(options.status());
  std::atomic<int> handled{0};
  auto service = penstock::Service::Create(*std::move(options));
  if (!service.ok()) return penstock::ExitCode(service.status());
  auto orders = (*service)->bus().SubscribeEnvelope(
      "orders", [&handled](const penstock::Envelope& event, const penstock::Delivery&) -> penstock::Outcome {
        if (event.aggregate_id == "k0") return penstock::RetryAfter(std::chrono::hours{1}, "not today");
        handled.fetch_add(1);
        return penstock::Ack();
      });
  if (!orders.ok()) return penstock::ExitCode(orders.status());
  const absl::Status ended = (*service)->Run();
  std::printf("%d\n", handled.load());
  return penstock::ExitCode(ended);
}
