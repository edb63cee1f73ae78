// SPDX-License-Identifier: Apache-2.0
#include <future>

#include "scenarios/gate.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

/// Handlers that have been quick for a while, so that the thread that reads helps with them; from some moment on, some
/// wait for a gate.
class ReceivingWaits : public Scenario {
 protected:
  static constexpr std::size_t kKeys = 40;
  static constexpr std::size_t kBefore = 50;  // per key, before anything blocks

  void Begin() {
    publisher_ = Connect(Options("publisher"));
    bus_ = Connect();
  }

  void Subscribe(EnvelopeHandler handler) {
    ASSERT_THAT(
        bus_->SubscribeEnvelope("orders",
                                [this, handler = std::move(handler)](const Envelope& event, const Delivery& delivery) {
                                  Outcome outcome = handler(event, delivery);
                                  log_.Add(event.aggregate_id, event.payload);
                                  return outcome;
                                }),
        IsOk());
    PublishNumbered(*publisher_, "orders", kKeys, kBefore);
    ASSERT_TRUE(log_.Reaches(kKeys * kBefore));
  }

  /// `per_key` more for each key.
  void Publish(std::size_t per_key) { PublishNumbered(*publisher_, "orders", kKeys, per_key); }

  static bool WaitFor(const std::shared_future<void>& opened) {
    return opened.wait_for(kPatience) == std::future_status::ready;
  }

  std::unique_ptr<EventBus> publisher_;
  Log log_;
  std::unique_ptr<EventBus> bus_;
  Gate gate_;
};

class ReceivingWaitsForNoHandler : public ReceivingWaits, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    GetParam() == "jetstream" ? UseServer() : UseMemory();
    Begin();
  }
};

TEST_P(ReceivingWaitsForNoHandler, WhenAllOfThemBlock) {
  std::atomic<bool> blocks{false};
  Subscribe([&, opened = gate_.opened()](const Envelope&, const Delivery&) {
    return !blocks || WaitFor(opened) ? Ack() : Retry("the gate stayed shut");
  });
  blocks = true;
  Publish(3);
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus_).received == kKeys * (kBefore + 3); }, kPatience));
  EXPECT_EQ(log_.count(), kKeys * kBefore);
  gate_.Open();
  EXPECT_TRUE(log_.Reaches(kKeys * (kBefore + 3)));
}

TEST_P(ReceivingWaitsForNoHandler, AndNeitherDoOtherKeys) {
  std::atomic<bool> blocks{false};
  Subscribe([&, opened = gate_.opened()](const Envelope& event, const Delivery&) {
    const bool waits = blocks && event.aggregate_id == "k7";
    return !waits || WaitFor(opened) ? Ack() : Retry("the gate stayed shut");
  });
  blocks = true;
  Publish(20);
  EXPECT_TRUE(log_.Reaches(kKeys * kBefore + (kKeys - 1) * 20));
  EXPECT_EQ(log_.Of("k7").size(), kBefore);
  gate_.Open();
  EXPECT_TRUE(log_.Reaches(kKeys * (kBefore + 20)));
}

// The answer comes by the connection that brought what is handled.
TEST_P(ReceivingWaitsForNoHandler, WhenOnePublishesAndWaitsForTheAnswer) {
  std::atomic<bool> publishes{false};
  std::atomic<std::size_t> stored{0};
  Subscribe([&](const Envelope& event, const Delivery&) -> Outcome {
    if (!publishes) return Ack();
    if (auto ack = bus_->PublishEnvelope("audits", Event(event.aggregate_id, event.payload)); !ack.ok()) {
      return Retry(std::string(ack.status().message()));
    }
    ++stored;
    return Ack();
  });
  publishes = true;
  Publish(10);
  EXPECT_TRUE(log_.Reaches(kKeys * (kBefore + 10)));
  EXPECT_EQ(stored, kKeys * 10);
  EXPECT_EQ(OnlySubscription(*bus_).failed, 0U);
}

PENSTOCK_ON_EVERY_TRANSPORT(ReceivingWaitsForNoHandler);

class ConnectingAgainWaitsForNoHandler : public ReceivingWaits {
 protected:
  void SetUp() override {
    UseServer();
    Begin();
  }
};

TEST_F(ConnectingAgainWaitsForNoHandler, AndHandlingGoesOn) {
  std::atomic<bool> blocks{false};
  std::atomic<bool> blocked{false};
  Subscribe([&, opened = gate_.opened()](const Envelope& event, const Delivery&) {
    const bool waits = blocks && event.aggregate_id == "k7";
    if (waits) blocked = true;
    return !waits || WaitFor(opened) ? Ack() : Retry("the gate stayed shut");
  });
  blocks = true;
  Publish(1);
  ASSERT_TRUE(Eventually([&] { return blocked.load(); }, kPatience));
  for (std::uint64_t restarts = 1; restarts <= 2; ++restarts) {
    server_->Kill();
    ASSERT_THAT(server_->Start(), IsOk());
    EXPECT_TRUE(
        Eventually([&] { return bus_->Stats().connection.reconnects >= restarts && bus_->connected(); }, kPatience));
    Publish(5);
    EXPECT_TRUE(log_.Reaches(kKeys * kBefore + (kKeys - 1) * (1 + restarts * 5)));
  }
  gate_.Open();
  EXPECT_TRUE(log_.Reaches(kKeys * (kBefore + 11)));
  EXPECT_EQ(log_.count(), kKeys * (kBefore + 11)) << "something was handled twice";
}

}  // namespace
}  // namespace penstock::testing
