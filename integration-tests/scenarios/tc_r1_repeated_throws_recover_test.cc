// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

class RepeatedThrowsRecover : public EveryTransport {};
PENSTOCK_ON_EVERY_TRANSPORT(RepeatedThrowsRecover);

TEST_P(RepeatedThrowsRecover, AnActorThatUsedUpItsRestartsRestsAndComesBack) {
  Log log;
  auto options = Options();
  options.pool.restart = {.max_restarts = 2, .suspension = std::chrono::milliseconds{50}};
  auto bus = Connect(options);
  EnvelopeSubscribeOptions subscribe{.durable = "billing"};
  subscribe.retry = {
      .max_attempts = 20, .min_backoff = std::chrono::milliseconds{1}, .max_backoff = std::chrono::milliseconds{1}};
  auto handler = [&](const Envelope& envelope, const Delivery& delivery) -> Outcome {
    if (envelope.payload == "0" && delivery.attempt() <= 8) throw std::runtime_error("boom");
    log.Add(envelope.aggregate_id, envelope.payload);
    return Ack();
  };
  ASSERT_THAT(bus->SubscribeEnvelope("orders", subscribe, handler), IsOk());
  PublishNumbered(*bus, "orders", 1, 5);
  ASSERT_TRUE(log.Reaches(5));
  EXPECT_EQ(log.Of("k0"), Numbers(5));
  const auto total = bus->Stats().pool.Total();
  EXPECT_EQ(total.restarts + total.suspensions, 8u);
  EXPECT_GE(total.suspensions, 1u);
  EXPECT_EQ(OnlySubscription(*bus).dead_lettered, 0u);
}

}  // namespace
}  // namespace penstock::testing
