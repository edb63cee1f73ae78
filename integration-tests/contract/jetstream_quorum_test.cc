// SPDX-License-Identifier: Apache-2.0
// One owner at a time on a cluster whose servers are cut off from each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "contract/consumer_recorder.h"
#include "jetstream/protocol/server_version.h"
#include "support/eventually.h"
#include "support/raw_nats.h"
#include "support/routed_cluster.h"
#include "support/status_matchers.h"
#include "transport/connect.h"
#include "transport/transport.h"

namespace penstock::eventbus::contract {
namespace {

using penstock::testing::Eventually;
using penstock::testing::IsOk;
using penstock::testing::RawNats;
using penstock::testing::RoutedCluster;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

// An election takes up to 13 s.
constexpr seconds kPatience(60);

/// A process with an exclusive consumer, and when it may handle.
class Member {
 public:
  Member(RoutedCluster& cluster, std::size_t server) : server_(server) {
    // A cluster that has just begun has no leader yet.
    const auto connected = [&] {
      auto transport = ConnectJetStream({.url = cluster.server(server).url(), .client_id = "contract"});
      if (transport.ok()) transport_ = *std::move(transport);
      return transport_ != nullptr;
    };
    EXPECT_TRUE(Eventually(connected, kPatience));
  }
  ~Member() {
    if (consumer_ != nullptr) consumer_->Stop();
  }

  void Open(const StreamSpec& stream) {
    OpenWithoutAcks(stream);
    recorder_.AckFor(*consumer_);
  }
  void OpenWithoutAcks(const StreamSpec& stream) {
    EXPECT_TRUE(Eventually([&] { return transport_->EnsureStream(stream).ok(); }, kPatience));
    const ConsumerSpec spec{.stream = stream.name,
                            .consumer = "billing",
                            .filter_subject = stream.subjects.front(),
                            .kind = ConsumerKind::kExclusive,
                            .ack_wait = seconds(60)};
    const auto opened = [&] {
      auto consumer = transport_->OpenConsumer(spec, recorder_.Events());
      if (consumer.ok()) consumer_ = *std::move(consumer);
      return consumer_ != nullptr;
    };
    EXPECT_TRUE(Eventually(opened, kPatience));
  }
  absl::Status AcknowledgeFirst() { return recorder_.Acknowledge(*consumer_, 0, AckType::kAck); }
  void Stop() { std::exchange(consumer_, nullptr)->Stop(); }
  bool MayHandle() const { return consumer_->MayHandle(Clock::now()); }
  bool Becomes(bool handles, milliseconds limit = kPatience) const {
    return Eventually([&] { return MayHandle() == handles; }, limit, milliseconds(1));
  }
  std::size_t server() const { return server_; }
  Transport& transport() { return *transport_; }
  ConsumerRecorder& recorder() { return recorder_; }

 private:
  const std::size_t server_;
  ConsumerRecorder recorder_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Consumer> consumer_;
};

class JetStreamQuorumTest : public ::testing::TestWithParam<RoutedCluster::Cut> {
 protected:
  void SetUp() override {
    auto cluster = RoutedCluster::Launch({});
    ASSERT_THAT(cluster, IsOk());
    cluster_ = *std::move(cluster);
    if (!KeepsLeases()) GTEST_SKIP() << "servers of a cluster before 2.9.21 keep no leases";
  }
  bool KeepsLeases() {
    auto raw = RawNats::Connect(cluster_->server(0).port());
    if (!raw.ok()) return false;
    const std::string& info = raw->info();
    const std::size_t at = info.find("\"version\":\"");
    return at != std::string::npos && jetstream::IsAtLeast(std::string_view(info).substr(at + 11), {2, 9, 21});
  }
  StreamSpec Stream() const { return {.name = "ORDERS", .subjects = {"orders"}, .replicas = 3}; }

  bool Publish(Member& member, int count) {
    std::atomic<int> stored = 0;
    for (int i = 0; i < count; ++i) {
      OutboundMessage message{.subject = "orders", .body = absl::StrCat(i), .message_id = absl::StrCat("id-", ids_++)};
      const absl::Status sent =
          member.transport().Publish(std::move(message), [&stored](const absl::StatusOr<PubAck>& ack) {
            if (ack.ok()) ++stored;
          });
      if (!sent.ok()) return false;
    }
    return Eventually([&] { return stored == count; }, kPatience);
  }

  // Whether the reply to a request of the API contains `wanted`.
  bool Ask(const std::string& subject, const std::string& wanted) {
    auto raw = RawNats::Connect(cluster_->server(0).port());
    if (!raw.ok()) return false;
    const auto reply = raw->Request(subject, "", {}, seconds(2));
    return reply.ok() && absl::StrContains(reply->body, wanted);
  }
  // Asks the consumer's leader to give way unless it is the one wanted.
  bool LedBy(const std::string& server) {
    if (Ask("$JS.API.CONSUMER.INFO.ORDERS.billing", absl::StrCat("\"leader\":\"", server, "\""))) return true;
    Ask("$JS.API.CONSUMER.LEADER.STEPDOWN.ORDERS.billing", "success");
    return false;
  }
  // Stops the owner, which has settled the first message only, as if it had settled the first sixty.
  void LeaveWordOfSixty(Member& owner) {
    const auto bucket = owner.transport().OpenBucket({.name = "PENSTOCK_OWNERSHIP"}, CallLimit::In(seconds(10)));
    ASSERT_THAT(bucket, IsOk());
    owner.Stop();
    absl::StatusOr<BucketEntry> claim;
    const auto left_word = [&] {
      claim = (*bucket)->Get("claim.ORDERS.billing", CallLimit::In(seconds(5)));
      return claim.ok() && claim->value.ends_with(" 1.1");
    };
    ASSERT_TRUE(Eventually(left_word, kPatience)) << (claim.ok() ? claim->value : claim.status().ToString());
    const std::string more = claim->value.substr(0, claim->value.size() - 3) + "1.60";
    ASSERT_THAT((*bucket)->Put("claim.ORDERS.billing", more, CallLimit::In(seconds(10))), IsOk());
  }

  std::unique_ptr<RoutedCluster> cluster_;
  int ids_ = 0;
};

TEST_P(JetStreamQuorumTest, AnOwnerThatIsCutOffStopsBeforeAnotherBegins) {
  Member owner(*cluster_, 0), standby(*cluster_, 1);
  owner.Open(Stream());
  ASSERT_TRUE(owner.Becomes(true));
  standby.Open(Stream());
  ASSERT_TRUE(Publish(standby, 50));
  ASSERT_TRUE(owner.recorder().Reach(50));
  EXPECT_FALSE(standby.MayHandle());

  // Whoever may handle is asked in turns, as fast as can be.
  std::atomic<bool> over = false, together = false;
  std::thread watch([&] {
    while (!over) {
      if (standby.MayHandle() && owner.MayHandle()) together = true;
    }
  });
  const std::uint64_t fence = owner.recorder().At(0).fence;
  EXPECT_GT(fence, 0U);
  ASSERT_GE(cluster_->Isolate(0, GetParam()), 1U);
  EXPECT_TRUE(standby.Becomes(true)) << "the majority goes on";
  EXPECT_TRUE(Publish(standby, 50));
  EXPECT_TRUE(standby.recorder().Reach(50));
  cluster_->Heal();
  EXPECT_TRUE(Publish(standby, 50));
  EXPECT_TRUE(standby.recorder().Reach(100));
  over = true;
  watch.join();
  EXPECT_FALSE(together);
  EXPECT_THAT(standby.recorder().Fences(), ::testing::Each(::testing::Gt(fence)));
}

// As after an election that lost the acknowledgements of an owner: it left word of them.
TEST_P(JetStreamQuorumTest, ASuccessorIsToldWhatItsPredecessorsHaveSettled) {
  if (GetParam() != RoutedCluster::Cut::kReset) GTEST_SKIP() << "nothing is cut";
  Member owner(*cluster_, 0);
  owner.OpenWithoutAcks(Stream());
  ASSERT_TRUE(Publish(owner, 100));
  ASSERT_TRUE(owner.recorder().Reach(100));
  ASSERT_THAT(owner.AcknowledgeFirst(), IsOk());
  LeaveWordOfSixty(owner);

  Member successor(*cluster_, 1);
  successor.OpenWithoutAcks(Stream());
  ASSERT_TRUE(successor.recorder().Reach(99));
  EXPECT_EQ(successor.recorder().recovered(), 60u);
}

// A replica that was cut off when the consumer was created tells a later time of its creation once it leads (2.10.27).
TEST_P(JetStreamQuorumTest, ASuccessorIsToldItAlsoByAReplicaThatHasCreatedTheConsumerLate) {
  if (GetParam() != RoutedCluster::Cut::kReset) GTEST_SKIP() << "the same, and slow";
  Member owner(*cluster_, 0);
  owner.OpenWithoutAcks(Stream());
  owner.Stop();
  ASSERT_TRUE(Eventually([&] { return Ask("$JS.API.CONSUMER.DELETE.ORDERS.billing", "\"success\":true"); }, kPatience));
  ASSERT_GE(cluster_->Isolate(2, GetParam()), 1U);
  owner.OpenWithoutAcks(Stream());
  ASSERT_TRUE(Publish(owner, 100));
  ASSERT_TRUE(owner.recorder().Reach(100));
  const Clock::time_point late = Clock::now() + seconds(2);
  ASSERT_TRUE(Eventually([&] { return Clock::now() > late; }, kPatience)) << "later than creation times may differ";
  cluster_->Heal();
  ASSERT_TRUE(Eventually([&] { return LedBy(RoutedCluster::NameOf(2)); }, kPatience));
  ASSERT_TRUE(owner.Becomes(true));
  ASSERT_TRUE(Eventually([&] { return owner.AcknowledgeFirst().ok(); }, kPatience));
  LeaveWordOfSixty(owner);

  Member successor(*cluster_, 1);
  successor.OpenWithoutAcks(Stream());
  ASSERT_TRUE(successor.recorder().Reach(99));
  EXPECT_EQ(successor.recorder().recovered(), 60u);
}

TEST_P(JetStreamQuorumTest, OneRouteThatIsCutLetsOneOfThemGoOn) {
  Member owner(*cluster_, 0), standby(*cluster_, 1), publisher(*cluster_, 2);
  owner.Open(Stream());
  ASSERT_TRUE(owner.Becomes(true));
  standby.Open(Stream());
  ASSERT_TRUE(Publish(publisher, 50));
  ASSERT_TRUE(owner.recorder().Reach(50));

  std::atomic<bool> over = false, together = false;
  std::thread watch([&] {
    while (!over) {
      if (standby.MayHandle() && owner.MayHandle()) together = true;
    }
  });
  ASSERT_GE(cluster_->CutRoute(0, 1, GetParam()), 1U);
  EXPECT_TRUE(Publish(publisher, 200));
  const auto received = [&] { return owner.recorder().arrivals().size() + standby.recorder().arrivals().size(); };
  EXPECT_TRUE(Eventually([&] { return received() >= 250; }, kPatience)) << received();
  over = true;
  watch.join();
  EXPECT_FALSE(together);
}

INSTANTIATE_TEST_SUITE_P(Cuts, JetStreamQuorumTest,
                         ::testing::Values(RoutedCluster::Cut::kReset, RoutedCluster::Cut::kBlackHole),
                         [](const auto& instance) {
                           return instance.param == RoutedCluster::Cut::kReset ? "Reset" : "BlackHole";
                         });

}  // namespace
}  // namespace penstock::eventbus::contract
