// SPDX-License-Identifier: Apache-2.0
#include <future>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

class AHandler : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    bus_ = Connect();
    ASSERT_THAT(bus_->SubscribeEnvelope("shipments", {.durable = "audit"},
                                        [this](const Envelope& event, const Delivery&) {
                                          log_.Add(event.causation_id, event.correlation_id);
                                          return Ack();
                                        }),
                IsOk());
  }
  static Envelope Shipment(const Envelope& order) {
    return CausedBy(order, {.event_id = DerivedEventId(order.event_id, "shipment"),
                            .aggregate_id = order.aggregate_id,
                            .event_type = "ShipmentRequested"});
  }
  void PublishOrder() {
    Envelope order = Event("o-1", "{}");
    order.event_id = "e-1";
    order.correlation_id = "checkout";
    ASSERT_THAT(bus_->PublishEnvelope("orders", order), IsOk());
  }

  Log log_;
  std::unique_ptr<EventBus> bus_;
};
PENSTOCK_ON_EVERY_TRANSPORT(AHandler);

TEST_P(AHandler, PublishesWithTheBusOfItsDelivery) {
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "shipping"},
                                      [](const Envelope& order, const Delivery& delivery) -> Outcome {
                                        return delivery.bus().PublishEnvelope("shipments", Shipment(order)).status();
                                      }),
              IsOk());
  PublishOrder();
  ASSERT_TRUE(log_.Reaches(1));
  EXPECT_EQ(log_.Of("e-1"), std::vector<std::string>{"checkout"});
}

TEST_P(AHandler, ThatPublishesAndFailsPublishesTheSameEventAgainWhichIsStoredOnce) {
  std::atomic<int> attempts{0};
  std::atomic<int> duplicates{0};
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "shipping"},
                                      [&](const Envelope& order, const Delivery& delivery) -> Outcome {
                                        const auto ack = delivery.bus().PublishEnvelope("shipments", Shipment(order));
                                        if (!ack.ok()) return ack.status();
                                        duplicates += ack->duplicate ? 1 : 0;
                                        return ++attempts < 3 ? Retry("the carrier is down") : Ack();
                                      }),
              IsOk());
  PublishOrder();
  ASSERT_TRUE(Eventually([&] { return attempts == 3; }, kPatience));
  EXPECT_EQ(duplicates, 2);
  ASSERT_TRUE(Eventually([&] { return bus_->Stats().subscriptions[0].acked == 1; }, kPatience));
  EXPECT_EQ(log_.count(), 1u);
}

TEST_P(AHandler, OfPlainMessagesHasTheBusToo) {
  ASSERT_THAT(
      bus_->Subscribe(
          "notices",
          [](const Delivery& delivery) {
            return delivery.bus().PublishEnvelope("shipments", Event("o-1", std::string(delivery.payload()))).status();
          }),
      IsOk());
  ASSERT_THAT(bus_->Publish("notices", "x"), IsOk());
  EXPECT_TRUE(log_.Reaches(1));
}

TEST_P(AHandler, MayPublishWhileItsBusIsBeingDestroyed) {
  std::promise<void> begun;
  std::atomic<bool> closing{false};
  absl::Status published = absl::UnknownError("not yet");
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "shipping"},
                                      [&](const Envelope& order, const Delivery& delivery) -> Outcome {
                                        begun.set_value();
                                        Eventually([&] { return closing.load(); }, kPatience);
                                        published =
                                            delivery.bus().PublishEnvelope("shipments", Shipment(order)).status();
                                        return Ack();
                                      }),
              IsOk());
  PublishOrder();
  begun.get_future().wait();
  closing = true;
  bus_.reset();
  EXPECT_NE(published.code(), absl::StatusCode::kUnknown);
}

}  // namespace
}  // namespace penstock::testing
