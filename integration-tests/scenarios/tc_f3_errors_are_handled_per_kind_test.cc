// SPDX-License-Identifier: Apache-2.0
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

class ErrorsAreHandledPerKind : public EveryTransport {};
PENSTOCK_ON_EVERY_TRANSPORT(ErrorsAreHandledPerKind);

TEST_P(ErrorsAreHandledPerKind, AFailedPlainMessageIsCountedAndNeverRedelivered) {
  Log log;
  auto bus = Connect();
  auto handler = [&](const Delivery& delivery) {
    log.Add("all", std::string(delivery.payload()));
    return delivery.payload() == "bad" ? absl::InternalError("no") : absl::OkStatus();
  };
  ASSERT_THAT(bus->Subscribe("notices", handler), IsOk());
  ASSERT_THAT(bus->Publish("notices", "bad"), IsOk());
  ASSERT_THAT(bus->Publish("notices", "good"), IsOk());
  ASSERT_TRUE(log.Reaches(2));
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).handled == 1; }, kPatience));
  ASSERT_THAT(bus->Drain(kPatience).status, IsOk());

  EXPECT_THAT(log.Of("all"), ::testing::UnorderedElementsAre("bad", "good"));
  EXPECT_EQ(OnlySubscription(*bus).failed, 1u);
  EXPECT_EQ(OnlySubscription(*bus).redelivered, 0u);
}

TEST_P(ErrorsAreHandledPerKind, AFailedEnvelopeIsNakedAndRedeliveredBeforeItsSuccessors) {
  Log log;
  auto bus = Connect();
  auto handler = [&](const Envelope& envelope, const Delivery& delivery) -> Outcome {
    log.Add(envelope.aggregate_id, envelope.payload + "/" + std::to_string(delivery.attempt()));
    if (envelope.payload == "1" && delivery.attempt() < 3) return absl::UnavailableError("database down");
    return Ack();
  };
  ASSERT_THAT(bus->SubscribeEnvelope("orders", handler), IsOk());
  PublishNumbered(*bus, "orders", 1, 4);
  ASSERT_TRUE(log.Reaches(6));
  EXPECT_THAT(log.Of("k0"), ::testing::ElementsAre("0/1", "1/1", "1/2", "1/3", "2/1", "3/1"));
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 4; }, kPatience));
  EXPECT_EQ(OnlySubscription(*bus).naks, 2u);
  EXPECT_EQ(OnlySubscription(*bus).dead_lettered, 0u);
}

TEST_P(ErrorsAreHandledPerKind, RetryAfterWaitsAtLeastThatLong) {
  using Clock = std::chrono::steady_clock;
  std::mutex mutex;
  std::vector<Clock::time_point> attempts;
  auto bus = Connect();
  auto handler = [&](const Envelope&, const Delivery&) -> Outcome {
    std::lock_guard<std::mutex> lock(mutex);
    attempts.push_back(Clock::now());
    return attempts.size() == 1 ? RetryAfter(std::chrono::milliseconds{300}) : Ack();
  };
  ASSERT_THAT(bus->SubscribeEnvelope("orders", handler), IsOk());
  PublishNumbered(*bus, "orders", 1, 1);
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 1; }, kPatience));
  std::lock_guard<std::mutex> lock(mutex);
  EXPECT_GE(attempts.at(1) - attempts.at(0), std::chrono::milliseconds{300});
}

TEST_P(ErrorsAreHandledPerKind, RejectedAndExhaustedMessagesGoToTheDeadLettersAndTheirKeyGoesOn) {
  Log log;
  auto bus = Connect();
  auto handler = [&](const Envelope& envelope, const Delivery&) -> Outcome {
    if (envelope.payload == "0") return Reject("unknown currency");
    if (envelope.payload == "1") return Retry("still down");
    log.Add(envelope.aggregate_id, envelope.payload);
    return Ack();
  };
  EnvelopeSubscribeOptions options{.durable = "billing"};
  options.retry.max_attempts = 2;
  ASSERT_THAT(bus->SubscribeEnvelope("orders", options, handler), IsOk());
  PublishNumbered(*bus, "orders", 1, 3);
  ASSERT_TRUE(log.Reaches(1));
  EXPECT_THAT(log.Of("k0"), ::testing::ElementsAre("2"));
  const auto stats = OnlySubscription(*bus);
  EXPECT_EQ(stats.dead_lettered, 2u);
  EXPECT_EQ(stats.terminated, 2u);
}

}  // namespace
}  // namespace penstock::testing
