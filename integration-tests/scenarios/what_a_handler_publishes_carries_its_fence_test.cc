// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "scenario.h"

namespace penstock::testing {
namespace {

using ::testing::ElementsAre;

// A handler of "orders" publishes to "invoices".
class WhatAHandlerPublishesCarriesItsFence : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    reader_ = Connect(Options("reader"));
    ASSERT_NE(reader_, nullptr);
    const auto subscribed =
        reader_->SubscribeEnvelope("invoices", [this](const Envelope& envelope, const Delivery& delivery) {
          headers_.Add(envelope.aggregate_id, std::string(delivery.Header(header::kFence).value_or("none")));
          return Ack();
        });
    ASSERT_THAT(subscribed, IsOk());
  }

  // Handles one order with an owner of its own; returns the handler's fence.
  std::uint64_t Handle(const std::function<void(EventBus&, const Delivery&)>& handler,
                       EnvelopeSubscribeOptions options = {}) {
    const auto bus = Connect(Options("billing"));
    std::atomic<std::uint64_t> fence{0};
    std::atomic<bool> handled{false};
    options.durable = options.sharing == Sharing::kShared ? "shared" : "billing";
    const auto subscribed = bus->SubscribeEnvelope("orders", options, [&](const Envelope&, const Delivery& delivery) {
      fence = delivery.fence();
      handler(*bus, delivery);
      handled = true;
      return Ack();
    });
    EXPECT_THAT(subscribed, IsOk());
    EXPECT_THAT(reader_->PublishEnvelope("orders", Event("o", "x")), IsOk());
    EXPECT_TRUE(Eventually([&] { return handled.load(); }, kPatience));
    EXPECT_THAT(bus->Drain(kPatience).status, IsOk());
    return fence;
  }
  static void Invoice(EventBus& bus, const std::string& id, PublishOptions options = {}) {
    EXPECT_THAT(bus.PublishEnvelope("invoices", Event(id, "x"), std::move(options)), IsOk());
  }

  std::unique_ptr<EventBus> reader_;
  Log headers_;
};

PENSTOCK_ON_EVERY_TRANSPORT(WhatAHandlerPublishesCarriesItsFence);

TEST_P(WhatAHandlerPublishesCarriesItsFence, WhichRisesFromOwnerToOwner) {
  const auto invoice = [](EventBus& bus, const Delivery&) { Invoice(bus, "i"); };
  const std::uint64_t first = Handle(invoice);
  const std::uint64_t second = Handle(invoice);
  EXPECT_GT(first, 0U);
  EXPECT_GT(second, first);
  ASSERT_TRUE(headers_.Reaches(2));
  EXPECT_THAT(headers_.Of("i"), ElementsAre(std::to_string(first), std::to_string(second)));
}

TEST_P(WhatAHandlerPublishesCarriesItsFence, UnlessItSetsAnother) {
  Handle([](EventBus& bus, const Delivery&) { Invoice(bus, "i", {.headers = {{"penstock-fence", "mine"}}}); });
  ASSERT_TRUE(headers_.Reaches(1));
  EXPECT_THAT(headers_.Of("i"), ElementsAre("mine"));
}

TEST_P(WhatAHandlerPublishesCarriesItsFence, AnotherThreadPassesItOnByItself) {
  const std::uint64_t fence = Handle([](EventBus& bus, const Delivery& delivery) {
    std::thread([&bus, fence = delivery.fence()] {
      Invoice(bus, "without");
      Invoice(bus, "with", {.headers = {{std::string(header::kFence), std::to_string(fence)}}});
    }).join();
  });
  ASSERT_TRUE(headers_.Reaches(2));
  EXPECT_THAT(headers_.Of("without"), ElementsAre("none"));
  EXPECT_THAT(headers_.Of("with"), ElementsAre(std::to_string(fence)));
}

TEST_P(WhatAHandlerPublishesCarriesItsFence, WithoutAnOwnerThereIsNone) {
  const std::uint64_t fence =
      Handle([](EventBus& bus, const Delivery&) { Invoice(bus, "i"); }, {.sharing = Sharing::kShared});
  EXPECT_EQ(fence, 0U);
  Invoice(*reader_, "i");
  ASSERT_TRUE(headers_.Reaches(2));
  EXPECT_THAT(headers_.Of("i"), ElementsAre("none", "none"));
}

}  // namespace
}  // namespace penstock::testing
