// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;

class ABlockedKeyWaitsForItsMessage : public EveryTransport {
 protected:
  /// Attempts are used up at once; then every 20 ms, for ever.
  static EnvelopeSubscribeOptions Blocking() {
    return {.durable = "billing",
            .retry = {.max_attempts = 2, .min_backoff = milliseconds{5}, .max_backoff = milliseconds{20}},
            .after_dead_letter = AfterDeadLetter::kBlock};
  }

  /// k0's second event fails as `fail` says until `fixed_`; whatever succeeds is logged.
  EnvelopeHandler FailingOnce(std::function<Outcome()> fail) {
    return [this, fail = std::move(fail)](const Envelope& envelope, const Delivery&) -> Outcome {
      if (envelope.aggregate_id == "k0" && envelope.payload == "1" && !fixed_) {
        attempts_.fetch_add(1);
        return fail();
      }
      log_.Add(envelope.aggregate_id, envelope.payload);
      return Ack();
    };
  }

  void ExpectThatItBlocksUntilFixed(std::function<Outcome()> fail) {
    auto bus = Connect();
    ASSERT_THAT(bus->SubscribeEnvelope("orders", Blocking(), FailingOnce(std::move(fail))), IsOk());
    PublishNumbered(*bus, "orders", 10, 20);
    ASSERT_TRUE(log_.Reaches(9 * 20 + 1));
    ASSERT_TRUE(Eventually([&] { return attempts_ >= 10; }, kPatience)) << attempts_;
    EXPECT_EQ(log_.Of("k0"), Numbers(1));
    EXPECT_EQ(OnlySubscription(*bus).dead_lettered, 0u);
    EXPECT_EQ(OnlySubscription(*bus).in_flight, 19u);

    fixed_ = true;
    ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 200; }, kPatience));
    EXPECT_EQ(log_.count(), 200u);
    for (int k = 0; k < 10; ++k) EXPECT_EQ(log_.Of("k" + std::to_string(k)), Numbers(20)) << k;
    EXPECT_EQ(OnlySubscription(*bus).terminated, 0u);
    auto letters = bus->dead_letters().List();
    ASSERT_THAT(letters, IsOk());
    EXPECT_TRUE(letters->letters.empty());
  }

  Log log_;
  std::atomic<bool> fixed_{false};
  std::atomic<int> attempts_{0};
};
PENSTOCK_ON_EVERY_TRANSPORT(ABlockedKeyWaitsForItsMessage);

TEST_P(ABlockedKeyWaitsForItsMessage, WhenItsAttemptsAreUsedUp) {
  ExpectThatItBlocksUntilFixed([] { return Retry("not yet"); });
}

TEST_P(ABlockedKeyWaitsForItsMessage, WhenTheHandlerRejectsIt) {
  ExpectThatItBlocksUntilFixed([] { return Reject("never, says the handler"); });
}

TEST_P(ABlockedKeyWaitsForItsMessage, WhenTheHandlerThrows) {
  ExpectThatItBlocksUntilFixed([]() -> Outcome { throw std::runtime_error("boom"); });
}

TEST_P(ABlockedKeyWaitsForItsMessage, AlsoInTheNextProcess) {
  auto publisher = Connect(Options("publisher"));
  auto first = Connect();
  auto fail = [] { return Reject("never, says the handler"); };
  ASSERT_THAT(first->SubscribeEnvelope("orders", Blocking(), FailingOnce(fail)), IsOk());
  PublishNumbered(*publisher, "orders", 1, 5);
  ASSERT_TRUE(Eventually([&] { return attempts_ >= 3; }, kPatience));
  first.reset();
  EXPECT_EQ(log_.Of("k0"), Numbers(1));

  auto second = Connect();
  ASSERT_THAT(second->SubscribeEnvelope("orders", Blocking(), FailingOnce(fail)), IsOk());
  const int before = attempts_;
  ASSERT_TRUE(Eventually([&] { return attempts_ >= before + 3; }, kPatience));
  EXPECT_EQ(log_.Of("k0"), Numbers(1));
  fixed_ = true;
  ASSERT_TRUE(log_.Reaches(5));
  EXPECT_EQ(log_.Of("k0"), Numbers(5));
}

}  // namespace
}  // namespace penstock::testing
