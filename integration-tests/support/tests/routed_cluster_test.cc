// SPDX-License-Identifier: Apache-2.0
#include "support/routed_cluster.h"

#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <string>

#include "support/eventually.h"
#include "support/raw_nats.h"

namespace penstock::testing {
namespace {

constexpr std::chrono::seconds kDeadline(20);
constexpr std::chrono::milliseconds kMoment(200);

class RoutedClusterTest : public ::testing::TestWithParam<RoutedCluster::Cut> {
 protected:
  void SetUp() override {
    auto cluster = RoutedCluster::Launch({});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
  }

  // Whether something published at one server comes to a subscriber at the other.
  bool Reaches(std::size_t from, std::size_t to, std::chrono::milliseconds deadline) {
    auto sender = RawNats::Connect(cluster_->server(from).port());
    auto receiver = RawNats::Connect(cluster_->server(to).port());
    if (!sender.ok() || !receiver.ok() || !receiver->Subscribe("hello").ok() || !receiver->Ping().ok()) return false;
    return Eventually([&] { return sender->Publish("hello", "x").ok() && receiver->Next(kMoment).ok(); }, deadline);
  }

  std::unique_ptr<RoutedCluster> cluster_{};
};

TEST_P(RoutedClusterTest, CutsOneServerOffUntilItHeals) {
  ASSERT_TRUE(Reaches(0, 1, kDeadline) && Reaches(1, 2, kDeadline) && Reaches(2, 0, kDeadline));
  EXPECT_GT(cluster_->Isolate(0, GetParam()), 0u);
  // Servers that meet anew tell each other of the third: none may go past the proxies.
  cluster_->server(1).Stop();
  const absl::Status started = cluster_->server(1).Start();
  ASSERT_TRUE(started.ok()) << started;
  ASSERT_TRUE(Reaches(1, 2, kDeadline));
  EXPECT_FALSE(Reaches(0, 1, kMoment));
  EXPECT_FALSE(Reaches(2, 0, kMoment));
  cluster_->Heal();
  EXPECT_TRUE(Reaches(0, 1, kDeadline) && Reaches(2, 0, kDeadline));
}

TEST_P(RoutedClusterTest, CutsOneRouteOnly) {
  ASSERT_TRUE(Reaches(0, 1, kDeadline) && Reaches(1, 2, kDeadline) && Reaches(2, 0, kDeadline));
  EXPECT_GT(cluster_->CutRoute(0, 1, GetParam()), 0u);
  EXPECT_TRUE(Reaches(1, 2, kDeadline) && Reaches(2, 0, kDeadline));
  EXPECT_FALSE(Reaches(0, 1, kMoment));
}

INSTANTIATE_TEST_SUITE_P(Cuts, RoutedClusterTest,
                         ::testing::Values(RoutedCluster::Cut::kReset, RoutedCluster::Cut::kBlackHole));

}  // namespace
}  // namespace penstock::testing
