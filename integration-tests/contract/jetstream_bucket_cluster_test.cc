// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "contract/watch_recorder.h"
#include "support/cluster.h"
#include "support/eventually.h"
#include "support/raw_nats.h"
#include "support/status_matchers.h"
#include "transport/connect.h"
#include "transport/transport.h"

// A bucket with a copy on each of three servers, whose leaders change.
namespace penstock::eventbus::contract {
namespace {

using penstock::testing::Cluster;
using penstock::testing::Eventually;
using penstock::testing::IsOk;
using penstock::testing::RawNats;
using std::chrono::seconds;

class ABucketOfThreeReplicas : public ::testing::Test {
 protected:
  static constexpr std::size_t kServers = 3;

  void SetUp() override {
    auto cluster = Cluster::Launch(kServers);
    ASSERT_THAT(cluster, IsOk());
    cluster_ = *std::move(cluster);
    const std::string url =
        absl::StrCat(cluster_->server(0).url(), ",", cluster_->server(1).url(), ",", cluster_->server(2).url());
    ASSERT_TRUE(Eventually(
        [&] {
          auto transport = ConnectJetStream({.url = url, .client_id = "contract"});
          if (transport.ok()) transport_ = *std::move(transport);
          return transport_ != nullptr;
        },
        seconds(60)));
    ASSERT_TRUE(Eventually(
        [&] {
          auto store = transport_->OpenBucket({"leases", {.replicas = 3}}, CallLimit::In(seconds(10)));
          if (store.ok()) store_ = *std::move(store);
          return store_ != nullptr;
        },
        seconds(60)));
  }

  // From a server that runs.
  std::string Api(const std::string& subject) {
    for (std::size_t i = 0; i < kServers; ++i) {
      if (!cluster_->server(i).running()) continue;
      auto raw = RawNats::Connect(cluster_->server(i).port());
      if (!raw.ok()) continue;
      const auto reply = raw->Request("$JS.API." + subject, "");
      if (reply.ok()) return reply->body;
    }
    return "";
  }
  // Of the bucket's stream; waits for one.
  std::size_t Leader() {
    std::size_t leader = kServers;
    EXPECT_TRUE(Eventually(
        [&] {
          const auto info = nlohmann::json::parse(Api("STREAM.INFO.KV_leases"), nullptr, false);
          const auto name = info.is_object() ? info.value("/cluster/leader"_json_pointer, "") : std::string();
          if (name.size() == 2) leader = static_cast<std::size_t>(name.back() - '0');
          return leader < kServers;
        },
        seconds(60)));
    return leader;
  }
  void PutNumbers(int first, int count) {
    for (int i = first; i < first + count; ++i) {
      ASSERT_THAT(store_->Put("k", absl::StrCat(i), CallLimit::In(seconds(60))), IsOk()) << i;
    }
  }

  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<KeyValueStore> store_;
};

TEST_F(ABucketOfThreeReplicas, AWatchReportsTheLastValueWhateverLeads) {
  WatchRecorder recorder;
  const auto watch = store_->Watch(">", recorder.Events(), CallLimit::In(seconds(20)));
  ASSERT_THAT(watch, IsOk());
  ASSERT_TRUE(recorder.ReachUpToDate());
  PutNumbers(0, 20);
  ASSERT_TRUE(recorder.Reach("k=19"));
  EXPECT_NE(Api("STREAM.LEADER.STEPDOWN.KV_leases"), "");
  PutNumbers(20, 20);
  ASSERT_TRUE(recorder.Reach("k=39"));
  const std::size_t killed = Leader();
  ASSERT_LT(killed, kServers);
  cluster_->server(killed).Kill();
  PutNumbers(40, 20);
  ASSERT_TRUE(recorder.Reach("k=59"));
  ASSERT_THAT(cluster_->server(killed).Start(), IsOk());
  PutNumbers(60, 1);
  ASSERT_TRUE(recorder.Reach("k=60"));
  const auto entries = recorder.Entries();
  EXPECT_TRUE(std::ranges::is_sorted(entries, std::less_equal<>(), &BucketEntry::revision)) << "in order, each once";
}

TEST_F(ABucketOfThreeReplicas, AnUpdateDuringAnElectionEndsAtItsDeadline) {
  const auto first = store_->Put("k", "0", CallLimit::In(seconds(60)));
  ASSERT_THAT(first, IsOk());
  cluster_->server(Leader()).Kill();
  std::uint64_t revision = *first;
  int updates = 0;
  const bool recovered = Eventually(
      [&] {
        const auto begin = std::chrono::steady_clock::now();
        const auto updated = store_->Update("k", "1", revision, CallLimit::In(seconds(1)));
        EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
        ++updates;
        // What is not known to have failed is looked at.
        const auto entry = store_->Get("k", CallLimit::In(seconds(1)));
        if (entry.ok()) revision = entry->revision;
        return updated.ok();
      },
      seconds(60));
  EXPECT_TRUE(recovered);
  EXPECT_GT(updates, 0);
}

}  // namespace
}  // namespace penstock::eventbus::contract
