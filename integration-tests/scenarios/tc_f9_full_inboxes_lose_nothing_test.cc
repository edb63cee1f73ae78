// SPDX-License-Identifier: Apache-2.0
#include <future>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

class FullInboxesLoseNothing : public EveryTransport {
 protected:
  // Few actors with tiny inboxes, so that credit is far larger than what they hold.
  BusOptions Tiny() const {
    auto options = Options();
    options.pool.actors = 2;
    options.pool.inbox_capacity = 10;
    return options;
  }
};
PENSTOCK_ON_EVERY_TRANSPORT(FullInboxesLoseNothing);

TEST_P(FullInboxesLoseNothing, EnvelopesOfManyAggregatesWaitForRoomAndAllArriveInOrder) {
  Log log;
  std::promise<void> release;
  auto released = release.get_future().share();
  auto bus = Connect(Tiny());
  auto handler = [&](const Envelope& envelope, const Delivery&) {
    released.wait();
    log.Add(envelope.aggregate_id, envelope.payload);
    return Ack();
  };
  ASSERT_THAT(bus->SubscribeEnvelope("orders", handler), IsOk());
  PublishNumbered(*bus, "orders", 100, 10);
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).in_flight == 1000; }, kPatience))
      << "receiving does not wait for handlers";
  release.set_value();
  ASSERT_TRUE(log.Reaches(1000));
  for (int k = 0; k < 100; ++k) EXPECT_EQ(log.Of("k" + std::to_string(k)), Numbers(10)) << k;
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 1000; }, kPatience));

  const auto total = bus->Stats().pool.Total();
  EXPECT_LE(total.inbox_depth_highest, 10u) << "the bound was exceeded";
  EXPECT_GT(total.inbox_full, 0u);
  EXPECT_GT(OnlySubscription(*bus).inbox_full, 0u);
  EXPECT_EQ(log.count(), 1000u);
}

TEST_P(FullInboxesLoseNothing, HundredMessagesOfOneAggregateAllArrive) {
  Log log;
  auto bus = Connect(Tiny());
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Logging(log)), IsOk());
  PublishNumbered(*bus, "orders", 1, 100);
  ASSERT_TRUE(log.Reaches(100));
  EXPECT_EQ(log.Of("k0"), Numbers(100));
  EXPECT_LE(bus->Stats().pool.Total().inbox_depth_highest, 10u);
}

TEST_P(FullInboxesLoseNothing, PlainMessagesWaitForRoomToo) {
  std::atomic<int> handled{0};
  auto bus = Connect(Tiny());
  auto handler = [&](const Delivery&) {
    handled.fetch_add(1);
    return absl::OkStatus();
  };
  ASSERT_THAT(bus->Subscribe("notices", handler), IsOk());
  for (int i = 0; i < 2000; ++i) {
    ASSERT_THAT(bus->PublishAsync("notices", "n", [](const absl::StatusOr<PubAck>& ack) { EXPECT_THAT(ack, IsOk()); }),
                IsOk());
  }
  EXPECT_TRUE(Eventually([&] { return handled == 2000; }, kPatience)) << handled;
  EXPECT_LE(bus->Stats().pool.Total().inbox_depth_highest, 10u);
}

}  // namespace
}  // namespace penstock::testing
