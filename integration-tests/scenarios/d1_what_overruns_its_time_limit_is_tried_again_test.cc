// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WhatOverrunsItsTimeLimit : public EveryTransport {
 protected:
  // Returns when it is asked to stop.
  static bool WaitForStop(const Delivery& delivery) {
    std::mutex mutex;
    std::condition_variable_any never_notified;
    std::unique_lock<std::mutex> lock(mutex);
    return !never_notified.wait_for(lock, delivery.stop_token(), kPatience, [] { return false; }) &&
           delivery.stop_token().stop_requested();
  }

  EnvelopeSubscribeOptions Limited(std::uint64_t max_attempts) const {
    return {.durable = "billing",
            .retry = {.max_attempts = max_attempts, .min_backoff = milliseconds(1), .max_backoff = milliseconds(1)},
            .time_limit = milliseconds(20)};
  }

  Log log_;
  std::atomic<int> stopped_{0};
};

TEST_P(WhatOverrunsItsTimeLimit, IsAskedToStopAndTriedAgainWhateverItReturned) {
  auto bus = Connect();
  const auto subscribed =
      bus->SubscribeEnvelope("orders", Limited(10), [this](const Envelope& event, const Delivery& delivery) {
        if (event.payload == "0" && delivery.attempt() == 1) {
          stopped_ += WaitForStop(delivery) ? 1 : 0;
          return Ack();
        }
        log_.Add(event.aggregate_id, event.payload);
        return Ack();
      });
  ASSERT_THAT(subscribed, IsOk());
  PublishNumbered(*bus, "orders", 1, 3);
  ASSERT_TRUE(log_.Reaches(3));
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0", "1", "2")) << "its key waited";
  EXPECT_EQ(stopped_, 1);
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 3; }, kPatience));
  EXPECT_GE(OnlySubscription(*bus).timed_out, 1u);
}

TEST_P(WhatOverrunsItsTimeLimit, EndsInTheDeadLettersWhenItsAttemptsAreUsedUp) {
  auto bus = Connect();
  const auto subscribed =
      bus->SubscribeEnvelope("orders", Limited(2), [this](const Envelope&, const Delivery& delivery) {
        stopped_ += WaitForStop(delivery) ? 1 : 0;
        return Ack();
      });
  ASSERT_THAT(subscribed, IsOk());
  PublishNumbered(*bus, "orders", 1, 1);
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).terminated == 1; }, kPatience));
  EXPECT_EQ(stopped_, 2);
  const auto letters = bus->dead_letters().List({.topic = "orders", .error_class = "timed_out"});
  ASSERT_THAT(letters, IsOk());
  ASSERT_EQ(letters->letters.size(), 1u);
  EXPECT_THAT(letters->letters[0].error, HasSubstr("time limit of 20 ms"));
}

TEST_P(WhatOverrunsItsTimeLimit, IsAskedNothingWhereThereIsNone) {
  auto bus = Connect();
  const auto subscribed = bus->SubscribeEnvelope("orders", [this](const Envelope& event, const Delivery& delivery) {
    EXPECT_FALSE(delivery.stop_token().stop_possible());
    log_.Add(event.aggregate_id, event.payload);
    return Ack();
  });
  ASSERT_THAT(subscribed, IsOk());
  PublishNumbered(*bus, "orders", 1, 1);
  EXPECT_TRUE(log_.Reaches(1));
}

TEST_P(WhatOverrunsItsTimeLimit, MayThrowOrEndWithItsBus) {
  auto bus = Connect();
  const auto subscribed =
      bus->SubscribeEnvelope("orders", Limited(1000), [this](const Envelope&, const Delivery& delivery) -> Outcome {
        stopped_ += WaitForStop(delivery) ? 1 : 0;
        throw std::runtime_error("interrupted");
      });
  ASSERT_THAT(subscribed, IsOk());
  PublishNumbered(*bus, "orders", 1, 1);
  EXPECT_TRUE(Eventually([&] { return stopped_ >= 2; }, kPatience));
  bus->Close();
}

TEST_P(WhatOverrunsItsTimeLimit, LimitsOutOfRangeAreRefused) {
  auto bus = Connect();
  for (const milliseconds limit :
       {milliseconds(-1), milliseconds(86'400'001), milliseconds::max(), milliseconds::min()}) {
    EXPECT_THAT(bus->SubscribeEnvelope("orders", {.time_limit = limit}, Logging(log_)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("time_limit")));
  }
}

PENSTOCK_ON_EVERY_TRANSPORT(WhatOverrunsItsTimeLimit);

}  // namespace
}  // namespace penstock::testing
