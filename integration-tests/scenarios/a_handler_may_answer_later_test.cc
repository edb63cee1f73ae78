// SPDX-License-Identifier: Apache-2.0
#include <deque>
#include <future>
#include <stdexcept>
#include <thread>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

/// Tokens that handlers left for later. Thread-safe.
class Tokens {
 public:
  void Add(DeferredOutcome token) {
    std::lock_guard<std::mutex> lock(mutex_);
    tokens_.push_back(std::move(token));
  }
  DeferredOutcome Take() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (tokens_.empty()) return {};
    DeferredOutcome token = std::move(tokens_.front());
    tokens_.pop_front();
    return token;
  }
  std::size_t count() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return tokens_.size();
  }
  bool Reach(std::size_t count) const {
    return Eventually([&] { return this->count() >= count; }, kPatience);
  }

 private:
  mutable std::mutex mutex_;
  std::deque<DeferredOutcome> tokens_;
};

/// Settles on a thread of its own, as a completion handler of some other library would.
absl::Status SettleElsewhere(DeferredOutcome token, const Outcome& outcome) {
  return std::async(std::launch::async, [&] { return token.Settle(outcome); }).get();
}

class AHandlerMayAnswerLater : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    publisher_ = Connect(Options("publisher"));
  }

  /// A bus with one worker whose handler logs "payload/attempt" and does what `then` says.
  std::unique_ptr<EventBus> Consume(EnvelopeHandler then, EnvelopeSubscribeOptions options = {}) {
    BusOptions bus_options = Options();
    bus_options.pool.workers = 1;
    auto bus = Connect(bus_options);
    auto handler = [this, then = std::move(then)](const Envelope& envelope, const Delivery& delivery) {
      log_.Add(envelope.aggregate_id, envelope.payload + "/" + std::to_string(delivery.attempt()));
      return then(envelope, delivery);
    };
    EXPECT_THAT(bus->SubscribeEnvelope("orders", std::move(options), handler), IsOk());
    return bus;
  }
  EnvelopeHandler Deferring() {
    return [this](const Envelope&, const Delivery& delivery) {
      tokens_.Add(delivery.Defer());
      return Deferred();
    };
  }
  /// Waits until `count` messages were acknowledged.
  static bool Acked(const EventBus& bus, std::uint64_t count) {
    return Eventually([&] { return OnlySubscription(bus).acked == count; }, kPatience);
  }
  /// The text of the only dead letter.
  std::string DeadLetterText() {
    auto letters = publisher_->dead_letters().List();
    EXPECT_THAT(letters, IsOk());
    return letters.ok() && letters->letters.size() == 1 ? letters->letters.front().error : "";
  }
  void PublishOne(const std::string& key) {
    ASSERT_THAT(publisher_->PublishEnvelope("orders", Event(key, "0")), IsOk());
  }

  std::unique_ptr<EventBus> publisher_;
  Log log_;
  Tokens tokens_;
};
PENSTOCK_ON_EVERY_TRANSPORT(AHandlerMayAnswerLater);

TEST_P(AHandlerMayAnswerLater, ItsKeyWaitsAndTheWorkerGoesOnWithOthers) {
  auto bus = Consume([this](const Envelope& envelope, const Delivery& delivery) -> Outcome {
    if (envelope.aggregate_id != "k0" || envelope.payload != "0") return Ack();
    tokens_.Add(delivery.Defer());
    return Deferred();
  });
  PublishNumbered(*publisher_, "orders", 3, 5);
  ASSERT_TRUE(Acked(*bus, 10));
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0/1"));
  EXPECT_EQ(OnlySubscription(*bus).parked, 4u);
  EXPECT_THAT(SettleElsewhere(tokens_.Take(), Ack()), IsOk());
  ASSERT_TRUE(Acked(*bus, 15));
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0/1", "1/1", "2/1", "3/1", "4/1"));
}

TEST_P(AHandlerMayAnswerLater, AThousandOfThemWaitOnOneWorker) {
  auto bus = Consume(Deferring());
  PublishNumbered(*publisher_, "orders", 1000, 1);
  ASSERT_TRUE(tokens_.Reach(1000));
  EXPECT_EQ(OnlySubscription(*bus).in_flight, 1000u);
  EXPECT_EQ(OnlySubscription(*bus).acked, 0u);
  std::thread settler([&] {
    for (int i = 0; i < 1000; ++i) EXPECT_THAT(tokens_.Take().Settle(Ack()), IsOk());
  });
  settler.join();
  ASSERT_TRUE(Acked(*bus, 1000));
  EXPECT_EQ(log_.count(), 1000u);
}

TEST_P(AHandlerMayAnswerLater, OrSoonerThanItReturns) {
  auto bus = Consume([](const Envelope&, const Delivery& delivery) {
    EXPECT_THAT(delivery.Defer().Settle(Ack()), IsOk());
    return Deferred();
  });
  PublishNumbered(*publisher_, "orders", 2, 10);
  ASSERT_TRUE(Acked(*bus, 20));
  EXPECT_EQ(log_.count(), 20u);
}

TEST_P(AHandlerMayAnswerLater, WithEveryOutcomeThereIs) {
  auto bus = Consume(Deferring());
  PublishOne("k0");
  ASSERT_TRUE(tokens_.Reach(1));
  EXPECT_THAT(SettleElsewhere(tokens_.Take(), Retry("not yet")), IsOk());
  ASSERT_TRUE(tokens_.Reach(1));
  EXPECT_THAT(SettleElsewhere(tokens_.Take(), RetryAfter(milliseconds{20}, "not yet")), IsOk());
  ASSERT_TRUE(tokens_.Reach(1));
  EXPECT_THAT(SettleElsewhere(tokens_.Take(), absl::UnavailableError("a status")), IsOk());
  ASSERT_TRUE(tokens_.Reach(1));
  EXPECT_THAT(SettleElsewhere(tokens_.Take(), Reject("never")), IsOk());
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).terminated == 1; }, kPatience));
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0/1", "0/2", "0/3", "0/4"));
  EXPECT_EQ(DeadLetterText(), "never");
}

TEST_P(AHandlerMayAnswerLater, ATokenThatIsDroppedIsARetry) {
  auto bus = Consume(
      [](const Envelope&, const Delivery& delivery) {
        static_cast<void>(delivery.Defer());
        return Deferred();
      },
      {.retry = {.max_attempts = 2}});
  PublishOne("k0");
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).terminated == 1; }, kPatience));
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0/1", "0/2"));
  EXPECT_EQ(DeadLetterText(), "its deferred outcome was dropped");
}

TEST_P(AHandlerMayAnswerLater, SayingSoWithoutATokenIsARetry) {
  auto bus = Consume([](const Envelope&, const Delivery&) { return Deferred(); }, {.retry = {.max_attempts = 2}});
  PublishOne("k0");
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).terminated == 1; }, kPatience));
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0/1", "0/2"));
  EXPECT_EQ(DeadLetterText(), "the handler said Deferred() without Delivery::Defer()");
}

TEST_P(AHandlerMayAnswerLater, ButOnlyOnceAndNotWithDeferred) {
  auto bus = Consume(Deferring());
  PublishOne("k0");
  ASSERT_TRUE(tokens_.Reach(1));
  DeferredOutcome token = tokens_.Take();
  EXPECT_THAT(token.Settle(Deferred()), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(token.Settle(Ack()), IsOk());
  EXPECT_THAT(token.Settle(Ack()), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(token.Settle(Reject("changed my mind")), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(DeferredOutcome().Settle(Ack()), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_TRUE(Acked(*bus, 1));
  EXPECT_EQ(OnlySubscription(*bus).terminated, 0u);
}

TEST_P(AHandlerMayAnswerLater, OneOfManyThreadsThatSettleATokenWins) {
  auto bus = Consume(Deferring());
  PublishNumbered(*publisher_, "orders", 1, 50);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(tokens_.Reach(1));
    DeferredOutcome token = tokens_.Take();
    auto settle = [&token] { return token.Settle(Ack()).ok() ? 1 : 0; };
    auto other = std::async(std::launch::async, settle);
    EXPECT_EQ(settle() + other.get(), 1);
  }
  ASSERT_TRUE(Acked(*bus, 50));
  EXPECT_EQ(log_.count(), 50u);
}

TEST_P(AHandlerMayAnswerLater, TheSecondTokenOfACallIsOfNoMessage) {
  auto bus = Consume([this](const Envelope&, const Delivery& delivery) {
    tokens_.Add(delivery.Defer());
    EXPECT_THAT(delivery.Defer().Settle(Reject("by the second")), StatusIs(absl::StatusCode::kFailedPrecondition));
    return Deferred();
  });
  PublishOne("k0");
  ASSERT_TRUE(tokens_.Reach(1));
  EXPECT_THAT(SettleElsewhere(tokens_.Take(), Ack()), IsOk());
  ASSERT_TRUE(Acked(*bus, 1));
}

TEST_P(AHandlerMayAnswerLater, WhatTheHandlerReturnsOrThrowsBesidesDoesNotCount) {
  auto bus = Consume([this](const Envelope& envelope, const Delivery& delivery) -> Outcome {
    tokens_.Add(delivery.Defer());
    if (envelope.aggregate_id == "k0") throw std::runtime_error("after the token was taken");
    return Reject("after the token was taken");
  });
  PublishNumbered(*publisher_, "orders", 2, 1);
  ASSERT_TRUE(tokens_.Reach(2));
  EXPECT_TRUE(Eventually([&] { return bus->Stats().pool.Total().restarts == 1; }, kPatience));
  for (int i = 0; i < 2; ++i) EXPECT_THAT(SettleElsewhere(tokens_.Take(), Ack()), IsOk());
  ASSERT_TRUE(Acked(*bus, 2));
  EXPECT_EQ(log_.count(), 2u);
  EXPECT_EQ(OnlySubscription(*bus).failed, 0u);
}

TEST_P(AHandlerMayAnswerLater, PlainMessagesHaveNoTokens) {
  std::promise<absl::Status> settled;
  auto bus = Connect();
  auto handler = [&](const Delivery& delivery) {
    settled.set_value(delivery.Defer().Settle(Ack()));
    return absl::OkStatus();
  };
  ASSERT_THAT(bus->Subscribe("notices", handler), IsOk());
  ASSERT_THAT(bus->Publish("notices", "n"), IsOk());
  EXPECT_THAT(settled.get_future().get(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(AHandlerMayAnswerLater, ATokenMayOutliveItsBusAndTheNextOneHandlesTheMessage) {
  PublishNumbered(*publisher_, "orders", 2, 2);
  auto first = Consume(Deferring());
  ASSERT_TRUE(tokens_.Reach(2));
  first.reset();
  EXPECT_THAT(tokens_.Take().Settle(Ack()), StatusIs(absl::StatusCode::kFailedPrecondition));
  static_cast<void>(tokens_.Take());  // dropped
  auto second = Consume([](const Envelope&, const Delivery&) { return Ack(); });
  ASSERT_TRUE(Acked(*second, 4));
  EXPECT_THAT(log_.Of("k0"), ::testing::AnyOf(ElementsAre("0/1", "0/2", "1/2"), ElementsAre("0/1", "0/2", "1/1")));
  EXPECT_EQ(log_.count(), 6u);
}

TEST_P(AHandlerMayAnswerLater, AnUnsubscribeTakesTheMessageBack) {
  auto bus = Consume(Deferring());
  PublishOne("k0");
  ASSERT_TRUE(tokens_.Reach(1));
  EXPECT_THAT(bus->Unsubscribe(OnlySubscription(*bus).id), IsOk());
  EXPECT_THAT(tokens_.Take().Settle(Ack()), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(AHandlerMayAnswerLater, ADrainWaitsForIt) {
  auto bus = Consume(Deferring());
  PublishNumbered(*publisher_, "orders", 10, 1);
  ASSERT_TRUE(tokens_.Reach(10));
  auto drained = std::async(std::launch::async, [&] { return bus->Drain(kPatience); });
  EXPECT_EQ(drained.wait_for(milliseconds{50}), std::future_status::timeout);
  for (int i = 0; i < 10; ++i) EXPECT_THAT(tokens_.Take().Settle(Ack()), IsOk());
  const DrainReport report = drained.get();
  EXPECT_THAT(report.status, IsOk());
  EXPECT_EQ(report.handed_back + report.abandoned, 0u);
  EXPECT_EQ(log_.count(), 10u);
}

TEST_P(AHandlerMayAnswerLater, ADrainThatRunsOutOfTimeHandsItBack) {
  auto first = Consume(Deferring());
  PublishNumbered(*publisher_, "orders", 10, 1);
  ASSERT_TRUE(tokens_.Reach(10));
  EXPECT_THAT(tokens_.Take().Settle(Ack()), IsOk());
  const DrainReport report = first->Drain(milliseconds{100});
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(report.handed_back, 9u);
  EXPECT_EQ(report.abandoned, 0u);
  for (int i = 0; i < 9; ++i) {
    EXPECT_THAT(tokens_.Take().Settle(Ack()), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  auto second = Consume([](const Envelope&, const Delivery&) { return Ack(); });
  ASSERT_TRUE(Acked(*second, 9));
  EXPECT_EQ(log_.count(), 19u);
}

}  // namespace
}  // namespace penstock::testing
