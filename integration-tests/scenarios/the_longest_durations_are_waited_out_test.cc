// SPDX-License-Identifier: Apache-2.0
#include <future>

#include "scenarios/gate.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr milliseconds kEndless[] = {milliseconds::max(), milliseconds::max() - milliseconds(1), hours(24 * 365 * 300),
                                     hours(24 * 365 * 292)};

class TheLongestDurationsAreWaitedOut : public EveryTransport {};

TEST_P(TheLongestDurationsAreWaitedOut, ARetryThatIsNeverDueIsHandedBack) {
  const auto bus = Connect();
  std::atomic<int> runs{0};
  Log log;
  ASSERT_THAT(bus->SubscribeEnvelope("orders",
                                     [&](const Envelope& envelope, const Delivery&) -> Outcome {
                                       if (envelope.aggregate_id == "last") {
                                         log.Add("last", envelope.payload);
                                         return Ack();
                                       }
                                       return RetryAfter(kEndless[runs++ % std::size(kEndless)], "not today");
                                     }),
              IsOk());
  for (std::size_t i = 0; i < std::size(kEndless); ++i) {
    ASSERT_THAT(bus->PublishEnvelope("orders", Event("k" + std::to_string(i), "0")), IsOk());
  }
  ASSERT_TRUE(Eventually([&] { return runs == std::size(kEndless); }, kPatience)) << runs;
  // By the time that these have run, what was due at once has run, too.
  for (int i = 0; i < 20; ++i) ASSERT_THAT(bus->PublishEnvelope("orders", Event("last", std::to_string(i))), IsOk());
  ASSERT_TRUE(log.Reaches(20));
  EXPECT_EQ(runs, std::size(kEndless));
  const DrainReport report = bus->Drain(milliseconds(100));
  EXPECT_EQ(report.handed_back, std::size(kEndless)) << report.status;
  EXPECT_EQ(runs, std::size(kEndless));
}

TEST_P(TheLongestDurationsAreWaitedOut, ATokenMaySettleWithOne) {
  const auto bus = Connect();
  std::promise<DeferredOutcome> deferred;
  std::atomic<int> runs{0};
  ASSERT_THAT(bus->SubscribeEnvelope("orders",
                                     [&](const Envelope&, const Delivery& delivery) -> Outcome {
                                       if (++runs == 1) deferred.set_value(delivery.Defer());
                                       return Deferred();
                                     }),
              IsOk());
  ASSERT_THAT(bus->PublishEnvelope("orders", Event("k", "0")), IsOk());
  EXPECT_THAT(deferred.get_future().get().Settle(RetryAfter(milliseconds::max())), IsOk());
  EXPECT_EQ(bus->Drain(milliseconds(300)).handed_back, 1U);
  EXPECT_EQ(runs, 1);
}

TEST_P(TheLongestDurationsAreWaitedOut, ADrainWaitsForItsHandlers) {
  for (const milliseconds endless : kEndless) {
    const auto bus = Connect();
    Gate gate;
    std::atomic<bool> running{false};
    const auto id = bus->SubscribeEnvelope("orders", [&, opened = gate.opened()](const Envelope&, const Delivery&) {
      running = true;
      opened.wait();
      return Ack();
    });
    ASSERT_THAT(id, IsOk());
    ASSERT_THAT(bus->PublishEnvelope("orders", Event("k", "0")), IsOk());
    ASSERT_TRUE(Eventually([&] { return running.load(); }, kPatience));
    auto drained = std::async(std::launch::async, [&] { return bus->Drain(endless); });
    // Longer than a drain whose time is up waits for its handlers.
    EXPECT_EQ(drained.wait_for(milliseconds(600)), std::future_status::timeout) << endless.count();
    gate.Open();
    ASSERT_EQ(drained.wait_for(kPatience), std::future_status::ready);
    const DrainReport report = drained.get();
    EXPECT_THAT(report.status, IsOk());
    EXPECT_EQ(report.finished, 1U);
    EXPECT_EQ(report.abandoned, 0U);
  }
}

PENSTOCK_ON_EVERY_TRANSPORT(TheLongestDurationsAreWaitedOut);

}  // namespace
}  // namespace penstock::testing
