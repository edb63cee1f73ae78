// SPDX-License-Identifier: Apache-2.0
// The ends of a service that are mistakes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "penstock/sdk/service.h"

namespace penstock {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Keeps the errors of a service's log.
class ServiceEndTest : public ::testing::Test {
 protected:
  std::unique_ptr<Service> Start() {
    ServiceOptions options{.bus = {.url = "memory://", .client_id = "billing"}, .metrics_port = std::nullopt};
    options.bus.log = [this](LogLevel level, std::string_view line) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (level == LogLevel::kError) errors_.emplace_back(line);
    };
    auto service = Service::Create(std::move(options));
    EXPECT_TRUE(service.ok()) << service.status();
    return std::move(service).value();
  }
  static void Handle(Service& service, std::function<void()> work) {
    ASSERT_TRUE(service.bus()
                    .SubscribeEnvelope("orders",
                                       [work = std::move(work)](const Envelope&, const Delivery&) {
                                         work();
                                         return Ack();
                                       })
                    .ok());
  }
  static void Publish(Service& service) {
    ASSERT_TRUE(service.bus().PublishEnvelope("orders", {.aggregate_id = "o-1", .event_type = "OrderPlaced"}).ok());
  }

  std::mutex mutex_;
  std::vector<std::string> errors_;
};
using ServiceEndDeathTest = ServiceEndTest;

TEST_F(ServiceEndDeathTest, InAHandlerNamesTheRemedyAndAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto service = Start();
        std::promise<void> never;
        Handle(*service, [&service] { service.reset(); });
        Publish(*service);
        never.get_future().wait();
      },
      "^penstock: a Service was destroyed in one of its handlers.*call RequestStop.*\n$");
}

TEST_F(ServiceEndDeathTest, OfABusInAHandlerAbortsToo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto bus = *EventBus::Connect({.url = "memory://", .client_id = "billing"});
        std::promise<void> never;
        (void)bus->SubscribeEnvelope("orders", [&bus](const Envelope&, const Delivery&) {
          bus.reset();
          return Ack();
        });
        (void)bus->PublishEnvelope("orders", {.aggregate_id = "o-1", .event_type = "OrderPlaced"});
        never.get_future().wait();
      },
      "^penstock: an EventBus was destroyed in one of its handlers");
}

TEST_F(ServiceEndTest, OfAnotherBusInAHandlerIsNone) {
  const auto service = Start();
  std::promise<void> ended;
  Handle(*service, [&ended] {
    EventBus::Connect({.url = "memory://", .client_id = "other"}).value().reset();
    ended.set_value();
  });
  Publish(*service);
  EXPECT_EQ(ended.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_F(ServiceEndTest, WithoutRunIsAnError) {
  auto service = Start();
  Handle(*service, [] {});
  service.reset();
  EXPECT_THAT(errors_, Contains(HasSubstr("destroyed without Run")));
}

TEST_F(ServiceEndTest, WithoutRunIsNoneWhenNothingIsSubscribedOrItWasToldToStop) {
  Start().reset();
  auto service = Start();
  Handle(*service, [] {});
  service->RequestStop();
  service.reset();
  EXPECT_THAT(errors_, IsEmpty());
}

}  // namespace
}  // namespace penstock
