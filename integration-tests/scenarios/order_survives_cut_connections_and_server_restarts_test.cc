// SPDX-License-Identifier: Apache-2.0
#include "handler_ledger.h"
#include "scenario.h"
#include "support/tcp_proxy.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;

class OrderSurvives : public EveryWire {
 protected:
  static constexpr std::size_t kKeys = 20;
  static constexpr std::size_t kPerKey = 200;
  static constexpr int kFaults = 3;

  void SetUp() override {
    EveryWire::SetUp();
    auto proxy = TcpProxy::Start(server_->port());
    ASSERT_THAT(proxy, IsOk());
    proxy_ = *std::move(proxy);
    publisher_ = Connect(Options("publisher"));
    BusOptions options = Options("consumer");
    options.url = proxy_->url();
    consumer_ = Connect(std::move(options));
    ASSERT_THAT(consumer_->SubscribeEnvelope("orders",
                                             [this](const Envelope& event, const Delivery&) {
                                               log_.Add(event.aggregate_id, event.payload);
                                               Spend(milliseconds(1));
                                               return Ack();
                                             }),
                IsOk());
    PublishNumbered(*publisher_, "orders", kKeys, kPerKey);
  }

  // Waits until the consumer has synchronised once more and goes on; the time since `since`.
  milliseconds Recovery(std::chrono::steady_clock::time_point since, std::uint64_t synchronisations) {
    EXPECT_TRUE(Eventually([&] { return OnlySubscription(*consumer_).resubscribes >= synchronisations; }, kPatience,
                           milliseconds(1)));
    const std::size_t before = log_.count();
    EXPECT_TRUE(Eventually([&] { return log_.count() > before; }, kPatience, milliseconds(1)));
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - since);
  }
  void ExpectEachOnceInOrder() {
    ASSERT_TRUE(log_.Reaches(kKeys * kPerKey));
    for (std::size_t key = 0; key < kKeys; ++key) {
      EXPECT_EQ(log_.Of("k" + std::to_string(key)), Numbers(kPerKey)) << key;
    }
  }

  Log log_;
  std::unique_ptr<TcpProxy> proxy_;
  std::unique_ptr<EventBus> publisher_;
  std::unique_ptr<EventBus> consumer_;
};

TEST_P(OrderSurvives, CutConnections) {
  for (int fault = 1; fault <= kFaults; ++fault) {
    ASSERT_TRUE(log_.Reaches(static_cast<std::size_t>(fault) * 500));
    const auto cut = std::chrono::steady_clock::now();
    ASSERT_GE(proxy_->Cut(), 1U);
    EXPECT_LT(Recovery(cut, static_cast<std::uint64_t>(fault)), milliseconds(1000));
  }
  ExpectEachOnceInOrder();
}

TEST_P(OrderSurvives, ServerRestarts) {
  for (int fault = 1; fault <= kFaults; ++fault) {
    ASSERT_TRUE(log_.Reaches(static_cast<std::size_t>(fault) * 500));
    server_->Kill();
    ASSERT_THAT(server_->Start(), IsOk());
    EXPECT_LT(Recovery(std::chrono::steady_clock::now(), static_cast<std::uint64_t>(fault)), milliseconds(1000));
  }
  ExpectEachOnceInOrder();
}

PENSTOCK_ON_EVERY_WIRE(OrderSurvives);

}  // namespace
}  // namespace penstock::testing
