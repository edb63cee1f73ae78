// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <future>
#include <iostream>
#include <string>

#include "penstock/penstock.h"

int main() {
  auto bus = penstock::EventBus::Connect({.url = "memory://", .client_id = "consumer"});
  if (!bus.ok()) {
    std::cerr << bus.status() << '\n';
    return 1;
  }
  std::promise<std::string> handled;
  auto subscription =
      (*bus)->SubscribeEnvelope("orders", [&](const penstock::Envelope& event, const penstock::Delivery&) {
        handled.set_value(event.aggregate_id);
        return penstock::Ack();
      });
  auto ack = (*bus)->PublishEnvelope("orders", {.aggregate_id = "o-42", .event_type = "OrderPlaced", .payload = "{}"});
  if (!subscription.ok() || !ack.ok()) {
    std::cerr << subscription.status() << '\n' << ack.status() << '\n';
    return 1;
  }
  auto aggregate = handled.get_future();
  if (aggregate.wait_for(std::chrono::seconds(10)) != std::future_status::ready || aggregate.get() != "o-42") {
    std::cerr << "the event did not arrive\n";
    return 1;
  }
  const absl::Status drained = (*bus)->Drain(std::chrono::seconds(5)).status;
  std::cout << "handled o-42; " << drained << '\n';
  return drained.ok() ? 0 : 1;
}
