// SPDX-License-Identifier: Apache-2.0
#include <future>

#include "scenarios/scenario.h"
#include "support/tcp_proxy.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr std::size_t kKeys = 50;
constexpr std::size_t kPerKey = 20;
constexpr std::uint64_t kAll = kKeys * kPerKey;
constexpr milliseconds kOutage{1500};  // longer than an owner's lease, shorter than its patience with a silent server

class ADrain : public Scenario {
 protected:
  void SetUp() override {
    UseServer();
    publisher_ = Connect(Options("publisher"));
    auto proxy = TcpProxy::Start(server_->port());
    ASSERT_THAT(proxy, IsOk());
    proxy_ = *std::move(proxy);
  }

  /// A bus that has received a backlog, at 2 ms a message for each of two workers.
  std::unique_ptr<EventBus> WithABacklog(EnvelopeSubscribeOptions options = {.durable = "orders"}) {
    BusOptions through = Options("first");
    through.url = proxy_->url();
    auto bus = Connect(through);
    auto handler = [this](const Envelope& envelope, const Delivery&) {
      log_.Add(envelope.aggregate_id, envelope.payload);
      Eventually([] { return false; }, milliseconds{2}, milliseconds{2});  // the handler's work
      return Ack();
    };
    EXPECT_THAT(bus->SubscribeEnvelope("orders", std::move(options), handler), IsOk());
    PublishNumbered(*publisher_, "orders", kKeys, kPerKey);
    EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).received == kAll; }, kPatience));
    return bus;
  }
  static std::future<DrainReport> Drain(EventBus& bus, milliseconds timeout) {
    return std::async(std::launch::async, [&bus, timeout] { return bus.Drain(timeout); });
  }
  void ExpectAllFinished(const DrainReport& report, std::uint64_t acked_before) {
    EXPECT_THAT(report.status, IsOk());
    EXPECT_EQ(acked_before + report.finished, kAll);
    EXPECT_EQ(report.handed_back + report.abandoned, 0u);
    ExpectNothingPending();
  }
  /// Nor twice, nor out of order: the next owner gets none of it.
  void ExpectNothingPending() {
    EXPECT_EQ(log_.count(), kAll);
    for (std::size_t key = 0; key < kKeys; ++key) EXPECT_EQ(log_.Of("k" + std::to_string(key)), Numbers(kPerKey));
    auto raw = RawNats::Connect(server_->port());
    ASSERT_THAT(raw, IsOk());
    const auto info = raw->Request("$JS.API.CONSUMER.INFO.EVENTS_orders.orders", "");
    ASSERT_THAT(info, IsOk());
    EXPECT_THAT(info->body, HasSubstr("\"num_ack_pending\":0,"));
    EXPECT_THAT(info->body, HasSubstr("\"num_pending\":0"));
  }

  std::unique_ptr<EventBus> publisher_;
  std::unique_ptr<TcpProxy> proxy_;
  Log log_;
};

TEST_F(ADrain, WaitsForAServerThatIsPaused) {
  auto bus = WithABacklog();
  server_->Pause();
  const std::uint64_t before = OnlySubscription(*bus).acked;
  auto drained = Drain(*bus, kPatience);
  EXPECT_EQ(drained.wait_for(kOutage), std::future_status::timeout);
  server_->Resume();
  const DrainReport report = drained.get();
  EXPECT_THAT(report.status, IsOk());
  EXPECT_EQ(report.handed_back + report.abandoned, 0u);
  EXPECT_GE(before + report.finished, kAll - 2);  // two handlers may have ended between the two looks
  ExpectNothingPending();
}

TEST_F(ADrain, WaitsForAServerThatIsKilledAndStartedAgain) {
  auto bus = WithABacklog();
  server_->Kill();
  auto drained = Drain(*bus, kPatience);
  EXPECT_EQ(drained.wait_for(kOutage), std::future_status::timeout);
  ASSERT_THAT(server_->Start(), IsOk());
  const DrainReport report = drained.get();
  EXPECT_THAT(report.status, IsOk());
  EXPECT_EQ(report.handed_back + report.abandoned, 0u);
  ExpectNothingPending();
}

TEST_F(ADrain, WaitsUntilWhatItFinishedIsKnownToTheServer) {
  auto bus = WithABacklog();
  ASSERT_TRUE(log_.Reaches(kAll / 2));
  proxy_->ServerIsAt(0);
  proxy_->Cut();
  ASSERT_TRUE(Eventually([&] { return !bus->connected(); }, kPatience));
  auto drained = Drain(*bus, kPatience);
  EXPECT_EQ(drained.wait_for(kOutage), std::future_status::timeout);
  proxy_->ServerIsAt(server_->port());
  EXPECT_THAT(drained.get().status, IsOk());
  ExpectNothingPending();
}

// Its acknowledgements are sent once.
TEST_F(ADrain, OfASharedDurableSaysThatAcknowledgementsMayBeLost) {
  auto bus = WithABacklog({.durable = "orders", .sharing = Sharing::kShared});
  proxy_->ServerIsAt(0);
  proxy_->Cut();
  ASSERT_TRUE(Eventually([&] { return !bus->connected(); }, kPatience));
  auto drained = Drain(*bus, kPatience);
  EXPECT_EQ(drained.wait_for(kOutage), std::future_status::timeout) << "it waits for the connection";
  proxy_->ServerIsAt(server_->port());
  const DrainReport report = drained.get();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("connection")));
  EXPECT_FALSE(report.orderly);
  EXPECT_EQ(log_.count(), kAll);
}

TEST_F(ADrain, OfASharedDurableThatKeepsItsConnectionIsOk) {
  auto bus = WithABacklog({.durable = "orders", .sharing = Sharing::kShared});
  const DrainReport report = Drain(*bus, kPatience).get();
  EXPECT_THAT(report.status, IsOk());
  EXPECT_TRUE(report.orderly);
  ExpectNothingPending();
}

TEST_F(ADrain, SaysThatTheConnectionWasLostAtItsDeadline) {
  auto bus = WithABacklog();
  server_->Kill();
  const DrainReport report = Drain(*bus, kOutage).get();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("connection")));
  EXPECT_GT(report.handed_back, 0u);
}

TEST_F(ADrain, SaysThatAStandbyHasTakenOver) {
  auto bus = WithABacklog();
  auto standby = Connect(Options("second"));
  ASSERT_THAT(standby->SubscribeEnvelope("orders", {.durable = "orders"}, Logging(log_)), IsOk());
  proxy_->ServerIsAt(0);
  proxy_->Cut();
  auto drained = Drain(*bus, kPatience);
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*standby).acked > 0; }, kPatience));
  proxy_->ServerIsAt(server_->port());
  const DrainReport report = drained.get();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAborted, HasSubstr("another process")));
  EXPECT_GT(report.handed_back, 0u);
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*standby).in_flight == 0 && log_.count() >= kAll; }, kPatience));
}

}  // namespace
}  // namespace penstock::testing
