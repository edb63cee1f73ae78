// SPDX-License-Identifier: Apache-2.0
#include "bus/subscribe/subscription_spec.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace penstock::eventbus {
namespace {

SharedEnvelopeHandler Acking() {
  return std::make_shared<const EnvelopeHandler>([](const Envelope&, const Delivery&) { return Ack(); });
}

SubscriptionSpec SharedBilling() {
  return EnvelopeSubscription({"orders"}, {.durable = "billing", .sharing = Sharing::kShared}, Acking(), "client",
                              1 << 20);
}

TEST(SubscriptionSpecTest, ProcessesThatShareAConsumerDrawDifferentJitter) {
  std::set<std::uint64_t> seeds;
  for (int process = 0; process < 10; ++process) seeds.insert(SharedBilling().flow.seed);
  EXPECT_GT(seeds.size(), 1U);
}

TEST(SubscriptionSpecTest, TheClientIdIsTheDurableOfWhoNamesNone) {
  const SubscriptionSpec spec = EnvelopeSubscription({"orders"}, {}, Acking(), "client", 1 << 20);
  EXPECT_EQ(spec.consumer_spec.consumer, "client");
  EXPECT_EQ(spec.handler_name, "client");
  EXPECT_TRUE(spec.durable_is_default);
  EXPECT_FALSE(SharedBilling().durable_is_default);
  EXPECT_EQ(SharedBilling().consumer_spec.consumer, "billing");
}

TEST(SubscriptionSpecTest, AMessageSubscriptionAcknowledgesNothing) {
  const auto handler = std::make_shared<const MessageHandler>([](const Delivery&) { return absl::OkStatus(); });
  const SubscriptionSpec spec = MessageSubscription({"orders"}, {.group = "all"}, handler);
  EXPECT_FALSE(spec.flow.acknowledges);
  EXPECT_EQ(spec.consumer_spec.kind, ConsumerKind::kAtMostOnce);
  EXPECT_EQ(spec.consumer_spec.consumer, "all");
}

}  // namespace
}  // namespace penstock::eventbus
