// SPDX-License-Identifier: Apache-2.0
// TC-R3: what is scraped agrees with what was sent, counted by the test itself.
#include "penstock/metrics/bus_collector.h"
#include "penstock/metrics/exposition.h"
#include "penstock/metrics/http_endpoint.h"
#include "scenario.h"
#include "support/http_get.h"

namespace penstock::testing {
namespace {

/// The value of a series in a scrape; -1 when it is not there.
double ValueOf(const std::string& scrape, const std::string& series) {
  const std::size_t at = scrape.find("\n" + series + " ");
  return at == std::string::npos ? -1 : std::stod(scrape.substr(at + series.size() + 2));
}

class TcR3MetricsAgreeWithWhatWasSent : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    bus_ = Connect(Options("r3-test"));
    auto collector = metrics::BusCollector::Create([this] { return bus_->Stats(); });
    ASSERT_THAT(collector, IsOk());
    collector_ = *std::move(collector);
    auto endpoint =
        metrics::HttpEndpoint::Listen({.routes = {{"/metrics", {.handler = [this](const metrics::HttpRequest& request) {
                                                     return metrics::ReplyToScrape(request, collector_->Collect());
                                                   }}}}});
    ASSERT_THAT(endpoint, IsOk());
    endpoint_ = *std::move(endpoint);
  }

  std::unique_ptr<EventBus> bus_;
  std::unique_ptr<metrics::BusCollector> collector_;
  std::unique_ptr<metrics::HttpEndpoint> endpoint_;
};

TEST_P(TcR3MetricsAgreeWithWhatWasSent, CountsWhatWasPublishedHandledRetriedAndThrown) {
  constexpr int kEvents = 1000;
  constexpr int kFailures = 20;
  constexpr int kThrows = 5;
  std::atomic<int> handled{0};
  const auto handler = [&handled](const Envelope& event, const Delivery& delivery) -> Outcome {
    const int number = std::stoi(event.payload);
    if (delivery.attempt() == 1 && number < kFailures) return Retry("injected");
    if (delivery.attempt() == 1 && number < kFailures + kThrows) throw std::runtime_error("injected");
    if (number == kEvents - 1) return Reject("injected");
    ++handled;
    return Ack();
  };
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", handler), IsOk());
  std::size_t bytes = 0;
  for (int n = 0; n < kEvents; ++n) {
    ASSERT_THAT(bus_->PublishEnvelope("orders", Event("k" + std::to_string(n % 50), std::to_string(n))), IsOk());
    bytes += std::to_string(n).size();
  }
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus_).acked + OnlySubscription(*bus_).terminated == kEvents; },
                         kPatience));
  EXPECT_EQ(handled, kEvents - 1);

  const std::string scrape = HttpGet(endpoint_->port(), "/metrics");
  const std::string pool = "nats_eventbus_r3_test_actor_pool_";
  const std::string bus = "nats_eventbus_r3_test_";
  const std::string orders = "{topic=\"orders\",durable=\"r3-test\"}";
  EXPECT_EQ(ValueOf(scrape, bus + "published_total{topic=\"orders\"}"), kEvents);
  EXPECT_EQ(ValueOf(scrape, bus + "publish_failed_total{topic=\"orders\"}"), 0);
  EXPECT_EQ(ValueOf(scrape, bus + "publish_latency_seconds_count"), kEvents);
  EXPECT_GT(ValueOf(scrape, bus + "published_bytes_total{topic=\"orders\"}"), static_cast<double>(bytes));
  EXPECT_EQ(ValueOf(scrape, pool + "messages_sent_total"), kEvents + kFailures + kThrows);
  EXPECT_EQ(ValueOf(scrape, pool + "messages_processed_total{success=\"true\"}"), kEvents - 1);
  EXPECT_EQ(ValueOf(scrape, pool + "messages_processed_total{success=\"false\"}"), kFailures + kThrows + 1);
  EXPECT_EQ(ValueOf(scrape, pool + "message_latency_seconds_count"), kEvents + kFailures + kThrows);
  EXPECT_EQ(ValueOf(scrape, pool + "actor_restarted_total"), kThrows);
  EXPECT_EQ(ValueOf(scrape, pool + "dead_letters_total"), 1);
  EXPECT_EQ(ValueOf(scrape, pool + "inbox_depth"), 0);
  // A message answered with a Nak runs again from memory; when that is settled first, it does not come a second time.
  const double received = ValueOf(scrape, bus + "received_total" + orders);
  EXPECT_GE(received, kEvents);
  EXPECT_LE(received, kEvents + kFailures + kThrows);
  EXPECT_EQ(ValueOf(scrape, bus + "redelivered_total" + orders), received - kEvents);
  EXPECT_EQ(ValueOf(scrape, bus + "duplicates_total" + orders), 0) << "a retry is no copy";
  EXPECT_EQ(ValueOf(scrape, bus + "acked_total" + orders), kEvents - 1);
  EXPECT_EQ(ValueOf(scrape, bus + "naks_total" + orders), kFailures + kThrows);
  EXPECT_EQ(ValueOf(scrape, bus + "terminated_total" + orders), 1);
  EXPECT_EQ(ValueOf(scrape, bus + "in_flight" + orders), 0);
  EXPECT_EQ(ValueOf(scrape, bus + "lag" + orders), 0);
  EXPECT_EQ(ValueOf(scrape, bus + "subscription_active" + orders), 1);
  EXPECT_EQ(ValueOf(scrape, bus + "connected"), 1);
}

PENSTOCK_ON_EVERY_TRANSPORT(TcR3MetricsAgreeWithWhatWasSent);

}  // namespace
}  // namespace penstock::testing
