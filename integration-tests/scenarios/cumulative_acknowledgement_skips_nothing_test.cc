// SPDX-License-Identifier: Apache-2.0
#include "scenarios/letter_box.h"

namespace penstock::testing {
namespace {

using ::testing::IsEmpty;

constexpr std::size_t kKeys = 20;
constexpr std::size_t kEach = 50;

class CumulativeAcknowledgementSkipsNothing : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    publisher_ = Connect(Options("publisher"));
  }

  std::unique_ptr<EventBus> Consume(EnvelopeHandler handler, std::size_t max_in_flight = 4096) {
    auto bus = Connect(Options("billing"));
    const EnvelopeSubscribeOptions options{.durable = "billing",
                                           .ack_mode = AckMode::kCumulative,
                                           .retry = {.max_attempts = 5, .min_backoff = std::chrono::milliseconds{5}},
                                           .max_in_flight = max_in_flight};
    EXPECT_THAT(bus->SubscribeEnvelope("orders", options, std::move(handler)), IsOk());
    return bus;
  }

  std::unique_ptr<EventBus> publisher_;
  Log log_;
};

// A later consumer of the durable gets the messages that were not acknowledged: none.
TEST_P(CumulativeAcknowledgementSkipsNothing, AlsoWhenHandlersFailThrowAndReject) {
  std::atomic<std::size_t> calls{0};
  auto bus = Consume([&](const Envelope& event, const Delivery& delivery) -> Outcome {
    const std::size_t call = ++calls;
    if (event.aggregate_id == "k3" && event.payload == "13") return Reject("unknown currency");
    if (delivery.attempt() < 3 && call % 7 == 0) return Retry("not yet");
    if (delivery.attempt() < 3 && call % 97 == 0) throw std::runtime_error("broken");
    log_.Add(event.aggregate_id, event.payload);
    return Ack();
  });
  PublishNumbered(*publisher_, "orders", kKeys, kEach);
  ASSERT_TRUE(Eventually(
      [&] { return OnlySubscription(*bus).acked + OnlySubscription(*bus).terminated == kKeys * kEach; }, kPatience));
  for (std::size_t key = 0; key < kKeys; ++key) {
    std::vector<std::string> wanted = Numbers(kEach);
    if (key == 3) std::erase(wanted, "13");
    EXPECT_EQ(log_.Of("k" + std::to_string(key)), wanted) << key;
  }
  EXPECT_EQ(AwaitLetters(*bus, 1).size(), 1U);
  EXPECT_THAT(bus->Drain(kPatience).status, IsOk());

  Log later;
  auto next = Consume([&](const Envelope& event, const Delivery&) {
    later.Add(event.aggregate_id, event.payload);
    return Ack();
  });
  ASSERT_THAT(publisher_->PublishEnvelope("orders", Event("marker", "0")), IsOk());
  ASSERT_TRUE(later.Reaches(1));
  EXPECT_EQ(later.Of("marker").size(), 1U);
  EXPECT_EQ(OnlySubscription(*next).received, 1U);
}

// The first message is not over when the bus goes; all others are.
TEST_P(CumulativeAcknowledgementSkipsNothing, AndWhatWaitsIsStillThereForTheNext) {
  auto bus = Consume([&](const Envelope& event, const Delivery&) {
    if (event.aggregate_id == "k0") return RetryAfter(std::chrono::minutes{10}, "later");
    log_.Add(event.aggregate_id, event.payload);
    return Ack();
  });
  PublishNumbered(*publisher_, "orders", 10, 100);
  ASSERT_TRUE(log_.Reaches(900));
  EXPECT_THAT(bus->Drain(kPatience).status, IsOk());
  Log later;
  auto next = Consume([&](const Envelope& event, const Delivery&) {
    later.Add(event.aggregate_id, event.payload);
    return Ack();
  });
  ASSERT_TRUE(Eventually([&] { return later.Of("k0").size() == 100; }, kPatience));
  EXPECT_EQ(later.Of("k0"), Numbers(100));
}

TEST_P(CumulativeAcknowledgementSkipsNothing, WithAWindowOfOne) {
  auto bus = Consume(
      [&](const Envelope& event, const Delivery&) {
        log_.Add(event.aggregate_id, event.payload);
        return Ack();
      },
      1);
  PublishNumbered(*publisher_, "orders", 10, 20);
  ASSERT_TRUE(log_.Reaches(200));
  for (int key = 0; key < 10; ++key) EXPECT_EQ(log_.Of("k" + std::to_string(key)), Numbers(20));
}

PENSTOCK_ON_EVERY_TRANSPORT(CumulativeAcknowledgementSkipsNothing);

}  // namespace
}  // namespace penstock::testing
