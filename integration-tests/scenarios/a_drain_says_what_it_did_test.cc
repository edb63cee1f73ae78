// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <future>

#include "scenarios/gate.h"
#include "scenarios/scenario.h"
#include "support/child_process.h"

namespace penstock::testing {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

class ADrainSaysWhatItDid : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    publisher_ = Connect(Options("publisher"));
  }

  /// k0 waits for a retry, k1 is with its handler, k2 is deferred; the others are handled.
  EnvelopeHandler EachInItsWay(const Gate& gate) {
    return [this, opened = gate.opened()](const Envelope& envelope, const Delivery& delivery) -> Outcome {
      if (envelope.aggregate_id == "k0") {
        waiting_ = true;
        return RetryAfter(hours{1}, "not today");
      }
      if (envelope.aggregate_id == "k1") {
        running_ = true;
        opened.wait();
      }
      if (envelope.aggregate_id == "k2") {
        std::lock_guard<std::mutex> lock(mutex_);
        token_ = delivery.Defer();
        deferred_ = true;
        return Deferred();
      }
      log_.Add(envelope.aggregate_id, envelope.payload);
      return Ack();
    };
  }
  void HandleTheRest(std::uint64_t count) {
    Log log;
    auto next = Connect();
    ASSERT_THAT(next->SubscribeEnvelope("orders", Logging(log)), IsOk());
    ASSERT_TRUE(Eventually([&] { return OnlySubscription(*next).acked == count; }, kPatience));
    EXPECT_EQ(log.count(), count);
    for (const char* key : {"k0", "k1", "k2"}) EXPECT_EQ(log.Of(key), Numbers(4)) << key;
  }

  std::unique_ptr<EventBus> publisher_;
  Log log_;
  std::atomic<bool> waiting_{false};
  std::atomic<bool> running_{false};
  std::atomic<bool> deferred_{false};
  std::mutex mutex_;
  DeferredOutcome token_;
};
PENSTOCK_ON_EVERY_TRANSPORT(ADrainSaysWhatItDid);

TEST_P(ADrainSaysWhatItDid, WhatItHandedBackAndWhatItAbandonedComesAgainInOrder) {
  auto bus = Connect();
  Gate gate;
  ASSERT_THAT(bus->SubscribeEnvelope("orders", EachInItsWay(gate)), IsOk());
  PublishNumbered(*publisher_, "orders", 5, 4);
  ASSERT_TRUE(Eventually([&] { return waiting_ && running_ && deferred_; }, kPatience));
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 8; }, kPatience));
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).in_flight == 12; }, kPatience));

  const DrainReport report = bus->Drain(milliseconds{100});
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kDeadlineExceeded,
                                      HasSubstr("finished 0 messages, handed back 11, left 1 to handlers")));
  EXPECT_EQ(report.finished, 0u);
  EXPECT_EQ(report.handed_back, 4u + 3u + 4u);
  EXPECT_EQ(report.abandoned, 1u);
  gate.Open();
  bus.reset();
  EXPECT_THAT(token_.Settle(Ack()), StatusIs(absl::StatusCode::kFailedPrecondition));
  HandleTheRest(12);
}

TEST_P(ADrainSaysWhatItDid, WhatWaitsForARetryIsHandedBackWithoutWaitingForTheDeadline) {
  auto bus = Connect();
  Gate gate;
  ASSERT_THAT(bus->SubscribeEnvelope("orders", EachInItsWay(gate)), IsOk());
  PublishNumbered(*publisher_, "orders", 1, 4);
  ASSERT_TRUE(Eventually([&] { return waiting_ && OnlySubscription(*bus).held_keys == 1; }, kPatience));
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).in_flight == 4; }, kPatience));
  const auto began = std::chrono::steady_clock::now();
  const DrainReport report = bus->Drain(hours{1});
  EXPECT_LT(std::chrono::steady_clock::now() - began, kPatience);
  EXPECT_THAT(report.status, IsOk());
  EXPECT_EQ(report.finished + report.abandoned, 0u);
  EXPECT_EQ(report.handed_back, 4u);
}

TEST_P(ADrainSaysWhatItDid, WhatIsQueuedIsFinishedFirst) {
  auto options = Options();
  options.pool.workers = 1;
  auto bus = Connect(options);
  Gate gate;
  std::atomic<bool> running{false};
  auto handler = [&, opened = gate.opened()](const Envelope& envelope, const Delivery&) {
    running = true;
    opened.wait();
    log_.Add(envelope.aggregate_id, envelope.payload);
    return Ack();
  };
  ASSERT_THAT(bus->SubscribeEnvelope("orders", handler), IsOk());
  PublishNumbered(*publisher_, "orders", 10, 20);
  ASSERT_TRUE(Eventually([&] { return running && OnlySubscription(*bus).in_flight == 200; }, kPatience));
  auto drained = std::async(std::launch::async, [&] { return bus->Drain(kPatience); });
  EXPECT_EQ(drained.wait_for(milliseconds{200}), std::future_status::timeout);
  gate.Open();
  const DrainReport report = drained.get();
  EXPECT_THAT(report.status, IsOk());
  EXPECT_EQ(report.finished, 200u);
  EXPECT_EQ(report.handed_back + report.abandoned, 0u);
  EXPECT_EQ(log_.count(), 200u);
}

TEST_P(ADrainSaysWhatItDid, NothingWhenThereIsNothingAndNothingTwice) {
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Logging(log_)), IsOk());
  for (int i = 0; i < 2; ++i) {
    const DrainReport report = bus->Drain(kPatience);
    EXPECT_THAT(report.status, IsOk());
    EXPECT_EQ(report.finished + report.handed_back + report.abandoned, 0u);
  }
}

TEST_P(ADrainSaysWhatItDid, AndIsRefusedFromAHandlerOrWithANegativeTimeout) {
  auto bus = Connect();
  EXPECT_THAT(bus->Drain(milliseconds{-1}).status, StatusIs(absl::StatusCode::kInvalidArgument));
  std::promise<absl::Status> from_handler;
  auto handler = [&](const Envelope&, const Delivery&) {
    from_handler.set_value(bus->Drain(kPatience).status);
    return Ack();
  };
  ASSERT_THAT(bus->SubscribeEnvelope("orders", handler), IsOk());
  PublishNumbered(*publisher_, "orders", 1, 1);
  EXPECT_THAT(from_handler.get_future().get(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(bus->connected());
}

class AServiceThatIsTerminated : public Scenario {
 protected:
  void SetUp() override { UseServer(); }
};

TEST_F(AServiceThatIsTerminated, LogsItsDrainEndsWithZeroAndTheNextProcessGoesOnInOrder) {
  auto publisher = Connect(Options("publisher"));
  PublishNumbered(*publisher, "orders", 5, 100);
  ::testing::internal::CaptureStderr();
  const auto consumer = ChildProcess::Spawn(
      {.command = {PENSTOCK_HELD_KEY_CONSUMER},
       .environment = {
           {"PENSTOCK_URL", url()}, {"PENSTOCK_METRICS_PORT", "off"}, {"PENSTOCK_DRAIN_TIMEOUT_MS", "20000"}}});
  ASSERT_THAT(consumer, IsOk());
  auto raw = RawNats::Connect(server_->port());
  ASSERT_THAT(raw, IsOk());
  EXPECT_TRUE(Eventually(
      [&] {
        const auto info = raw->Request("$JS.API.CONSUMER.INFO.EVENTS_orders.orders", "");
        return info.ok() && info->body.find("\"num_ack_pending\":100,") != std::string::npos &&
               info->body.find("\"num_pending\":0") != std::string::npos;
      },
      kPatience, milliseconds{20}));
  (*consumer)->Signal(SIGTERM);
  EXPECT_EQ((*consumer)->Await(), 0);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("drained: finished 0 messages, handed back 100, left 0 to handlers that still run"));
  EXPECT_EQ((*consumer)->output(), "400\n");

  Log log;
  auto next = Connect();
  ASSERT_THAT(next->SubscribeEnvelope("orders", {.durable = "orders"}, Logging(log)), IsOk());
  ASSERT_TRUE(log.Reaches(100));
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*next).acked == 100; }, kPatience));
  EXPECT_EQ(log.Of("k0"), Numbers(100));
}

}  // namespace
}  // namespace penstock::testing
