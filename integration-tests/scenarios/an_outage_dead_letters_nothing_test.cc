// SPDX-License-Identifier: Apache-2.0
// A database that is down makes every message fail, through no fault of its own.
#include "penstock/sdk/service.h"
#include "scenarios/scenario.h"
#include "support/http_get.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr std::size_t kKeys = 10;
constexpr std::uint64_t kAttempts = 4;
constexpr std::size_t kPerKey = 10;
constexpr milliseconds kMaxBackoff{50};

/// The database that handlers write to; when it is down every write fails. Thread-safe.
class Database {
 public:
  Outcome Write(const Envelope& envelope) {
    const int now = writers_.fetch_add(1) + 1;
    for (int most = most_writers_; now > most && !most_writers_.compare_exchange_weak(most, now);) {
    }
    attempts_.fetch_add(1);
    const bool down = down_;
    if (!down) log_.Add(envelope.aggregate_id, envelope.payload);
    writers_.fetch_sub(1);
    return down ? Retry("the database is down") : Ack();
  }

  void ComesUp() { down_ = false; }
  /// Waits until `count` more writes were tried from now on; the most of them at the same time, or -1 when they were
  /// not.
  int MostAtATimeOfNext(std::size_t count) {
    if (!Eventually([&] { return writers_ == 0; }, kPatience)) return -1;
    most_writers_ = 0;
    const int until = attempts_ + static_cast<int>(count);
    return Eventually([&] { return attempts_ >= until; }, kPatience) ? most_writers_.load() : -1;
  }
  int attempts() const { return attempts_; }
  const Log& log() const { return log_; }

 private:
  std::atomic<bool> down_{true};
  std::atomic<int> writers_{0};
  std::atomic<int> most_writers_{0};
  std::atomic<int> attempts_{0};
  Log log_;
};

EnvelopeHandler Writing(Database& database) {
  return [&database](const Envelope& envelope, const Delivery&) { return database.Write(envelope); };
}

/// Four attempts are all a message has. `failures` different ones in a row that fail are an outage.
EnvelopeSubscribeOptions OutageAfter(std::size_t failures) {
  return {
      .durable = "billing",
      .retry = {.max_attempts = kAttempts, .min_backoff = milliseconds{10}, .max_backoff = kMaxBackoff, .jitter = 0},
      .outage_after = failures};
}

class AnOutageDeadLettersNothing : public EveryTransport {};
PENSTOCK_ON_EVERY_TRANSPORT(AnOutageDeadLettersNothing);

TEST_P(AnOutageDeadLettersNothing, TriesOneMessageAtATimeAndRecoversByItself) {
  Database database;
  auto bus = Connect();
  PublishNumbered(*bus, "orders", kKeys, kPerKey);
  ASSERT_THAT(bus->SubscribeEnvelope("orders", OutageAfter(5), Writing(database)), IsOk());
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).degraded; }, kPatience));
  EXPECT_EQ(database.MostAtATimeOfNext((kAttempts + 1) * kKeys), 1);
  EXPECT_EQ(OnlySubscription(*bus).dead_lettered, 0u);
  EXPECT_EQ(OnlySubscription(*bus).circuit_opened, 1u);
  EXPECT_EQ(OnlySubscription(*bus).in_flight, kKeys * kPerKey);

  database.ComesUp();
  EXPECT_TRUE(Eventually([&] { return !OnlySubscription(*bus).degraded; }, kMaxBackoff + seconds{2}));
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == kKeys * kPerKey; }, kPatience));
  EXPECT_EQ(database.log().count(), kKeys * kPerKey);
  for (std::size_t k = 0; k < kKeys; ++k) EXPECT_EQ(database.log().Of("k" + std::to_string(k)), Numbers(kPerKey)) << k;
  EXPECT_EQ(OnlySubscription(*bus).terminated, 0u);
  EXPECT_EQ(OnlySubscription(*bus).circuit_opened, 1u);
}

TEST_P(AnOutageDeadLettersNothing, IsTriedLessAndLessOften) {
  Database database;
  auto bus = Connect();
  auto options = OutageAfter(5);
  options.retry.max_backoff = seconds{60};
  PublishNumbered(*bus, "orders", kKeys, kPerKey);
  ASSERT_THAT(bus->SubscribeEnvelope("orders", options, Writing(database)), IsOk());
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).degraded; }, kPatience));
  const auto began = std::chrono::steady_clock::now();
  ASSERT_EQ(database.MostAtATimeOfNext(6), 1);
  // Pauses of at least 10, 20, 40, 80, 160 ms, of which the first two may have been over.
  EXPECT_GE(std::chrono::steady_clock::now() - began, milliseconds{40 + 80 + 160});
  EXPECT_EQ(OnlySubscription(*bus).dead_lettered, 0u);
}

TEST_P(AnOutageDeadLettersNothing, EndsInTheNextProcessToo) {
  Database database;
  auto publisher = Connect(Options("publisher"));
  PublishNumbered(*publisher, "orders", kKeys, kPerKey);
  auto first = Connect();
  ASSERT_THAT(first->SubscribeEnvelope("orders", OutageAfter(5), Writing(database)), IsOk());
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*first).degraded; }, kPatience));
  const DrainReport report = first->Drain(kPatience);
  EXPECT_THAT(report.status, IsOk());
  EXPECT_EQ(report.abandoned, 0u);
  first.reset();

  database.ComesUp();
  auto second = Connect();
  ASSERT_THAT(second->SubscribeEnvelope("orders", OutageAfter(5), Writing(database)), IsOk());
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*second).acked == kKeys * kPerKey; }, kPatience));
  for (std::size_t k = 0; k < kKeys; ++k) EXPECT_EQ(database.log().Of("k" + std::to_string(k)), Numbers(kPerKey)) << k;
  EXPECT_EQ(database.log().count(), kKeys * kPerKey);
}

TEST_P(AnOutageDeadLettersNothing, UnlessItIsToldNotToLookForOne) {
  Database database;
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", OutageAfter(0), Writing(database)), IsOk());
  PublishNumbered(*bus, "orders", kKeys, 1);
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).terminated == kKeys; }, kPatience));
  EXPECT_EQ(database.attempts(), static_cast<int>(kAttempts * kKeys));
  EXPECT_EQ(OnlySubscription(*bus).circuit_opened, 0u);
}

TEST_P(AnOutageDeadLettersNothing, IsShownByTheServicesEndpoints) {
  Database database;
  auto service = Service::Create(
      {.bus = {.url = url(), .client_id = "outage", .log = [](LogLevel, std::string_view) {}}, .metrics_port = 0});
  ASSERT_THAT(service, IsOk());
  EventBus& bus = (*service)->bus();
  const std::uint16_t port = (*service)->metrics_port();
  const std::string degraded = "nats_eventbus_outage_subscription_degraded{topic=\"orders\",durable=\"billing\"} ";
  PublishNumbered(bus, "orders", kKeys, kPerKey);
  ASSERT_THAT(bus.SubscribeEnvelope("orders", OutageAfter(5), Writing(database)), IsOk());
  EXPECT_TRUE(Eventually([&] { return HttpGet(port, "/readyz").find("degraded") != std::string::npos; }, kPatience));
  EXPECT_THAT(HttpGet(port, "/readyz"), HasSubstr("HTTP/1.1 200"));
  EXPECT_THAT(HttpGet(port, "/metrics"), HasSubstr(degraded + "1\n"));

  database.ComesUp();
  EXPECT_TRUE(Eventually([&] { return HttpGet(port, "/readyz").find("degraded") == std::string::npos; }, kPatience));
  EXPECT_THAT(HttpGet(port, "/metrics"), HasSubstr(degraded + "0\n"));
}

}  // namespace
}  // namespace penstock::testing
