// SPDX-License-Identifier: Apache-2.0
// Ownership of an exclusive consumer when connections die in ways that the server does not notice.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "contract/jetstream_fixture.h"
#include "support/tcp_proxy.h"

namespace penstock::eventbus::contract {
namespace {

using penstock::testing::TcpProxy;
using ::testing::HasSubstr;
using ::testing::Not;

class JetStreamOwnershipTest : public JetStreamFixture {
 protected:
  void SetUp() override {
    Launch();
    auto proxy = TcpProxy::Start(server().port());
    ASSERT_THAT(proxy, IsOk());
    proxy_ = *std::move(proxy);
    direct_ = Connect();
    ASSERT_THAT(direct_->EnsureStream(Stream()), IsOk());
    through_proxy_ = Connect({.url = proxy_->url(), .client_id = "contract"});
    ASSERT_NE(through_proxy_, nullptr);
  }

  static std::unique_ptr<Consumer> Open(Transport& transport, ConsumerEvents events) {
    auto consumer = transport.OpenConsumer(SpecFor(ConsumerKind::kExclusive, "billing"), std::move(events));
    EXPECT_THAT(consumer, IsOk());
    return consumer.ok() ? *std::move(consumer) : nullptr;
  }
  static bool MayHandle(const Consumer& consumer) { return consumer.MayHandle(std::chrono::steady_clock::now()); }
  static bool Becomes(const Consumer& consumer, bool active, milliseconds deadline) {
    return Eventually([&] { return consumer.Stats().active == active; }, deadline);
  }

  std::unique_ptr<TcpProxy> proxy_;
  std::unique_ptr<Transport> direct_;
  std::unique_ptr<Transport> through_proxy_;
};

TEST_F(JetStreamOwnershipTest, AConnectionThatTheServerStillBelievesInHoldsNothingUpForLong) {
  ConsumerRecorder recorder;
  const auto consumer = Open(*through_proxy_, recorder.Events());
  PublishMany(*direct_, 5);
  ASSERT_TRUE(recorder.Reach(5));
  ASSERT_THAT(recorder.Acknowledge(*consumer, 0, AckType::kAck), IsOk());
  ASSERT_THAT(through_proxy_->Flush(seconds(5)), IsOk());
  ASSERT_GE(proxy_->Freeze(), 1U);
  ASSERT_TRUE(Eventually([&] { return through_proxy_->Stats().reconnects == 1; }, seconds(6)));
  const auto back = std::chrono::steady_clock::now();
  ASSERT_TRUE(recorder.Reach(9));
  EXPECT_LT(recorder.At(5).at - back, seconds(2));
  EXPECT_EQ(recorder.Sequences(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 2, 3, 4, 5}));
  EXPECT_THAT(recorder.Acknowledge(*consumer, 1, AckType::kAck), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(recorder.Acknowledge(*consumer, 5, AckType::kAck), IsOk());
}

TEST_F(JetStreamOwnershipTest, AConsumerOfAnotherProcessIsNeverMadeAgain) {
  ConsumerRecorder owner, standby;
  const auto owned = Open(*through_proxy_, owner.Events());
  const auto waiting = Open(*direct_, standby.Events());
  PublishMany(*direct_, 2);
  ASSERT_TRUE(owner.Reach(2));
  const std::string created = Api("CONSUMER.INFO.ORDERS.billing");
  // To the server the owner is there; it keeps the consumer as long as the server believes that.
  ASSERT_GE(proxy_->Freeze(), 1U);
  EXPECT_FALSE(Becomes(*waiting, true, milliseconds(2000)));
  EXPECT_TRUE(standby.Sequences().empty());
}

TEST_F(JetStreamOwnershipTest, AnOwnerWhoseConnectionIsDeadStopsHandlingBeforeAnyoneCouldTakeOver) {
  ConsumerRecorder recorder;
  const auto consumer = Open(*through_proxy_, recorder.Events());
  ASSERT_TRUE(MayHandle(*consumer));
  const auto frozen = std::chrono::steady_clock::now();
  ASSERT_GE(proxy_->Freeze(), 1U);
  ASSERT_TRUE(Eventually([&] { return !MayHandle(*consumer); }, seconds(5), milliseconds(1)));
  EXPECT_LT(std::chrono::steady_clock::now() - frozen, milliseconds(550));
  EXPECT_TRUE(Eventually([&] { return MayHandle(*consumer); }, seconds(10)));
}

TEST_F(JetStreamOwnershipTest, AnOwnerThatMayHandleKeepsItsRightWhileMessagesFlowAndWhileNoneDo) {
  ConsumerRecorder recorder;
  const auto consumer = Open(*direct_, recorder.Events());
  recorder.AckFor(*consumer);
  PublishMany(*direct_, 2000);
  ASSERT_TRUE(recorder.Reach(2000));
  EXPECT_FALSE(Eventually([&] { return !MayHandle(*consumer); }, milliseconds(3000), milliseconds(1)));
}

TEST_F(JetStreamOwnershipTest, WhoWasCutOffLearnsThatAnotherOwnsTheConsumerAndStandsBy) {
  ConsumerRecorder first, second;
  std::atomic<int> taken = 0;
  ConsumerEvents events = first.Events();
  events.on_ownership_lost = [&] { ++taken; };
  const auto owned = Open(*through_proxy_, std::move(events));
  const auto waiting = Open(*direct_, second.Events());
  PublishMany(*direct_, 3);
  ASSERT_TRUE(first.Reach(3));
  proxy_->ServerIsAt(0);
  const auto cut = std::chrono::steady_clock::now();
  ASSERT_GE(proxy_->Cut(), 1U);
  ASSERT_TRUE(second.Reach(3));
  EXPECT_LT(second.At(0).at - cut, seconds(1));
  EXPECT_FALSE(MayHandle(*owned));
  EXPECT_TRUE(MayHandle(*waiting));
  EXPECT_EQ(taken, 0) << "it cannot know yet";
  ASSERT_THAT(second.Acknowledge(*waiting, 1, AckType::kAck), IsOk());

  proxy_->ServerIsAt(server().port());
  ASSERT_TRUE(Eventually([&] { return taken == 1; }, seconds(5)));
  EXPECT_FALSE(Becomes(*owned, true, milliseconds(1000)));
  waiting->Stop();
  ASSERT_TRUE(first.Reach(5));
  EXPECT_EQ(first.Sequences(), (std::vector<std::uint64_t>{1, 2, 3, 1, 3}));
  EXPECT_EQ(taken, 2) << "told again when it is its own once more";
}

TEST_F(JetStreamOwnershipTest, ARestartAfterAnOrderlyStopNeedsNoWait) {
  ConsumerRecorder first, second;
  auto consumer = Open(*direct_, first.Events());
  consumer->Stop();
  EXPECT_THAT(Api("CONSUMER.INFO.ORDERS.billing"), HasSubstr("released by its owner"));
  consumer = Open(*direct_, second.Events());
  EXPECT_TRUE(consumer->Stats().active);
  EXPECT_THAT(Api("CONSUMER.INFO.ORDERS.billing"), Not(HasSubstr("released by its owner")));
}

TEST_F(JetStreamOwnershipTest, TheWindowOutlivesASynchronisation) {
  ConsumerRecorder recorder;
  const auto consumer = Open(*through_proxy_, recorder.Events());
  consumer->SetWindow(7);
  const auto seven = [&] { return absl::StrContains(Api("CONSUMER.INFO.ORDERS.billing"), "\"max_ack_pending\":7,"); };
  EXPECT_TRUE(Eventually(seven, seconds(2)));
  ASSERT_GE(proxy_->Cut(), 1U);
  ASSERT_TRUE(Eventually([&] { return consumer->Stats().resubscribes == 1; }, seconds(5)));
  EXPECT_TRUE(seven());
  consumer->SetWindow(9);
  PublishMany(*direct_, 20);
  ASSERT_TRUE(recorder.Reach(9));
}

}  // namespace
}  // namespace penstock::eventbus::contract
