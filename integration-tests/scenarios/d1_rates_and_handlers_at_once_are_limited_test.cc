// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cmath>
#include <limits>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

class Limits : public EveryTransport {
 protected:
  Log log_;
};

TEST_P(Limits, OfTheRateSlowAllKeysAndKeepTheirOrder) {
  auto bus = Connect();
  PublishNumbered(*bus, "orders", 5, 4);
  const auto begun = steady_clock::now();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "d", .rate = {.per_second = 50, .burst = 5}}, Logging(log_)),
              IsOk());
  ASSERT_TRUE(log_.Reaches(20));
  EXPECT_GE(steady_clock::now() - begun, milliseconds(15 * 20 - 1)) << "5 at once, then one every 20 ms";
  for (int k = 0; k < 5; ++k) EXPECT_EQ(log_.Of("k" + std::to_string(k)), Numbers(4));
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 20; }, kPatience));
  EXPECT_EQ(OnlySubscription(*bus).naks, 0u);
}

TEST_P(Limits, OfAKeySlowThatKeyOnly) {
  auto bus = Connect();
  const auto begun = steady_clock::now();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "d", .key_rate = {.per_second = 20}}, Logging(log_)),
              IsOk());
  PublishNumbered(*bus, "orders", 50, 1);
  ASSERT_TRUE(log_.Reaches(50)) << "each key's first event waits for nothing";
  PublishNumbered(*bus, "others", 1, 1);
  for (int i = 1; i <= 4; ++i) ASSERT_THAT(bus->PublishEnvelope("orders", Event("k0", std::to_string(i))), IsOk());
  ASSERT_TRUE(log_.Reaches(54));
  EXPECT_GE(steady_clock::now() - begun, milliseconds(4 * 50 - 1));
  EXPECT_EQ(log_.Of("k0"), Numbers(5));
}

TEST_P(Limits, OfHandlersAtOnceHoldWhateverThePoolHas) {
  auto options = Options();
  options.pool.workers = 8;
  auto bus = Scenario::Connect(options);
  std::atomic<int> now{0}, most{0}, handled{0};
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "d", .max_concurrent = 2},
                                     [&](const Envelope&, const Delivery&) {
                                       const int running = ++now;
                                       int before = most.load();
                                       while (before < running && !most.compare_exchange_weak(before, running)) {
                                       }
                                       const auto until = steady_clock::now() + milliseconds(2);
                                       while (steady_clock::now() < until) {
                                       }
                                       --now;
                                       ++handled;
                                       return Ack();
                                     }),
              IsOk());
  PublishNumbered(*bus, "orders", 20, 5);
  EXPECT_TRUE(Eventually([&] { return handled == 100; }, kPatience));
  EXPECT_LE(most, 2);
}

TEST_P(Limits, OutOfRangeAreRefused) {
  auto bus = Connect();
  const auto refused = [&](EnvelopeSubscribeOptions options, const char* field) {
    EXPECT_THAT(bus->SubscribeEnvelope("orders", std::move(options), Logging(log_)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field)));
  };
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double rate : {-1.0, std::nan(""), infinity, -infinity, 1e7, 1e-9}) {
    refused({.rate = {.per_second = rate}}, "rate.per_second");
    refused({.key_rate = {.per_second = rate}}, "key_rate.per_second");
  }
  refused({.rate = {.per_second = 1, .burst = 0}}, "rate.burst");
  refused({.key_rate = {.per_second = 1, .burst = 2'000'000}}, "key_rate.burst");
  refused({.max_concurrent = 100'000}, "max_concurrent");
}

PENSTOCK_ON_EVERY_TRANSPORT(Limits);

}  // namespace
}  // namespace penstock::testing
