// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <future>

#include "penstock/sdk/service.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;

class AService : public Scenario {
 protected:
  void SetUp() override {
    UseServer();
    server_->Stop();
  }
  std::future<absl::StatusOr<std::unique_ptr<EventBus>>> ConnectForEver(const std::stop_token& stop = {}) {
    BusOptions options = Options();
    options.connect_timeout = milliseconds{0};
    options.log = [this](LogLevel level, std::string_view line) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (level == LogLevel::kWarning) warnings_.emplace_back(line);
    };
    return std::async(std::launch::async, [options, stop] { return EventBus::Connect(options, stop); });
  }
  std::vector<std::string> Warnings() {
    std::lock_guard<std::mutex> lock(mutex_);
    return warnings_;
  }

  std::mutex mutex_;
  std::vector<std::string> warnings_;
};

TEST_F(AService, WaitsForItsServerForEverAndSaysSoOnce) {
  auto connects = ConnectForEver();
  EXPECT_EQ(connects.wait_for(milliseconds{4000}), std::future_status::timeout) << "the usual timeout is 3 s";
  ASSERT_THAT(server_->Start(), IsOk());
  const auto bus = connects.get();
  ASSERT_THAT(bus, IsOk());
  EXPECT_THAT((*bus)->PublishEnvelope("orders", Event("k", "0")), IsOk());
  ASSERT_EQ(Warnings().size(), 1u);
  EXPECT_THAT(Warnings().front(), ::testing::HasSubstr("; trying until it works"));
}

TEST_F(AService, ThatWaitsForEverCanBeStopped) {
  std::stop_source stop;
  auto connects = ConnectForEver(stop.get_token());
  ASSERT_TRUE(Eventually([&] { return !Warnings().empty(); }, kPatience));
  stop.request_stop();
  EXPECT_THAT(connects.get().status(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(AService, DoesNotWaitForAServerThatRefusesIt) {
  server_->set_config("authorization: { token: \"s3cret\" }");
  ASSERT_THAT(server_->Start(), IsOk());
  EXPECT_THAT(ConnectForEver().get().status(), StatusIs(absl::StatusCode::kUnauthenticated));
}

}  // namespace
}  // namespace penstock::testing
