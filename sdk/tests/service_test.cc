// SPDX-License-Identifier: Apache-2.0
#include "penstock/sdk/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>

#include "support/http_get.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::HttpGet;
using ::testing::StartsWith;

ServiceOptions Options() {
  return {.bus = {.url = "memory://", .client_id = "billing", .log = [](LogLevel, std::string_view) {}},
          .metrics_port = 0};
}

std::unique_ptr<Service> Start(ServiceOptions options = Options()) {
  auto service = Service::Create(std::move(options));
  EXPECT_TRUE(service.ok()) << service.status();
  return std::move(service).value();
}

Envelope Event(std::string aggregate) { return {.aggregate_id = std::move(aggregate), .event_type = "OrderPlaced"}; }

TEST(ServiceTest, DrainsWhatWasReceivedWhenItIsToldToStop) {
  std::atomic<int> handled{0};
  const auto service = Start();
  ASSERT_TRUE(service->bus()
                  .SubscribeEnvelope("orders",
                                     [&handled, &service](const Envelope&, const Delivery&) {
                                       if (++handled == 10) service->RequestStop();
                                       return Ack();
                                     })
                  .ok());
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(service->bus().PublishEnvelope("orders", Event("o-" + std::to_string(i))).ok());
  EXPECT_TRUE(service->Run().ok());
  EXPECT_EQ(handled, 10);
  EXPECT_FALSE(service->bus().PublishEnvelope("orders", Event("late")).ok());
}

TEST(ServiceTest, RunsUntilASignalComes) {
  const auto service = Start();
  auto ended = std::async(std::launch::async, [&service] { return service->Run(); });
  EXPECT_EQ(ended.wait_for(milliseconds(20)), std::future_status::timeout);
  kill(getpid(), SIGTERM);
  ASSERT_EQ(ended.wait_for(seconds(20)), std::future_status::ready);
  EXPECT_TRUE(ended.get().ok());
  EXPECT_TRUE(service->stop_token().stop_requested());
}

TEST(ServiceTest, SaysWhenTheDrainTookTooLong) {
  std::promise<void> begun;
  std::promise<void> release;
  ServiceOptions options = Options();
  options.drain_timeout = milliseconds(50);
  const auto service = Start(std::move(options));
  ASSERT_TRUE(service->bus()
                  .SubscribeEnvelope("orders",
                                     [&](const Envelope&, const Delivery&) {
                                       begun.set_value();
                                       release.get_future().wait();
                                       return Ack();
                                     })
                  .ok());
  ASSERT_TRUE(service->bus().PublishEnvelope("orders", Event("o-1")).ok());
  ASSERT_EQ(begun.get_future().wait_for(seconds(20)), std::future_status::ready);
  service->RequestStop();
  EXPECT_EQ(service->Run().code(), absl::StatusCode::kDeadlineExceeded);
  release.set_value();
}

TEST(ServiceTest, ServesMetricsHealthAndReadiness) {
  const auto service = Start();
  ASSERT_TRUE(service->bus().SubscribeEnvelope("orders", [](const Envelope&, const Delivery&) { return Ack(); }).ok());
  ASSERT_TRUE(service->bus().PublishEnvelope("orders", Event("o-1")).ok());
  const std::string metrics = HttpGet(service->metrics_port(), "/metrics");
  EXPECT_THAT(metrics, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"));
  EXPECT_THAT(metrics, HasSubstr("\nnats_eventbus_billing_published_total{topic=\"orders\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("\nnats_eventbus_billing_connected 1\n"));
  EXPECT_THAT(HttpGet(service->metrics_port(), "/healthz"), HasSubstr("200 OK"));
  EXPECT_THAT(HttpGet(service->metrics_port(), "/readyz"), HasSubstr("\r\n\r\nready\n"));
  EXPECT_THAT(HttpGet(service->metrics_port(), "/"), StartsWith("HTTP/1.1 404 "));
}

TEST(ServiceTest, IsAliveButNotReadyFromTheStopRequestOn) {
  const auto service = Start();
  service->RequestStop();
  EXPECT_THAT(HttpGet(service->metrics_port(), "/readyz"), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(HttpGet(service->metrics_port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(service->Run().ok());
  EXPECT_THAT(HttpGet(service->metrics_port(), "/metrics"), StartsWith("HTTP/1.1 200 "));
}

TEST(ServiceTest, ServesNothingWhenThePortIsSwitchedOff) {
  ServiceOptions options = Options();
  options.metrics_port = std::nullopt;
  EXPECT_EQ(Start(std::move(options))->metrics_port(), 0);
}

TEST(ServiceTest, SaysThatTheMetricsPortIsTaken) {
  const auto first = Start();
  ServiceOptions options = Options();
  options.metrics_port = first->metrics_port();
  EXPECT_EQ(Service::Create(std::move(options)).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST(ServiceTest, HandsOnTheErrorsOfTheBus) {
  ServiceOptions options = Options();
  options.bus.client_id = "";
  const auto service = Service::Create(std::move(options));
  EXPECT_EQ(service.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(service.status().ToString(), HasSubstr("client_id"));
}

TEST(ServiceTest, EndsCleanlyWithoutEverRunning) {
  const auto service = Start();
  ASSERT_TRUE(service->bus().SubscribeEnvelope("orders", [](const Envelope&, const Delivery&) { return Ack(); }).ok());
}

}  // namespace
}  // namespace penstock
