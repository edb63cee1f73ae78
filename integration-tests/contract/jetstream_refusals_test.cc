// SPDX-License-Identifier: Apache-2.0
// What an operator takes from us and gives back, and a server that is slow: no subscription ends of it.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <semaphore>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "contract/jetstream_fixture.h"
#include "support/relay/message_frame.h"
#include "support/relay/protocol_relay.h"

namespace penstock::eventbus::contract {
namespace {

using enum ConsumerKind;
using penstock::testing::IsOkAndHolds;
using penstock::testing::ProtocolRelay;
using ::testing::HasSubstr;

// One account, which everybody is in.
std::string Account(const std::string& jetstream, const std::string& permissions = "") {
  return absl::StrCat("accounts: { A: { jetstream: ", jetstream, ", users: [ { user: a, password: a", permissions,
                      " } ] }, S: { users: [ { user: s, password: s } ] } }\nsystem_account: S\nno_auth_user: a\n");
}

class JetStreamRefusalsTest : public JetStreamFixture {
 protected:
  void SetUp() override {
    Launch({.config = Account("enabled")});
    transport_ = Connect();
    ASSERT_THAT(transport_->EnsureStream(Stream()), IsOk());
  }

  std::unique_ptr<Consumer> Open(ConsumerRecorder& recorder, ConsumerKind kind) {
    ConsumerEvents events = recorder.Events();
    events.on_closed = [](const absl::Status& why) { ADD_FAILURE() << why; };
    auto consumer = transport_->OpenConsumer(SpecFor(kind, "billing"), std::move(events));
    EXPECT_THAT(consumer, IsOk());
    return consumer.ok() ? *std::move(consumer) : nullptr;
  }

  // Until the consumer has noticed, and some tries longer.
  static void AwaitLoss(const Consumer& consumer) {
    ASSERT_TRUE(Eventually([&] { return !consumer.Stats().active; }, seconds(15)));
    EXPECT_FALSE(Eventually([&] { return consumer.Stats().active; }, seconds(3)));
  }

  // The bodies in the order in which they came first. (2.15.1 can forget the last acknowledgements when JetStream is
  // taken from it, and then sends those messages again.)
  static std::vector<std::string> FirstTimes(const ConsumerRecorder& recorder) {
    std::set<std::string> seen;
    std::vector<std::string> first;
    for (const std::string& body : recorder.Bodies()) {
      if (seen.insert(body).second) first.push_back(body);
    }
    return first;
  }
  static void ExpectAll(const ConsumerRecorder& recorder, int count) {
    EXPECT_TRUE(
        Eventually([&] { return FirstTimes(recorder).size() >= static_cast<std::size_t>(count); }, seconds(15)));
    EXPECT_EQ(FirstTimes(recorder), Numbers(count));
  }

  std::unique_ptr<Transport> transport_;
};

TEST_F(JetStreamRefusalsTest, ASubscriptionGoesOnWhenJetStreamIsGivenBackToTheAccount) {
  ConsumerRecorder recorder;
  const auto consumer = Open(recorder, kExclusive);
  recorder.AckFor(*consumer);
  PublishMany(*transport_, 50);
  ASSERT_TRUE(recorder.Reach(50));
  ASSERT_THAT(server().Reload(Account("disabled")), IsOk());
  auto sent = Send(*transport_, 10, 51);
  AwaitLoss(*consumer);
  ASSERT_THAT(server().Reload(Account("enabled")), IsOk());
  AwaitStored(sent);
  PublishMany(*transport_, 10, 61);
  EXPECT_TRUE(Eventually([&] { return consumer->Stats().active; }, seconds(15)));
  ExpectAll(recorder, 70);
}

TEST_F(JetStreamRefusalsTest, ASharedSubscriptionGoesOnLikewise) {
  ConsumerRecorder recorder;
  const auto consumer = Open(recorder, kShared);
  recorder.AckFor(*consumer);
  PublishMany(*transport_, 50);
  ASSERT_TRUE(recorder.Reach(50));
  ASSERT_THAT(server().Reload(Account("disabled")), IsOk());
  auto sent = Send(*transport_, 10, 51);
  AwaitLoss(*consumer);
  ASSERT_THAT(server().Reload(Account("enabled")), IsOk());
  AwaitStored(sent);
  ExpectAll(recorder, 60);
}

TEST_F(JetStreamRefusalsTest, ASubscriptionGoesOnWhenItMayAskForItsConsumerAgain) {
  ConsumerRecorder recorder;
  const auto consumer = Open(recorder, kExclusive);
  recorder.AckFor(*consumer);
  PublishMany(*transport_, 50);
  ASSERT_TRUE(recorder.Reach(50));
  const std::string denied = R"(, permissions: { publish: { deny: ["$JS.API.CONSUMER.>"] } })";
  server().Stop();
  server().set_config(Account("enabled", denied));
  ASSERT_THAT(server().Start(), IsOk());
  AwaitLoss(*consumer);
  ASSERT_THAT(server().Reload(Account("enabled")), IsOk());
  PublishMany(*transport_, 10, 51);
  EXPECT_TRUE(Eventually([&] { return consumer->Stats().active; }, seconds(15)));
  ExpectAll(recorder, 60);
}

TEST_F(JetStreamRefusalsTest, AFirstSubscriptionIsToldOfTheRefusalAtOnce) {
  ASSERT_THAT(server().Reload(Account("disabled")), IsOk());
  ConsumerEvents events;
  const auto began = std::chrono::steady_clock::now();
  const auto consumer = transport_->OpenConsumer(SpecFor(kExclusive, "billing"), std::move(events));
  EXPECT_THAT(consumer, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("enable JetStream")));
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(2));
}

// Stops the server and lets it run in turns.
class SlowServer {
 public:
  SlowServer(NatsServer& server, milliseconds stopped, milliseconds running) {
    server.Pause();
    turns_ = std::jthread([this, &server, stopped, running](const std::stop_token& stop) {
      std::unique_lock lock(mutex_);
      while (true) {
        const bool over = turn_.wait_for(lock, stop, stopped, [&] { return stop.stop_requested(); });
        server.Resume();
        if (over || turn_.wait_for(lock, stop, running, [&] { return stop.stop_requested(); })) return;
        server.Pause();
      }
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any turn_;
  std::jthread turns_;
};

TEST_F(JetStreamRefusalsTest, AFirstSubscriptionWaitsForAServerThatStandsStill) {
  PublishMany(*transport_, 10);
  ConsumerRecorder recorder;
  const SlowServer slow(server(), milliseconds(6500), seconds(60));
  const auto consumer = Open(recorder, kExclusive);
  ASSERT_TRUE(recorder.Reach(10));
}

// Every answer takes longer than the first attempt of a request waits for it.
TEST_F(JetStreamRefusalsTest, AFirstSubscriptionBeginsAtAServerThatIsSlowAllTheTime) {
  PublishMany(*transport_, 10);
  std::binary_semaphore over(0);
  const auto relay = ProtocolRelay::Start({.server_port = server().port()});
  ASSERT_THAT(relay, IsOk());
  const auto transport = Connect({.url = (*relay)->url(), .client_id = "contract"});
  (*relay)->Rewrite([&over](std::string frame) {
    if (absl::StrContains(frame, "io.nats.jetstream.api") && over.try_acquire_for(milliseconds(1300))) over.release();
    return frame;
  });
  ConsumerRecorder recorder;
  const auto consumer = transport->OpenConsumer(SpecFor(kExclusive, "billing"), recorder.Events());
  EXPECT_THAT(consumer, IsOk());
  EXPECT_TRUE(recorder.Reach(10));
  over.release();
}

// The message that a process was to handle again would be acknowledged, and lost.
TEST_F(JetStreamRefusalsTest, WhatTheLeaderOfAStreamLacksIsNotGone) {
  PublishMany(*transport_, 5);
  const auto relay = ProtocolRelay::Start({.server_port = server().port()});
  ASSERT_THAT(relay, IsOk());
  const auto transport = Connect({.url = (*relay)->url(), .client_id = "contract"});
  std::atomic<int> lacks = 0;
  std::atomic<bool> lags = false;
  (*relay)->Rewrite([&](const std::string& frame) {
    std::optional<penstock::testing::MessageFrame> message = penstock::testing::ReadMessageFrame(frame);
    if (!message) return frame;
    if (absl::StrContains(message->body, "stream_msg_get_response") && lacks > 0) {
      --lacks;
      message->body = R"({"type":"io.nats.jetstream.api.v1.stream_msg_get_response",)"
                      R"("error":{"code":404,"err_code":10037,"description":"no message found"}})";
    }
    if (lags) message->body = absl::StrReplaceAll(message->body, {{R"("last_seq":5)", R"("last_seq":3)"}});
    return penstock::testing::WriteMessageFrame(*message);
  });
  EXPECT_THAT(transport->HasMessage("ORDERS", 4), IsOkAndHolds(true));
  lacks = 1;
  EXPECT_THAT(transport->HasMessage("ORDERS", 4), IsOkAndHolds(true)) << "the next leader has it";
  lacks = 9;
  lags = true;
  EXPECT_THAT(transport->HasMessage("ORDERS", 4), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("up to 3")));
  lags = false;
  EXPECT_THAT(transport->HasMessage("ORDERS", 4), IsOkAndHolds(false));
}

TEST_F(JetStreamRefusalsTest, AFirstSubscriptionThatGetsNoAnswerSaysWhatItAskedForAndForHowLong) {
  const auto relay = ProtocolRelay::Start({.server_port = server().port()});
  ASSERT_THAT(relay, IsOk());
  (*relay)->Rewrite([](const std::string& frame) {
    return absl::StrContains(frame, "consumer_info_response") ? std::string() : frame;
  });
  const auto transport = Connect({.url = (*relay)->url(), .client_id = "contract"});
  const auto began = std::chrono::steady_clock::now();
  const auto consumer = transport->OpenConsumer(SpecFor(kExclusive, "billing"), ConsumerEvents{});
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_THAT(consumer, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("CONSUMER.INFO.ORDERS.billing")));
  EXPECT_THAT(consumer, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("; tried for ")));
  EXPECT_GT(took, seconds(8));
  EXPECT_LT(took, seconds(20));
}

}  // namespace
}  // namespace penstock::eventbus::contract
