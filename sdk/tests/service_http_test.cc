// SPDX-License-Identifier: Apache-2.0
// What a service shows on its port beside what the bus has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "penstock/sdk/service.h"
#include "support/eventually.h"
#include "support/http_get.h"

namespace penstock {
namespace {

using std::chrono::seconds;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::HttpGet;
using ::testing::StartsWith;

constexpr seconds kPatience{20};

ServiceOptions Options() {
  return {.bus = {.url = "memory://", .client_id = "billing", .log = [](LogLevel, std::string_view) {}},
          .metrics_port = 0};
}

std::unique_ptr<Service> Start(ServiceOptions options) {
  auto service = Service::Create(std::move(options));
  EXPECT_TRUE(service.ok()) << service.status();
  return std::move(service).value();
}

/// Holds the calls of a function of the user's until it is let go.
class Gate {
 public:
  ~Gate() { Open(); }
  void Pass() {
    ++waiting_;
    open_.wait();
  }
  void Open() {
    if (!std::exchange(opened_, true)) promise_.set_value();
  }
  bool IsReached() const {
    return Eventually([this] { return waiting_ > 0; }, kPatience);
  }

 private:
  std::promise<void> promise_;
  std::shared_future<void> open_ = promise_.get_future().share();
  std::atomic<int> waiting_{0};
  bool opened_ = false;
};

class Stock : public prometheus::Collectable {
 public:
  explicit Stock(Gate* gate = nullptr) : gate_(gate) {}
  std::vector<prometheus::MetricFamily> Collect() const override {
    if (gate_ != nullptr) gate_->Pass();
    prometheus::MetricFamily family{
        .name = "stock", .help = "Pieces.", .type = prometheus::MetricType::Gauge, .metric = {}};
    family.metric.emplace_back().gauge.value = 7;
    return {family};
  }

 private:
  Gate* const gate_;
};

/// A GET that another thread waits for.
std::future<std::string> Asking(std::uint16_t port, const char* path) {
  return std::async(std::launch::async, [=] { return HttpGet(port, path); });
}

TEST(ServiceHttpTest, ShowsMetricsOfTheUsersBesideItsOwn) {
  ServiceOptions options = Options();
  options.collectables = {std::make_shared<Stock>()};
  const auto service = Start(std::move(options));
  const std::string metrics = HttpGet(service->metrics_port(), "/metrics");
  EXPECT_THAT(metrics, HasSubstr("\nstock 7\n"));
  EXPECT_THAT(metrics, HasSubstr("\nnats_eventbus_billing_connected 1\n"));
}

TEST(ServiceHttpTest, IsReadyWhenTheUsersChecksAreToo) {
  std::atomic<bool> broken{false};
  ServiceOptions options = Options();
  options.ready_checks = {
      {"database", [&broken] { return broken ? absl::UnavailableError("no route") : absl::OkStatus(); }}};
  const auto service = Start(std::move(options));
  EXPECT_THAT(HttpGet(service->metrics_port(), "/readyz"), HasSubstr("\r\n\r\nready\ndatabase: ok\n"));
  broken = true;
  const std::string reply = HttpGet(service->metrics_port(), "/readyz");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(reply, HasSubstr("database: UNAVAILABLE: no route\n"));
  EXPECT_THAT(HttpGet(service->metrics_port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST(ServiceHttpTest, ServesRoutesOfTheUsers) {
  ServiceOptions options = Options();
  options.routes = {
      {"/version", {.handler = [](const metrics::HttpRequest&) { return metrics::HttpReply{.body = "7"}; }}}};
  const auto service = Start(std::move(options));
  EXPECT_THAT(HttpGet(service->metrics_port(), "/version"), HasSubstr("\r\n\r\n7"));
}

TEST(ServiceHttpTest, IsAliveAndReadyWhileAllHandlersOfTheUsersBlock) {
  Gate gate;
  ServiceOptions options = Options();
  options.handler_threads = 1;
  options.routes = {{"/block", {.handler = [&gate](const metrics::HttpRequest&) {
                       gate.Pass();
                       return metrics::HttpReply{};
                     }}}};
  const auto service = Start(std::move(options));
  auto blocked = Asking(service->metrics_port(), "/block");
  ASSERT_TRUE(gate.IsReached());
  EXPECT_THAT(HttpGet(service->metrics_port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(HttpGet(service->metrics_port(), "/readyz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(HttpGet(service->metrics_port(), "/metrics"), StartsWith("HTTP/1.1 200 "));
  gate.Open();
  EXPECT_THAT(blocked.get(), StartsWith("HTTP/1.1 200 "));
}

TEST(ServiceHttpTest, IsAliveAndReadyWhileTheUsersMetricsBlock) {
  Gate gate;
  ServiceOptions options = Options();
  options.collectables = {std::make_shared<Stock>(&gate)};
  const auto service = Start(std::move(options));
  auto blocked = Asking(service->metrics_port(), "/metrics");
  ASSERT_TRUE(gate.IsReached());
  EXPECT_THAT(HttpGet(service->metrics_port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(HttpGet(service->metrics_port(), "/readyz"), StartsWith("HTTP/1.1 200 "));
  gate.Open();
  EXPECT_THAT(blocked.get(), HasSubstr("\nstock 7\n"));
}

TEST(ServiceHttpTest, IsAliveWhileACheckOfTheUsersBlocks) {
  Gate gate;
  ServiceOptions options = Options();
  options.ready_checks = {{"slow", [&gate] {
                             gate.Pass();
                             return absl::OkStatus();
                           }}};
  const auto service = Start(std::move(options));
  auto blocked = Asking(service->metrics_port(), "/readyz");
  ASSERT_TRUE(gate.IsReached());
  EXPECT_THAT(HttpGet(service->metrics_port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(HttpGet(service->metrics_port(), "/metrics"), StartsWith("HTTP/1.1 200 "));
  gate.Open();
  EXPECT_THAT(blocked.get(), HasSubstr("slow: ok"));
}

}  // namespace
}  // namespace penstock
