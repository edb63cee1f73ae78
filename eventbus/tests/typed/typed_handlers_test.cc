// SPDX-License-Identifier: Apache-2.0
#include "penstock/eventbus/typed_handlers.h"

#include <gmock/gmock.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <vector>

#include "penstock/eventbus/event_bus.h"
#include "shop.h"
#include "support/eventually.h"
#include "support/status_matchers.h"

namespace penstock::testing {
namespace {

using google::protobuf::StringValue;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr std::chrono::seconds kPatience{20};

class TypedHandlersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto bus = EventBus::Connect({.url = "memory://", .client_id = "typed"});
    ASSERT_THAT(bus, IsOk());
    bus_ = *std::move(bus);
  }

  void Publish(absl::StatusOr<Envelope> envelope) {
    ASSERT_THAT(envelope, IsOk());
    envelope->aggregate_id = "a";
    ASSERT_THAT(bus_->PublishEnvelope("orders", *std::move(envelope)), IsOk());
    ++published_;
  }
  void Publish(const std::string& type, std::int64_t version, const std::string& payload,
               const std::string& content_type = "application/json") {
    Publish(Envelope{.event_type = type, .event_version = version, .content_type = content_type, .payload = payload});
  }

  Outcome Saw(std::string what) {
    const std::lock_guard<std::mutex> lock(mutex_);
    saw_.push_back(std::move(what));
    return Ack();
  }
  std::vector<std::string> Saw() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return saw_;
  }
  // Waits until everything published is over.
  std::vector<std::string> Letters() {
    EXPECT_TRUE(Eventually(
        [&] {
          const SubscriptionStats stats = bus_->Stats().subscriptions.at(0);
          return stats.acked + stats.terminated == published_;
        },
        kPatience));
    const auto listed = bus_->dead_letters().List({.topic = "orders"});
    EXPECT_THAT(listed, IsOk());
    std::vector<std::string> errors;
    if (listed.ok()) {
      for (const DeadLetter& letter : listed->letters) errors.push_back(letter.error);
    }
    return errors;
  }

  std::unique_ptr<EventBus> bus_;
  std::uint64_t published_ = 0;
  std::mutex mutex_;
  std::vector<std::string> saw_;
};

TEST_F(TypedHandlersTest, EachTypeGoesToItsHandlerAsAValue) {
  const auto subscribed = bus_->SubscribeEnvelope(
      "orders", {},
      TypedHandlers()
          .On<OrderPlaced>([this](const OrderPlaced& order) { return Saw("placed " + order.item); })
          .On<OrderCancelled>([this](const OrderCancelled& order, const Envelope& event, const Delivery& delivery) {
            EXPECT_EQ(delivery.topic(), "orders");
            return Saw(event.aggregate_id + " cancelled: " + order.why);
          })
          .On<StringValue>([this](const StringValue& text, const Delivery&) { return Saw(text.value()); }));
  ASSERT_THAT(subscribed, IsOk());
  StringValue text;
  text.set_value("protobuf");
  Publish(MakeEnvelope(OrderPlaced{.item = "chair", .cents = 1250}));
  Publish(MakeEnvelope(OrderCancelled{.why = "too small"}));
  Publish(MakeEnvelope(text));
  EXPECT_THAT(Letters(), ElementsAre());
  EXPECT_THAT(Saw(), ElementsAre("placed chair", "a cancelled: too small", "protobuf"));
}

TEST_F(TypedHandlersTest, ASubscriptionMayBeOfOneType) {
  ASSERT_THAT(bus_->SubscribeEnvelope<OrderPlaced>(
                  "orders", {}, [this](const OrderPlaced& order) { return Saw(std::to_string(order.cents)); }),
              IsOk());
  Publish(MakeEnvelope(OrderPlaced{.item = "chair", .cents = 1250}));
  EXPECT_THAT(Letters(), ElementsAre());
  EXPECT_THAT(Saw(), ElementsAre("1250"));
}

TEST_F(TypedHandlersTest, WhatCannotBeReadIsRejectedAndSaysWhy) {
  ASSERT_THAT(bus_->SubscribeEnvelope<OrderPlaced>("orders", {}, [](const OrderPlaced&) { return Ack(); }), IsOk());
  Publish("OrderPlaced", 1, "{\"item\":");
  Publish("OrderPlaced", 1, R"({"item":7,"cents":1})");
  Publish("OrderPlaced", 1, std::string(300, '[') + std::string(300, ']'));
  Publish("OrderPlaced", 1, R"({"item":"chair","cents":1})", "application/x-protobuf");
  EXPECT_THAT(Letters(),
              ElementsAre(HasSubstr("the payload is no \"OrderPlaced\""), HasSubstr("type must be string"),
                          HasSubstr("nested too deeply"), HasSubstr("content type is application/x-protobuf")));
}

TEST_F(TypedHandlersTest, VersionsAreTheHandlers) {
  const auto subscribed =
      bus_->SubscribeEnvelope("orders", {},
                              TypedHandlers()
                                  .On<OrderPlaced>([this](const OrderPlaced&) { return Saw("1 or 2"); }, {1, 2})
                                  .On<OrderPlaced>([this](const OrderPlaced&) { return Saw("4"); }, {4, 4}));
  ASSERT_THAT(subscribed, IsOk());
  for (const std::int64_t version : {1, 2, 3, 4}) Publish("OrderPlaced", version, R"({"item":"chair","cents":1})");
  EXPECT_THAT(Letters(), ElementsAre(HasSubstr("\"OrderPlaced\" version 3")));
  EXPECT_THAT(Saw(), ElementsAre("1 or 2", "1 or 2", "4"));
}

TEST_F(TypedHandlersTest, AnUnknownTypeIsPassedOverWhereThatIsAskedFor) {
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {},
                                      TypedHandlers()
                                          .On<OrderPlaced>([this](const OrderPlaced&) { return Saw("placed"); })
                                          .OnUnknown(UnknownEvent::kAcknowledge)),
              IsOk());
  Publish("Elsewhere", 1, "?");
  Publish(MakeEnvelope(OrderPlaced{}));
  EXPECT_THAT(Letters(), ElementsAre());
  EXPECT_THAT(Saw(), ElementsAre("placed"));
}

TEST_F(TypedHandlersTest, AnUnknownTypeWaitsForAVersionThatKnowsItWhereThatIsAskedFor) {
  const EnvelopeSubscribeOptions options{.durable = "d", .retry = {.max_attempts = 0}};
  auto old_version = TypedHandlers().On<OrderPlaced>([this](const OrderPlaced&) { return Saw("placed"); });
  const auto subscribed = bus_->SubscribeEnvelope("orders", options, old_version.OnUnknown(UnknownEvent::kRetry));
  ASSERT_THAT(subscribed, IsOk());
  Publish(MakeEnvelope(OrderCancelled{.why = "late"}));
  Publish(MakeEnvelope(OrderPlaced{}));
  ASSERT_TRUE(Eventually([&] { return bus_->Stats().subscriptions.at(0).failed > 1; }, kPatience));
  EXPECT_THAT(Saw(), ElementsAre()) << "its aggregate waits";
  ASSERT_THAT(bus_->Unsubscribe(*subscribed), IsOk());
  auto new_version = old_version;
  new_version.On<OrderCancelled>([this](const OrderCancelled& order) { return Saw(order.why); });
  absl::StatusOr<SubscriptionId> again = absl::AlreadyExistsError("");
  ASSERT_TRUE(Eventually(
      [&] {
        again = bus_->SubscribeEnvelope("orders", options, new_version);
        return again.ok();
      },
      kPatience))
      << again.status();
  EXPECT_TRUE(Eventually([&] { return Saw().size() == 2; }, kPatience));
  EXPECT_THAT(Saw(), ElementsAre("late", "placed"));
}

TEST_F(TypedHandlersTest, WhatCannotBeBuiltIsRefusedWithItsReason) {
  const auto fails = [&](const TypedHandlers& handlers, const char* why) {
    EXPECT_THAT(bus_->SubscribeEnvelope("orders", {}, handlers),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  const auto ack = [](const OrderPlaced&) { return Ack(); };
  fails(TypedHandlers(), "there is none");
  fails(TypedHandlers().On<OrderPlaced>(ack).On<OrderPlaced>(ack), "two handlers for one version");
  fails(TypedHandlers().On<OrderPlaced>(ack, {0, 1}), "no range above 0");
  fails(TypedHandlers().On<OrderPlaced>(ack, {2, 1}), "no range above 0");
  fails(TypedHandlers().On<OrderPlaced>(std::function<Outcome(const OrderPlaced&)>()), "empty function");
}

}  // namespace
}  // namespace penstock::testing
