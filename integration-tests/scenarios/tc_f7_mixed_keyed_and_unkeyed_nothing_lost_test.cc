// SPDX-License-Identifier: Apache-2.0
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

class MixedKeyedAndUnkeyedNothingLost : public EveryTransport {};
PENSTOCK_ON_EVERY_TRANSPORT(MixedKeyedAndUnkeyedNothingLost);

TEST_P(MixedKeyedAndUnkeyedNothingLost, FiftyOfEachOnOneTopicAllArriveAndKeyedOnesInOrder) {
  Log log;
  auto bus = Connect();
  auto handler = [&](const Delivery& delivery) {
    log.Add(std::string(delivery.Header(header::kAggregateId).value_or("none")), std::string(delivery.payload()));
    return absl::OkStatus();
  };
  ASSERT_THAT(bus->Subscribe("mixed", handler), IsOk());
  for (int i = 0; i < 50; ++i) {
    ASSERT_THAT(bus->Publish("mixed", std::to_string(i), {.key = "o-42"}), IsOk());
    ASSERT_THAT(bus->Publish("mixed", std::to_string(i)), IsOk());
  }
  ASSERT_TRUE(log.Reaches(100));
  EXPECT_EQ(log.Of("o-42"), Numbers(50));
  EXPECT_THAT(log.Of("none"), ::testing::UnorderedElementsAreArray(Numbers(50)));
}

TEST_P(MixedKeyedAndUnkeyedNothingLost, EnvelopesAndNoticesShareOnePool) {
  Log events;
  std::atomic<int> notices{0};
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Logging(events)), IsOk());
  ASSERT_THAT(bus->Subscribe("notices",
                             [&](const Delivery&) {
                               notices.fetch_add(1);
                               return absl::OkStatus();
                             }),
              IsOk());
  for (int i = 0; i < 50; ++i) {
    ASSERT_THAT(bus->PublishEnvelope("orders", Event("k0", std::to_string(i))), IsOk());
    ASSERT_THAT(bus->Publish("notices", "n"), IsOk());
  }
  ASSERT_TRUE(events.Reaches(50) && Eventually([&] { return notices == 50; }, kPatience));
  EXPECT_EQ(events.Of("k0"), Numbers(50));
  EXPECT_EQ(bus->Stats().pool.Total().sent, 100u);
}

TEST_P(MixedKeyedAndUnkeyedNothingLost, WhatIsNoEnvelopeOnAnEnvelopeTopicIsKeptAsADeadLetter) {
  Log log;
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Logging(log)), IsOk());
  for (int i = 0; i < 50; ++i) {
    ASSERT_THAT(bus->PublishEnvelope("orders", Event("k0", std::to_string(i))), IsOk());
    ASSERT_THAT(bus->Publish("orders", "not an envelope"), IsOk());
  }
  ASSERT_TRUE(log.Reaches(50));
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).terminated == 50; }, kPatience));
  const auto stats = OnlySubscription(*bus);
  EXPECT_EQ(stats.undecodable, 50u);
  EXPECT_EQ(stats.dead_lettered, 50u);
  EXPECT_EQ(stats.acked, 50u);
  EXPECT_EQ(stats.naks, 0u) << "an undecodable body does not loop";
}

}  // namespace
}  // namespace penstock::testing
