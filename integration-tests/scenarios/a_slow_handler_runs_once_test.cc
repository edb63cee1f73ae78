// SPDX-License-Identifier: Apache-2.0
#include <tuple>

#include "handler_ledger.h"
#include "scenario.h"

namespace penstock::testing {
namespace {

using Case = std::tuple<std::string, Sharing>;

class ASlowHandlerRunsOnce : public Scenario, public ::testing::WithParamInterface<Case> {
 protected:
  void SetUp() override { std::get<0>(GetParam()) == "jetstream" ? UseServer() : UseMemory(); }
};

// Three times AckWait, at work or in the queue behind it.
TEST_P(ASlowHandlerRunsOnce, AndSoDoMessagesQueuedBehindIt) {
  const auto bus = Connect();
  Log log;
  const EnvelopeSubscribeOptions options{
      .durable = "slow", .sharing = std::get<1>(GetParam()), .ack_wait = std::chrono::milliseconds(1000)};
  ASSERT_THAT(bus->SubscribeEnvelope("orders", options,
                                     [&](const Envelope& event, const Delivery&) {
                                       log.Add(event.aggregate_id, event.payload);
                                       const bool slow = event.aggregate_id == "k0" && event.payload == "0";
                                       if (slow) Spend(std::chrono::milliseconds(3000));
                                       return Ack();
                                     }),
              IsOk());
  PublishNumbered(*bus, "orders", 3, 4);
  ASSERT_TRUE(log.Reaches(12));
  EXPECT_FALSE(Eventually([&] { return log.count() > 12; }, std::chrono::milliseconds(1500)));
  for (const char* key : {"k0", "k1", "k2"}) EXPECT_EQ(log.Of(key), Numbers(4));
  EXPECT_EQ(OnlySubscription(*bus).redelivered, 0U);
}

INSTANTIATE_TEST_SUITE_P(On, ASlowHandlerRunsOnce,
                         ::testing::Combine(::testing::Values("jetstream", "memory"),
                                            ::testing::Values(Sharing::kExclusive, Sharing::kShared)),
                         [](const auto& parameter) {
                           const bool shared = std::get<1>(parameter.param) == Sharing::kShared;
                           return std::get<0>(parameter.param) + (shared ? "Shared" : "Exclusive");
                         });

}  // namespace
}  // namespace penstock::testing
