// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <future>

#include "penstock/sdk/service.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr std::size_t kKeys = 64;
constexpr std::size_t kPerKey = 64;
constexpr std::uint64_t kInHand = kKeys * kPerKey;

class AStop : public EveryTransport {
 protected:
  std::unique_ptr<Service> Start(milliseconds drain_timeout) {
    ServiceOptions options{.bus = Options(), .metrics_port = std::nullopt, .drain_timeout = drain_timeout};
    options.bus.pool.workers = 1;
    options.bus.log = [this](LogLevel level, std::string_view line) {
      std::lock_guard<std::mutex> lock(mutex_);
      lines_.emplace_back(level, line);
    };
    auto service = Service::Create(std::move(options));
    EXPECT_THAT(service, IsOk());
    return *std::move(service);
  }
  /// Subscribes a handler that takes 2 ms, and waits until all of 4,096 events are in hand.
  void TakeABacklog(EventBus& bus) {
    publisher_ = Connect(Options("publisher"));
    PublishNumbered(*publisher_, "orders", kKeys, kPerKey);
    auto handler = [this](const Envelope& envelope, const Delivery&) {
      log_.Add(envelope.aggregate_id, envelope.payload);
      Eventually([] { return false; }, milliseconds{2}, milliseconds{2});  // the handler's work
      return Ack();
    };
    ASSERT_THAT(bus.SubscribeEnvelope("orders", {.durable = "orders"}, handler), IsOk());
    ASSERT_TRUE(Eventually([&] { return OnlySubscription(bus).received == kInHand; }, kPatience));
  }
  bool Logged(LogLevel level, const std::string& text) {
    std::lock_guard<std::mutex> lock(mutex_);
    return std::any_of(lines_.begin(), lines_.end(), [&](const auto& line) {
      return line.first == level && line.second.find(text) != std::string::npos;
    });
  }

  std::unique_ptr<EventBus> publisher_;
  Log log_;
  std::mutex mutex_;
  std::vector<std::pair<LogLevel, std::string>> lines_;
};
PENSTOCK_ON_EVERY_TRANSPORT(AStop);

TEST_P(AStop, ThatHandsBackInOrderEndsWithZero) {
  {
    const auto service = Start(milliseconds{1000});
    TakeABacklog(service->bus());
    service->RequestStop();
    EXPECT_EQ(ExitCode(service->Run()), 0);
  }
  const std::uint64_t handled = log_.count();
  EXPECT_LT(handled, kInHand) << "the limit was to be too short";
  EXPECT_TRUE(Logged(LogLevel::kInfo, "handed back " + std::to_string(kInHand - handled) + ", left 0"));
  auto next = Connect();
  ASSERT_THAT(next->SubscribeEnvelope("orders", {.durable = "orders"}, Logging(log_)), IsOk());
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*next).acked == kInHand - handled; }, kPatience));
  EXPECT_EQ(log_.count(), kInHand);
  for (std::size_t key = 0; key < kKeys; ++key) EXPECT_EQ(log_.Of("k" + std::to_string(key)), Numbers(kPerKey));
}

TEST_P(AStop, ThatLeavesAHandlerRunningDoesNot) {
  std::promise<void> opens;
  auto opened = opens.get_future().share();
  std::atomic<bool> running{false};
  const auto service = Start(milliseconds{100});
  publisher_ = Connect(Options("publisher"));
  auto handler = [&](const Envelope&, const Delivery&) {
    running = true;
    opened.wait();
    return Ack();
  };
  ASSERT_THAT(service->bus().SubscribeEnvelope("orders", {.durable = "orders"}, handler), IsOk());
  PublishNumbered(*publisher_, "orders", 1, 1);
  ASSERT_TRUE(Eventually([&] { return running.load(); }, kPatience));
  service->RequestStop();
  EXPECT_THAT(service->Run(), StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("left 1 to handlers")));
  EXPECT_TRUE(Logged(LogLevel::kWarning, "left 1 to handlers"));
  opens.set_value();
}

}  // namespace
}  // namespace penstock::testing
