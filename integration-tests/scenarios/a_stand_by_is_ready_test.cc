// SPDX-License-Identifier: Apache-2.0
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/sdk/service.h"
#include "scenario.h"
#include "support/http_get.h"

namespace penstock::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kNotReceiving = "the subscription to \"orders\" does not receive\n";

/// A service whose durable another bus owns, if it is there.
class AStandBy : public EveryTransport {
 protected:
  static absl::StatusOr<SubscriptionId> Consume(EventBus& bus) {
    return bus.SubscribeEnvelope("orders", {.durable = "shipping"},
                                 [](const Envelope&, const Delivery&) { return Ack(); });
  }
  std::unique_ptr<Service> Start() {
    ServiceOptions options{.bus = Options("second"), .metrics_port = 0};
    options.bus.log = [this](LogLevel, std::string_view line) {
      const std::lock_guard<std::mutex> lock(mutex_);
      log_.emplace_back(line);
    };
    auto service = Service::Create(std::move(options));
    EXPECT_THAT(service, IsOk());
    return *std::move(service);
  }
  static std::string Readyz(const Service& service) { return HttpGet(service.metrics_port(), "/readyz"); }
  int LinesAboutStandingBy() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return static_cast<int>(std::count_if(log_.begin(), log_.end(), [](const std::string& line) {
      return line.find("standing by") != std::string::npos;
    }));
  }

  std::mutex mutex_;
  std::vector<std::string> log_;
};

TEST_P(AStandBy, IsReadyUntilItTakesOverAndThenToo) {
  auto owner = Connect();
  ASSERT_THAT(Consume(*owner), IsOk());
  const auto service = Start();
  ASSERT_THAT(Consume(service->bus()), IsOk());
  const std::string reply = Readyz(*service);
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(reply, HasSubstr("\r\n\r\nready, standing by for orders\n"));
  owner.reset();
  EXPECT_TRUE(Eventually([&] { return Readyz(*service).ends_with("\r\n\r\nready\n"); }, kPatience));
}

PENSTOCK_ON_EVERY_TRANSPORT(AStandBy);

class AStandByOnAServer : public AStandBy {};

TEST_P(AStandByOnAServer, SaysOnceThatItStandsBy) {
  auto owner = Connect();
  ASSERT_THAT(Consume(*owner), IsOk());
  const auto service = Start();
  ASSERT_THAT(Consume(service->bus()), IsOk());
  // It looks again every 100 ms or so.
  EXPECT_FALSE(Eventually([&] { return LinesAboutStandingBy() != 1; }, std::chrono::milliseconds(1000)));
}

TEST_P(AStandByOnAServer, IsNotReadyWithoutItsServer) {
  auto owner = Connect();
  ASSERT_THAT(Consume(*owner), IsOk());
  const auto service = Start();
  ASSERT_THAT(Consume(service->bus()), IsOk());
  ASSERT_THAT(Readyz(*service), HasSubstr("standing by"));
  server_->Kill();
  EXPECT_TRUE(Eventually([&] { return Readyz(*service).starts_with("HTTP/1.1 503 "); }, kPatience));
}

INSTANTIATE_TEST_SUITE_P(On, AStandByOnAServer, ::testing::Values("jetstream"),
                         [](const auto& transport) { return std::string(transport.param); });

}  // namespace
}  // namespace penstock::testing
