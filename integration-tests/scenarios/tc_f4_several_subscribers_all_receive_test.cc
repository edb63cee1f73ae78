// SPDX-License-Identifier: Apache-2.0
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

class SeveralSubscribersAllReceive : public EveryTransport {};
PENSTOCK_ON_EVERY_TRANSPORT(SeveralSubscribersAllReceive);

MessageHandler Count(std::atomic<int>& counter) {
  return [&counter](const Delivery&) {
    counter.fetch_add(1);
    return absl::OkStatus();
  };
}

TEST_P(SeveralSubscribersAllReceive, EveryPlainSubscriberGetsEachMessageAndAGroupSharesThem) {
  std::atomic<int> first{0}, second{0}, elsewhere{0}, group{0};
  auto bus = Connect();
  auto other = Connect(Options("other"));
  ASSERT_THAT(bus->Subscribe("notices", Count(first)), IsOk());
  ASSERT_THAT(bus->Subscribe("notices", Count(second)), IsOk());
  ASSERT_THAT(other->Subscribe("notices", Count(elsewhere)), IsOk());
  ASSERT_THAT(bus->Subscribe("notices", {.group = "mailers"}, Count(group)), IsOk());
  ASSERT_THAT(other->Subscribe("notices", {.group = "mailers"}, Count(group)), IsOk());
  for (int i = 0; i < 200; ++i) ASSERT_THAT(bus->Publish("notices", "n"), IsOk());
  EXPECT_TRUE(Eventually([&] { return first == 200 && second == 200 && elsewhere == 200 && group == 200; }, kPatience))
      << first << " " << second << " " << elsewhere << " " << group;
  ASSERT_THAT(bus->Drain(kPatience).status, IsOk());
  ASSERT_THAT(other->Drain(kPatience).status, IsOk());
  EXPECT_EQ(group, 200) << "a group's members share, they do not each get every message";
}

TEST_P(SeveralSubscribersAllReceive, EveryDurableGetsEachEnvelopeInOrder) {
  Log billing;
  Log shipping;
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(billing)), IsOk());
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "shipping"}, Logging(shipping)), IsOk());
  PublishNumbered(*bus, "orders", 10, 50);
  ASSERT_TRUE(billing.Reaches(500) && shipping.Reaches(500));
  for (int k = 0; k < 10; ++k) {
    EXPECT_EQ(billing.Of("k" + std::to_string(k)), Numbers(50));
    EXPECT_EQ(shipping.Of("k" + std::to_string(k)), Numbers(50));
  }
}

TEST_P(SeveralSubscribersAllReceive, TheSameDurableTwiceOnOneBusIsRefused) {
  Log log;
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log)), IsOk());
  EXPECT_THAT(bus->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log)),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(bus->SubscribeEnvelope("returns", {.durable = "billing"}, Logging(log)), IsOk());
}

TEST_P(SeveralSubscribersAllReceive, UnsubscribingEndsOneAndLeavesTheOthers) {
  std::atomic<int> first{0}, second{0};
  auto bus = Connect();
  auto leaving = bus->Subscribe("notices", Count(first));
  ASSERT_THAT(leaving, IsOk());
  ASSERT_THAT(bus->Subscribe("notices", Count(second)), IsOk());
  ASSERT_THAT(bus->Publish("notices", "n"), IsOk());
  ASSERT_TRUE(Eventually([&] { return first == 1 && second == 1; }, kPatience));
  ASSERT_THAT(bus->Unsubscribe(*leaving), IsOk());
  ASSERT_THAT(bus->Publish("notices", "n"), IsOk());
  ASSERT_TRUE(Eventually([&] { return second == 2; }, kPatience));
  EXPECT_EQ(first, 1);
  const auto ended = bus->Stats().ended_subscriptions;
  ASSERT_EQ(ended.size(), 1u) << "what was counted stays counted";
  EXPECT_EQ(ended[0].topic, "notices");
  EXPECT_EQ(ended[0].handled, 1u);
  EXPECT_THAT(bus->Unsubscribe(*leaving), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(bus->Unsubscribe(4711), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(SeveralSubscribersAllReceive, AHandlerMayUnsubscribeItself) {
  std::atomic<int> calls{0};
  std::atomic<SubscriptionId> id{0};
  auto bus = Connect();
  auto subscribed = bus->Subscribe("notices", [&](const Delivery&) {
    calls.fetch_add(1);
    Eventually([&] { return id.load() != 0; }, kPatience);
    return bus->Unsubscribe(id);
  });
  ASSERT_THAT(subscribed, IsOk());
  id = *subscribed;
  ASSERT_THAT(bus->Publish("notices", "n"), IsOk());
  ASSERT_TRUE(Eventually([&] { return calls == 1 && bus->Stats().subscriptions.empty(); }, kPatience));
}

}  // namespace
}  // namespace penstock::testing
