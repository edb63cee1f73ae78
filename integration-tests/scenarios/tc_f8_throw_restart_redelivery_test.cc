// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

class ThrowRestartRedelivery : public EveryTransport {};
PENSTOCK_ON_EVERY_TRANSPORT(ThrowRestartRedelivery);

TEST_P(ThrowRestartRedelivery, AThrownMessageIsRedeliveredAfterItsActorRestarted) {
  Log log;
  auto bus = Connect();
  auto handler = [&](const Envelope& envelope, const Delivery& delivery) -> Outcome {
    log.Add(envelope.aggregate_id, envelope.payload + "/" + std::to_string(delivery.attempt()));
    if (delivery.attempt() == 1 && envelope.payload == "0") throw std::runtime_error("boom");
    return Ack();
  };
  ASSERT_THAT(bus->SubscribeEnvelope("orders", handler), IsOk());
  PublishNumbered(*bus, "orders", 1, 3);
  ASSERT_TRUE(log.Reaches(4));
  EXPECT_THAT(log.Of("k0"), ::testing::ElementsAre("0/1", "0/2", "1/1", "2/1"));
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 3; }, kPatience));
  const auto stats = bus->Stats();
  EXPECT_EQ(stats.pool.Total().restarts, 1u);
  EXPECT_EQ(stats.pool.Total().failed, 1u);
  EXPECT_EQ(stats.pool.Total().succeeded, 3u);
  EXPECT_EQ(stats.subscriptions[0].naks, 1u);
  EXPECT_EQ(stats.subscriptions[0].failed, 1u);
}

TEST_P(ThrowRestartRedelivery, WhatIsThrownNeedNotBeAnException) {
  std::atomic<int> attempts{0};
  auto bus = Connect();
  auto handler = [&](const Envelope&, const Delivery&) -> Outcome {
    if (attempts.fetch_add(1) == 0) throw 42;
    return Ack();
  };
  ASSERT_THAT(bus->SubscribeEnvelope("orders", handler), IsOk());
  PublishNumbered(*bus, "orders", 1, 1);
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 1; }, kPatience));
}

TEST_P(ThrowRestartRedelivery, AThrowingPlainHandlerLosesOnlyItsOwnMessage) {
  std::atomic<int> handled{0};
  auto bus = Connect();
  auto handler = [&](const Delivery& delivery) {
    if (delivery.payload() == "bad") throw std::runtime_error("boom");
    handled.fetch_add(1);
    return absl::OkStatus();
  };
  ASSERT_THAT(bus->Subscribe("notices", handler), IsOk());
  for (const char* body : {"good", "bad", "good"}) ASSERT_THAT(bus->Publish("notices", body), IsOk());
  ASSERT_TRUE(Eventually([&] { return handled == 2; }, kPatience));
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).failed == 1; }, kPatience));
  EXPECT_EQ(bus->Stats().pool.Total().restarts, 1u);
}

}  // namespace
}  // namespace penstock::testing
