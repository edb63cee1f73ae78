// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "scenarios/letter_box.h"

namespace penstock::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class APoisonMessageEndsInTheDeadLetters : public EveryTransport {
 protected:
  static EnvelopeSubscribeOptions Billing() {
    return {.durable = "billing",
            .handler_name = "charge-cards",
            .retry = {.max_attempts = 4,
                      .min_backoff = std::chrono::milliseconds(50),
                      .max_backoff = std::chrono::milliseconds(100)}};
  }

  // Handles everything but the payload "poison", for as long as that is not fixed.
  EnvelopeHandler Fragile(Log& log, const std::function<Outcome()>& poisoned) {
    return [this, &log, poisoned](const Envelope& event, const Delivery&) {
      if (event.payload == "poison" && !fixed_) return poisoned();
      log.Add(event.aggregate_id, event.payload);
      return Ack();
    };
  }
  static void PublishAll(EventBus& bus) {
    for (const char* payload : {"0", "poison", "1", "2"}) {
      ASSERT_THAT(bus.PublishEnvelope("orders", Event("k0", payload)), IsOk());
      ASSERT_THAT(bus.PublishEnvelope("orders", Event("k1", payload == std::string("poison") ? "x" : payload)), IsOk());
    }
  }

  std::atomic<bool> fixed_{false};
};

PENSTOCK_ON_EVERY_TRANSPORT(APoisonMessageEndsInTheDeadLetters);

TEST_P(APoisonMessageEndsInTheDeadLetters, WithItsStoryAndIsHandledAfterARedrive) {
  Log log;
  Log audit;
  auto bus = Connect();
  const auto begun = std::chrono::system_clock::now();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Billing(), Fragile(log, [] { return Retry("card terminal is down"); })),
              IsOk());
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "audit"}, Logging(audit)), IsOk());
  PublishAll(*bus);

  const auto letters = AwaitLetters(*bus, 1);
  ASSERT_EQ(letters.size(), 1U);
  const DeadLetter& letter = letters.front();
  EXPECT_EQ(letter.topic, "orders");
  EXPECT_EQ(letter.key, "k0");
  EXPECT_EQ(letter.error_class, error_class::kExhausted);
  EXPECT_THAT(letter.error, HasSubstr("card terminal is down"));
  EXPECT_EQ(letter.attempts, 4U);
  EXPECT_EQ(letter.stream, StreamName("EVENTS", "orders"));
  EXPECT_EQ(letter.stream_sequence, 3U);
  EXPECT_EQ(letter.origin_sequence, 3U);
  EXPECT_EQ(letter.consumer, "billing");
  EXPECT_EQ(letter.handler, "charge-cards");
  EXPECT_NE(letter.host, "");
  EXPECT_EQ(letter.redrive_count, 0U);
  EXPECT_EQ(PayloadOf(letter), "poison");
  // Attempts: at once, at once, after 50 ms, after 100 ms, each 20 % more or less.
  const auto took = letter.last_failed_at - letter.first_failed_at;
  EXPECT_GE(took, std::chrono::milliseconds(100));
  EXPECT_LE(took, std::chrono::seconds(5));
  EXPECT_GE(letter.first_failed_at, begun);
  EXPECT_LE(letter.stored_at - letter.last_failed_at, std::chrono::seconds(5));

  ASSERT_TRUE(log.Reaches(7));
  ASSERT_TRUE(audit.Reaches(8));
  EXPECT_THAT(log.Of("k0"), ElementsAre("0", "1", "2")) << "its key goes on";

  fixed_ = true;
  EXPECT_EQ(Redrive(*bus, {.topic = "orders", .key = "k0"}).sent, 1U);
  ASSERT_TRUE(log.Reaches(8));
  EXPECT_THAT(log.Of("k0"), ElementsAre("0", "1", "2", "poison"));
  EXPECT_THAT(AwaitLetters(*bus, 0), IsEmpty()) << "the letter goes when its message was handled";
  ASSERT_TRUE(Eventually(
      [&] {
        const auto stats = bus->Stats().subscriptions;
        return std::all_of(stats.begin(), stats.end(), [](const auto& each) { return each.in_flight == 0; });
      },
      kPatience));
  EXPECT_EQ(audit.count(), 8U) << "other durables pass over it";
}

TEST_P(APoisonMessageEndsInTheDeadLetters, AlsoWhenItsHandlerThrows) {
  Log log;
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Billing(),
                                     Fragile(log, []() -> Outcome { throw std::runtime_error("division by zero"); })),
              IsOk());
  PublishAll(*bus);
  const auto letters = AwaitLetters(*bus, 1);
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters.front().error_class, error_class::kThrew);
  EXPECT_THAT(letters.front().error, HasSubstr("division by zero"));
  ASSERT_TRUE(log.Reaches(7));
  EXPECT_THAT(log.Of("k0"), ElementsAre("0", "1", "2"));
}

TEST_P(APoisonMessageEndsInTheDeadLetters, AlsoWhenItIsNoEnvelope) {
  Log log;
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Billing(), Logging(log)), IsOk());
  ASSERT_THAT(bus->Publish("orders", "\x01 no envelope", {.key = "k0"}), IsOk());
  ASSERT_THAT(bus->PublishEnvelope("orders", Event("k0", "1")), IsOk());
  const auto letters = AwaitLetters(*bus, 1);
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters.front().error_class, error_class::kUndecodable);
  EXPECT_EQ(letters.front().body, "\x01 no envelope");
  EXPECT_EQ(letters.front().attempts, 1U);
  ASSERT_TRUE(log.Reaches(1));
}

}  // namespace
}  // namespace penstock::testing
