// SPDX-License-Identifier: Apache-2.0
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

class SameAggregateSameActorInOrder : public EveryTransport {};
PENSTOCK_ON_EVERY_TRANSPORT(SameAggregateSameActorInOrder);

TEST_P(SameAggregateSameActorInOrder, OneAggregateUsesOneActor) {
  Log log;
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Logging(log)), IsOk());
  PublishNumbered(*bus, "orders", 1, 500);
  ASSERT_TRUE(log.Reaches(500));
  EXPECT_EQ(log.Of("k0"), Numbers(500));

  std::size_t actors_used = 0;
  for (const auto& actor : bus->Stats().pool.actors) actors_used += actor.sent > 0;
  EXPECT_EQ(actors_used, 1u);
}

TEST_P(SameAggregateSameActorInOrder, ManyAggregatesEachKeepTheirOrder) {
  Log log;
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Logging(log)), IsOk());
  PublishNumbered(*bus, "orders", 100, 100);
  ASSERT_TRUE(log.Reaches(10'000));
  for (int k = 0; k < 100; ++k) EXPECT_EQ(log.Of("k" + std::to_string(k)), Numbers(100)) << k;
  EXPECT_EQ(log.count(), 10'000u);
}

TEST_P(SameAggregateSameActorInOrder, OneMessageOfAnAggregateIsHandledAtATime) {
  std::atomic<int> inside{0};
  std::atomic<int> overlaps{0};
  std::atomic<int> handled{0};
  auto options = Options();
  options.pool.workers = 4;
  auto bus = Connect(options);
  auto handler = [&](const Envelope&, const Delivery&) {
    if (inside.fetch_add(1) > 0) overlaps.fetch_add(1);
    inside.fetch_sub(1);
    handled.fetch_add(1);
    return Ack();
  };
  ASSERT_THAT(bus->SubscribeEnvelope("orders", handler), IsOk());
  PublishNumbered(*bus, "orders", 1, 2000);
  ASSERT_TRUE(Eventually([&] { return handled.load() == 2000; }, kPatience));
  EXPECT_EQ(overlaps.load(), 0);
}

}  // namespace
}  // namespace penstock::testing
