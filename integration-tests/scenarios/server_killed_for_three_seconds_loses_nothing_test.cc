// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using Clock = std::chrono::steady_clock;

class ServerKilledForThreeSeconds : public EveryWire {};

// Under load, SIGKILL, three seconds of nothing, a restart: publisher and consumer go on by themselves.
TEST_P(ServerKilledForThreeSeconds, LosesNothingAndResumesWithinFiveSeconds) {
  constexpr int kKeys = 50;
  std::atomic<bool> stop{false};
  std::atomic<std::int64_t> last_ack{0};
  std::atomic<std::int64_t> last_handled{0};
  auto now = [] { return Clock::now().time_since_epoch().count(); };

  Log log;
  auto consumer = Connect(Options("consumer"));
  auto handler = [&](const Envelope& envelope, const Delivery&) {
    log.Add(envelope.aggregate_id, envelope.payload);
    last_handled = now();
    return Ack();
  };
  ASSERT_THAT(consumer->SubscribeEnvelope("orders", handler), IsOk());

  auto publisher = Connect(Options("publisher"));
  std::atomic<std::size_t> acked{0}, failed{0};
  std::size_t sent = 0;
  std::thread load([&] {
    for (; !stop; ++sent) {
      auto event = Event("k" + std::to_string(sent % kKeys), std::to_string(sent / kKeys));
      const auto status =
          publisher->PublishEnvelopeAsync("orders", std::move(event), [&](const absl::StatusOr<PubAck>& ack) {
            (ack.ok() ? acked : failed).fetch_add(1);
            last_ack = now();
          });
      ASSERT_THAT(status, IsOk());
    }
  });
  ASSERT_TRUE(log.Reaches(2000));
  server_->Kill();
  const auto killed = Clock::now();
  EXPECT_FALSE(Eventually([&] { return Clock::now() - killed > std::chrono::seconds{30}; }, std::chrono::seconds{3}));
  ASSERT_THAT(server_->Start(), IsOk());
  const std::int64_t restarted = now();
  EXPECT_TRUE(Eventually([&] { return last_ack > restarted && last_handled > restarted; }, std::chrono::seconds{5}))
      << "publisher resumed: " << (last_ack > restarted) << ", consumer resumed: " << (last_handled > restarted);
  const std::size_t so_far = acked;
  EXPECT_TRUE(Eventually([&] { return acked > so_far + 2000; }, kPatience));
  stop = true;
  load.join();

  ASSERT_THAT(publisher->Drain(kPatience).status, IsOk());
  EXPECT_EQ(acked, sent);
  EXPECT_EQ(failed, 0u);
  EXPECT_TRUE(log.Reaches(sent)) << log.count() << " of " << sent;
  ASSERT_THAT(consumer->Drain(kPatience).status, IsOk());
  EXPECT_EQ(log.count(), sent) << "something was handled twice";
  for (std::size_t k = 0; k < kKeys; ++k) {
    EXPECT_EQ(log.Of("k" + std::to_string(k)), Numbers(sent / kKeys + (k < sent % kKeys))) << k;
  }
  EXPECT_GE(consumer->Stats().connection.reconnects, 1u);
}

PENSTOCK_ON_EVERY_WIRE(ServerKilledForThreeSeconds);

}  // namespace
}  // namespace penstock::testing
