// SPDX-License-Identifier: Apache-2.0
// Handles the events of the topic "orders" and publishes one to "shipments" for each, until SIGTERM.
#include <utility>

#include "penstock/penstock.h"

namespace {

// An order that is handled again, after a failure or by the next process, leads to the same event with the same ID,
// which the server stores once.
penstock::Outcome Ship(const penstock::Envelope& order, const penstock::Delivery& delivery) {
  penstock::Envelope shipment =
      penstock::CausedBy(order, {.event_id = penstock::DerivedEventId(order.event_id, "shipment"),
                                 .aggregate_id = order.aggregate_id,
                                 .event_type = "ShipmentRequested",
                                 .payload = order.payload});
  return delivery.bus().PublishEnvelope("shipments", std::move(shipment)).status();  // not OK: tried again
}

}  // namespace

int main() {
  auto options = penstock::ServiceOptions::FromEnvironment({.bus = {.client_id = "shipping"}, .metrics_port = 0});
  if (!options.ok()) return penstock::ExitCode(options.status());
  auto service = penstock::Service::Create(*std::move(options));
  if (!service.ok()) return penstock::ExitCode(service.status());
  auto orders = (*service)->bus().SubscribeEnvelope("orders", {.durable = "shipping"}, &Ship);
  if (!orders.ok()) return penstock::ExitCode(orders.status());
  return penstock::ExitCode((*service)->Run());
}
