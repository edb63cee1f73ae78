// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

class OneFailingAggregateLeavesTheOthersAlone : public EveryTransport {};
PENSTOCK_ON_EVERY_TRANSPORT(OneFailingAggregateLeavesTheOthersAlone);

TEST_P(OneFailingAggregateLeavesTheOthersAlone, AlsoThoseThatShareItsOnlyActor) {
  Log log;
  auto options = Options();
  options.pool.actors = 1;
  auto bus = Connect(options);
  EnvelopeSubscribeOptions subscribe{.durable = "billing"};
  subscribe.retry.max_attempts = 0;
  auto handler = [&](const Envelope& envelope, const Delivery&) -> Outcome {
    if (envelope.aggregate_id == "k0") return RetryAfter(std::chrono::milliseconds{20}, "down for good");
    log.Add(envelope.aggregate_id, envelope.payload);
    return Ack();
  };
  ASSERT_THAT(bus->SubscribeEnvelope("orders", subscribe, handler), IsOk());
  PublishNumbered(*bus, "orders", 20, 50);
  ASSERT_TRUE(log.Reaches(19 * 50));
  for (int k = 1; k < 20; ++k) EXPECT_EQ(log.Of("k" + std::to_string(k)), Numbers(50)) << k;
  EXPECT_TRUE(log.Of("k0").empty());
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 19 * 50; }, kPatience));
  EXPECT_EQ(OnlySubscription(*bus).in_flight, 50u);
}

TEST_P(OneFailingAggregateLeavesTheOthersAlone, AlsoWhenItKeepsThrowing) {
  Log log;
  auto bus = Connect();
  EnvelopeSubscribeOptions subscribe{.durable = "billing"};
  subscribe.retry = {
      .max_attempts = 0, .min_backoff = std::chrono::milliseconds{5}, .max_backoff = std::chrono::milliseconds{5}};
  auto handler = [&](const Envelope& envelope, const Delivery&) -> Outcome {
    if (envelope.aggregate_id == "k0") throw std::runtime_error("boom");
    log.Add(envelope.aggregate_id, envelope.payload);
    return Ack();
  };
  ASSERT_THAT(bus->SubscribeEnvelope("orders", subscribe, handler), IsOk());
  PublishNumbered(*bus, "orders", 20, 50);
  ASSERT_TRUE(log.Reaches(19 * 50));
  for (int k = 1; k < 20; ++k) EXPECT_EQ(log.Of("k" + std::to_string(k)), Numbers(50)) << k;
  EXPECT_TRUE(Eventually([&] { return bus->Stats().pool.Total().restarts > 3; }, kPatience));
}

}  // namespace
}  // namespace penstock::testing
