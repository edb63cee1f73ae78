// SPDX-License-Identifier: Apache-2.0
// What a new owner of an exclusive consumer gets, however the one before left it.
#include <algorithm>
#include <numeric>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "contract/jetstream_fixture.h"
#include "support/relay/message_frame.h"
#include "support/relay/protocol_relay.h"
#include "support/tcp_proxy.h"

namespace penstock::eventbus::contract {
namespace {

using penstock::testing::ProtocolRelay;
using penstock::testing::ReadMessageFrame;
using penstock::testing::TcpProxy;
using penstock::testing::WriteMessageFrame;
using Sequences = std::vector<std::uint64_t>;

Sequences Range(std::uint64_t first, std::uint64_t last) {
  Sequences range(last - first + 1);
  std::iota(range.begin(), range.end(), first);
  return range;
}

class JetStreamRecoveryTest : public JetStreamFixture {
 protected:
  void SetUp() override {
    Launch();
    direct_ = Connect();
    ASSERT_THAT(direct_->EnsureStream(Stream()), IsOk());
  }
  std::unique_ptr<Consumer> Open(Transport& transport, ConsumerRecorder& recorder, std::size_t max_in_flight = 1000) {
    auto consumer =
        transport.OpenConsumer(SpecFor(ConsumerKind::kExclusive, "billing", max_in_flight), recorder.Events());
    EXPECT_THAT(consumer, IsOk());
    return consumer.ok() ? *std::move(consumer) : nullptr;
  }
  std::string Look() { return Api("CONSUMER.INFO.ORDERS.billing"); }
  bool Says(const std::string& text) {
    return Eventually([&] { return absl::StrContains(Look(), text); }, seconds(10));
  }

  std::unique_ptr<Transport> direct_;
};

// An owner of another kind: takes `count` messages and leaves some of them in the server's queue for redelivery.
TEST_F(JetStreamRecoveryTest, WhatComesAgainComesInStreamOrderWhateverIsQueuedForRedelivery) {
  PublishMany(*direct_, 300);
  RawNats other = Raw();
  const auto subscription = other.Subscribe("_INBOX.other");
  ASSERT_THAT(subscription, IsOk());
  ASSERT_THAT(other.Ping(), IsOk());
  EXPECT_FALSE(absl::StrContains(
      Api("CONSUMER.DURABLE.CREATE.ORDERS.billing",
          R"({"stream_name":"ORDERS","config":{"durable_name":"billing","deliver_subject":"_INBOX.other",)"
          R"("filter_subject":"orders","ack_policy":"explicit","ack_wait":60000000000,"max_ack_pending":1000,)"
          R"("max_deliver":-1,"replay_policy":"instant","deliver_policy":"all","idle_heartbeat":1000000000}})"),
      "\"error\""));
  std::vector<std::string> replies;
  while (replies.size() < 300) {
    const auto message = other.Next();
    ASSERT_THAT(message, IsOk());
    if (!message->reply.empty()) replies.push_back(message->reply);
  }
  ASSERT_THAT(other.Unsubscribe(*subscription), IsOk());
  ASSERT_THAT(other.Ping(), IsOk());
  for (std::size_t i = 200; i < 300; ++i) ASSERT_THAT(other.Publish(replies[i], "-NAK"), IsOk());
  ASSERT_THAT(other.Ping(), IsOk());

  ConsumerRecorder recorder;
  const auto consumer = Open(*direct_, recorder);
  PublishMany(*direct_, 50, 301);
  ASSERT_TRUE(recorder.Reach(350));
  EXPECT_EQ(recorder.Sequences(), Range(1, 350));
}

// An earlier owner's acknowledgements that come late, for messages that were asked for again by a Nak.
TEST_F(JetStreamRecoveryTest, ItsOwnerHearsOfMessagesThatAnotherHasAcknowledged) {
  ConsumerRecorder owner;
  const auto owned = Open(*direct_, owner);
  PublishMany(*direct_, 10);
  ASSERT_TRUE(owner.Reach(10));
  EXPECT_EQ(owner.settled_elsewhere(), 0u);
  RawNats other = Raw();
  for (int i = 1; i <= 4; ++i) {
    ASSERT_THAT(other.Publish(absl::StrCat("$JS.ACK.ORDERS.billing.1.", i, ".", i, ".0.0"), "+ACK"), IsOk());
  }
  ASSERT_TRUE(Says("\"num_ack_pending\":6"));
  ASSERT_THAT(owner.Acknowledge(*owned, 2, AckType::kNak), IsOk());
  EXPECT_TRUE(Eventually([&] { return owner.settled_elsewhere() == 4; }, seconds(20)));
}

TEST_F(JetStreamRecoveryTest, AStandByMakesADeletedConsumerAgainAfterWhatWasAcknowledged) {
  auto proxy = TcpProxy::Start(server().port());
  ASSERT_THAT(proxy, IsOk());
  const auto through_proxy = Connect({.url = (*proxy)->url(), .client_id = "contract"});
  ConsumerRecorder owner, standby;
  const auto owned = Open(*through_proxy, owner);
  owner.AckFor(*owned);
  PublishMany(*direct_, 500);
  ASSERT_TRUE(owner.Reach(500));
  ASSERT_TRUE(Says("\"num_ack_pending\":0"));
  const auto waiting = Open(*direct_, standby);
  EXPECT_FALSE(waiting->Stats().active);

  (*proxy)->ServerIsAt(0);
  ASSERT_GE((*proxy)->Cut(), 1U);
  DeleteConsumer("billing");
  PublishMany(*direct_, 3, 501);
  ASSERT_TRUE(standby.Reach(3));
  EXPECT_EQ(standby.Sequences(), Range(501, 503));
}

TEST_F(JetStreamRecoveryTest, WhileItsOwnerLivesItMakesADeletedConsumerAgainItself) {
  const auto another = Connect();
  ConsumerRecorder owner, standby;
  const auto owned = Open(*direct_, owner);
  owner.AckFor(*owned);
  PublishMany(*direct_, 500);
  ASSERT_TRUE(owner.Reach(500));
  const auto waiting = Open(*another, standby);
  DeleteConsumer("billing");
  PublishMany(*direct_, 3, 501);
  ASSERT_TRUE(owner.Reach(503));
  EXPECT_EQ(owner.Sequences(), Range(1, 503));
  EXPECT_EQ(standby.Sequences(), Sequences());
}

TEST_F(JetStreamRecoveryTest, WhatAnOwnerFinishedIsNotSentToItsSuccessor) {
  constexpr std::size_t kConsumers = 16;
  constexpr std::uint64_t kEvents = 500;
  PublishMany(*direct_, static_cast<int>(kEvents));
  std::vector<ConsumerRecorder> owners(kConsumers), successors(kConsumers);
  std::vector<std::unique_ptr<Consumer>> consumers;
  const auto open = [&](std::size_t i, ConsumerRecorder& recorder) {
    auto spec = SpecFor(ConsumerKind::kExclusive, absl::StrCat("billing-", i), 1000);
    auto consumer = direct_->OpenConsumer(spec, recorder.Events());
    ASSERT_THAT(consumer, IsOk());
    consumers.push_back(*std::move(consumer));
  };
  for (std::size_t i = 0; i < kConsumers; ++i) open(i, owners[i]);
  for (ConsumerRecorder& owner : owners) ASSERT_TRUE(owner.Reach(kEvents));
  std::vector<std::thread> handlers;
  for (std::size_t i = 0; i < kConsumers; ++i) {
    handlers.emplace_back([&, i] {
      owners[i].AckFor(*consumers[i]);
      consumers[i]->Stop();
    });
  }
  for (std::thread& handler : handlers) handler.join();
  consumers.clear();
  for (std::size_t i = 0; i < kConsumers; ++i) open(i, successors[i]);
  PublishMany(*direct_, 1, static_cast<int>(kEvents) + 1);
  for (std::size_t i = 0; i < kConsumers; ++i) {
    ASSERT_TRUE(successors[i].Reach(1));
    EXPECT_EQ(successors[i].Sequences(), Sequences{kEvents + 1}) << i;
  }
}

TEST_F(JetStreamRecoveryTest, WhatAnOwnerFinishedWithoutAConnectionIsToldWhenItHasOneAgain) {
  auto proxy = TcpProxy::Start(server().port());
  ASSERT_THAT(proxy, IsOk());
  const auto through_proxy = Connect({.url = (*proxy)->url(), .client_id = "contract"});
  ConsumerRecorder first;
  const auto owned = Open(*through_proxy, first);
  PublishMany(*direct_, 10);
  ASSERT_TRUE(first.Reach(10));

  (*proxy)->ServerIsAt(0);
  ASSERT_GE((*proxy)->Cut(), 1U);
  ASSERT_TRUE(Eventually([&] { return !through_proxy->connected(); }, seconds(5)));
  for (std::size_t i = 0; i < 10; ++i) first.Acknowledge(*owned, i, AckType::kAck).IgnoreError();
  EXPECT_TRUE(absl::StrContains(Look(), "\"num_ack_pending\":10"));
  (*proxy)->ServerIsAt(server().port());
  EXPECT_TRUE(Says("\"num_ack_pending\":0"));
}

TEST_F(JetStreamRecoveryTest, AcknowledgementsThatAServerLostAreSentAgain) {
  auto relay = ProtocolRelay::Start({.server_port = server().port()});
  ASSERT_THAT(relay, IsOk());
  const auto transport = Connect({.url = (*relay)->url(), .client_id = "contract"});
  // Whoever answers to these, answers to nobody.
  (*relay)->Rewrite([](const std::string& frame) {
    auto message = ReadMessageFrame(frame);
    if (!message || !message->reply.starts_with("$JS.ACK.ORDERS.billing.")) return frame;
    message->reply = absl::StrReplaceAll(message->reply, {{"billing", "nobody"}});
    return WriteMessageFrame(*message);
  });
  ConsumerRecorder recorder;
  const auto consumer = Open(*transport, recorder, /*max_in_flight=*/8);
  PublishMany(*direct_, 16);
  ASSERT_TRUE(recorder.Reach(8));
  for (std::size_t i = 0; i < 8; ++i) ASSERT_THAT(recorder.Acknowledge(*consumer, i, AckType::kAck), IsOk());
  (*relay)->Rewrite({});
  ASSERT_TRUE(recorder.Reach(16)) << "the window is full of what was acknowledged";
  EXPECT_EQ(recorder.Sequences(), Range(1, 16));
}

TEST_F(JetStreamRecoveryTest, AMessageThatWasDeletedWhileItWasPendingHoldsNothingUp) {
  ConsumerRecorder first, second;
  auto consumer = Open(*direct_, first);
  PublishMany(*direct_, 5);
  ASSERT_TRUE(first.Reach(5));
  consumer->Stop();
  EXPECT_TRUE(absl::StrContains(Api("STREAM.MSG.DELETE.ORDERS", R"({"seq":3})"), "\"success\":true"));
  consumer = Open(*direct_, second);
  ASSERT_TRUE(second.Reach(4)) << "nothing new comes";
  EXPECT_EQ(second.Sequences(), (Sequences{1, 2, 4, 5}));
}

// A server that was killed can count a message as pending that its stream does not have.
TEST_F(JetStreamRecoveryTest, AServerThatCountsOnePendingTooManyHoldsNothingUp) {
  auto relay = ProtocolRelay::Start({.server_port = server().port()});
  ASSERT_THAT(relay, IsOk());
  ConsumerRecorder first, second;
  auto consumer = Open(*direct_, first);
  PublishMany(*direct_, 5);
  ASSERT_TRUE(first.Reach(5));
  consumer->Stop();
  const auto transport = Connect({.url = (*relay)->url(), .client_id = "contract"});
  (*relay)->Rewrite([](const std::string& frame) {
    auto message = ReadMessageFrame(frame);
    if (!message || !absl::StrContains(message->body, "\"num_ack_pending\":5")) return frame;
    message->body = absl::StrReplaceAll(message->body, {{"\"num_ack_pending\":5", "\"num_ack_pending\":6"}});
    return WriteMessageFrame(*message);
  });
  const auto successor = Open(*transport, second);
  ASSERT_TRUE(second.Reach(5));
  EXPECT_EQ(second.Sequences(), Range(1, 5));
}

}  // namespace
}  // namespace penstock::eventbus::contract
