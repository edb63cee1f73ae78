// SPDX-License-Identifier: Apache-2.0
#include "memory/memory_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "penstock/actorpool/internal/mutex.h"
#include "transport/connect.h"

namespace penstock::eventbus::memory {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

using Messages = std::vector<std::unique_ptr<StoredMessage>>;

// Keeps what a consumer was given, and lets a test wait for it.
class Arrivals {
 public:
  ConsumerEvents Events() {
    return {.on_messages = [this](Messages messages) { Add(std::move(messages)); },
            .on_stream_recreated = {},
            .on_closed = {}};
  }

  bool Reach(std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(10);
    MutexLock lock(mutex_);
    while (messages_.size() < count) {
      if (!changed_.WaitUntil(lock, deadline)) return messages_.size() >= count;
    }
    return true;
  }

  const StoredMessage& At(std::size_t index) {
    MutexLock lock(mutex_);
    return *messages_.at(index);
  }

  std::vector<std::uint64_t> Sequences() {
    MutexLock lock(mutex_);
    std::vector<std::uint64_t> sequences;
    for (const auto& message : messages_) sequences.push_back(message->stream_sequence());
    return sequences;
  }

 private:
  void Add(Messages messages) {
    MutexLock lock(mutex_);
    for (auto& message : messages) messages_.push_back(std::move(message));
    changed_.NotifyAll();
  }

  Mutex mutex_;
  CondVar changed_;
  Messages messages_ ABSL_GUARDED_BY(mutex_);
};

StreamSpec Orders() { return {.name = "ORDERS", .subjects = {"orders"}}; }

ConsumerSpec SpecFor(ConsumerKind kind, std::string consumer) {
  return {.stream = "ORDERS",
          .consumer = std::move(consumer),
          .filter_subject = "orders",
          .kind = kind,
          .ack_wait = seconds(30),
          .max_in_flight = 100};
}

absl::StatusOr<PubAck> Publish(Transport& transport, std::string body, std::string id = "",
                               std::string subject = "orders") {
  absl::StatusOr<PubAck> result = absl::UnknownError("not told");
  absl::Status sent = transport.Publish(
      {.subject = std::move(subject), .body = std::move(body), .message_id = std::move(id), .headers = {{"A", "b"}}},
      [&result](absl::StatusOr<PubAck> ack) { result = std::move(ack); });
  if (!sent.ok()) return sent;
  return result;
}

std::unique_ptr<Transport> Connect(const std::string& url = "memory://") {
  return *ConnectMemory({.url = url, .client_id = "test"});
}

class MemoryTransportTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(transport_->EnsureStream(Orders()).ok()); }

  std::unique_ptr<Consumer> Open(Arrivals& arrivals, const ConsumerSpec& spec) {
    auto consumer = transport_->OpenConsumer(spec, arrivals.Events());
    EXPECT_TRUE(consumer.ok()) << consumer.status();
    return consumer.ok() ? *std::move(consumer) : nullptr;
  }

  absl::Status OpenError(const ConsumerSpec& spec) {
    return transport_->OpenConsumer(spec, arrivals_.Events()).status();
  }

  std::unique_ptr<Transport> transport_ = Connect();
  Arrivals arrivals_;
};

TEST_F(MemoryTransportTest, EverySubscriberPointsAtTheSamePayload) {
  Arrivals others;
  const auto first = Open(arrivals_, SpecFor(ConsumerKind::kAtMostOnce, ""));
  const auto second = Open(others, SpecFor(ConsumerKind::kExclusive, "billing"));
  ASSERT_TRUE(Publish(*transport_, std::string(1000, 'x')).ok());
  ASSERT_TRUE(arrivals_.Reach(1));
  ASSERT_TRUE(others.Reach(1));
  EXPECT_EQ(arrivals_.At(0).payload().data(), others.At(0).payload().data());
}

TEST_F(MemoryTransportTest, AMessageOutlivesItsTransport) {
  const auto consumer = Open(arrivals_, SpecFor(ConsumerKind::kExclusive, "billing"));
  ASSERT_TRUE(Publish(*transport_, "still here", "id-1").ok());
  ASSERT_TRUE(arrivals_.Reach(1));
  consumer->Stop();
  transport_->Close();
  EXPECT_EQ(arrivals_.At(0).payload(), "still here");
  EXPECT_EQ(arrivals_.At(0).Header("nats-MSG-id"), "id-1");
  EXPECT_EQ(arrivals_.At(0).Header("a"), "b");
  EXPECT_EQ(arrivals_.At(0).Header("absent"), std::nullopt);
  EXPECT_THAT(arrivals_.At(0).AllHeaders(), testing::SizeIs(2));
}

TEST_F(MemoryTransportTest, SpreadsWhatIsThereEvenlyOverTheFeedsThatHaveCredit) {
  std::promise<void> entered;
  std::promise<void> opened;
  const ConsumerEvents gate{.on_messages =
                                [&](const Messages&) {
                                  entered.set_value();
                                  opened.get_future().wait();
                                },
                            .on_stream_recreated = {},
                            .on_closed = {}};
  ASSERT_TRUE(transport_->EnsureStream({.name = "GATE", .subjects = {"gate"}}).ok());
  const auto gate_feed = transport_->OpenConsumer({.stream = "GATE", .kind = ConsumerKind::kAtMostOnce}, gate);
  ASSERT_TRUE(Publish(*transport_, "close", "", "gate").ok());
  entered.get_future().wait();
  Arrivals others;
  const auto first = Open(arrivals_, SpecFor(ConsumerKind::kShared, "billing"));
  const auto second = Open(others, SpecFor(ConsumerKind::kShared, "billing"));
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(Publish(*transport_, "body").ok());
  opened.set_value();
  EXPECT_TRUE(arrivals_.Reach(20));
  EXPECT_TRUE(others.Reach(20));
}

TEST_F(MemoryTransportTest, ConsumersTakeTurnsAlsoWhenMessagesTrickle) {
  Arrivals others;
  const auto first = Open(arrivals_, SpecFor(ConsumerKind::kShared, "billing"));
  const auto second = Open(others, SpecFor(ConsumerKind::kShared, "billing"));
  Arrivals observed;
  const auto observer = Open(observed, SpecFor(ConsumerKind::kAtMostOnce, ""));
  for (std::size_t i = 1; i <= 10; ++i) {
    ASSERT_TRUE(Publish(*transport_, "body").ok());
    ASSERT_TRUE(observed.Reach(i));
  }
  EXPECT_TRUE(arrivals_.Reach(5));
  EXPECT_TRUE(others.Reach(5));
}

TEST_F(MemoryTransportTest, ForgetsOldMessagesAlthoughNobodyPublishes) {
  const StreamSpec spec{.name = "NOTICES", .subjects = {"notices"}, .max_age = seconds(1)};
  ASSERT_TRUE(transport_->EnsureStream(spec).ok());
  ASSERT_TRUE(Publish(*transport_, "old", "", "notices").ok());
  ASSERT_TRUE(Publish(*transport_, "marker").ok());
  Arrivals markers;
  const auto consumer =
      Open(arrivals_, {.stream = "NOTICES", .consumer = "late", .filter_subject = "", .ack_wait = milliseconds(1300)});
  ConsumerSpec later = SpecFor(ConsumerKind::kExclusive, "late");
  later.ack_wait = milliseconds(1500);
  const auto marking = Open(markers, later);
  ASSERT_TRUE(arrivals_.Reach(1) && markers.Reach(1));
  ASSERT_TRUE(markers.Reach(2));
  EXPECT_THAT(arrivals_.Sequences(), ElementsAre(1));
}

TEST_F(MemoryTransportTest, BusesThatNameABrokerShareIt) {
  const auto one = Connect("memory://shared-1");
  const auto two = Connect("memory://shared-1");
  const auto stranger = Connect("memory://shared-2");
  EXPECT_TRUE(one->EnsureStream(Orders())->created);
  EXPECT_FALSE(two->EnsureStream(Orders())->created);
  EXPECT_TRUE(stranger->EnsureStream(Orders())->created);
  EXPECT_TRUE(Connect()->EnsureStream(Orders())->created);
}

TEST_F(MemoryTransportTest, ABrokerEndsWhenItsLastUserCloses) {
  auto one = Connect("memory://ending");
  const auto two = Connect("memory://ending");
  ASSERT_TRUE(one->EnsureStream(Orders())->created);
  one->Close();
  EXPECT_FALSE(Connect("memory://ending")->EnsureStream(Orders())->created);
  two->Close();
  EXPECT_TRUE(Connect("memory://ending")->EnsureStream(Orders())->created);
}

TEST_F(MemoryTransportTest, AnExclusiveDurableGoesToTheNextWhenItsOwnersTransportCloses) {
  const auto one = Connect("memory://takeover");
  const auto two = Connect("memory://takeover");
  ASSERT_TRUE(one->EnsureStream(Orders()).ok());
  Arrivals standby;
  const auto owner = one->OpenConsumer(SpecFor(ConsumerKind::kExclusive, "billing"), arrivals_.Events());
  const auto next = two->OpenConsumer(SpecFor(ConsumerKind::kExclusive, "billing"), standby.Events());
  ASSERT_TRUE(owner.ok() && next.ok());
  ASSERT_TRUE(Publish(*two, "body").ok());
  ASSERT_TRUE(arrivals_.Reach(1));
  EXPECT_FALSE((*next)->Stats().active);
  one->Close();
  ASSERT_TRUE(standby.Reach(1));
  EXPECT_EQ(standby.At(0).delivery_count(), 2U);
  EXPECT_TRUE((*next)->Stats().active);
  EXPECT_FALSE((*owner)->Stats().active);
}

TEST_F(MemoryTransportTest, CallsAfterCloseFailWithATypedError) {
  const auto consumer = Open(arrivals_, SpecFor(ConsumerKind::kExclusive, "billing"));
  ASSERT_TRUE(Publish(*transport_, "body").ok());
  ASSERT_TRUE(arrivals_.Reach(1));
  EXPECT_TRUE(transport_->connected());
  transport_->Close();
  transport_->Close();
  EXPECT_FALSE(transport_->connected());
  EXPECT_FALSE(transport_->Stats().connected);
  EXPECT_EQ(Publish(*transport_, "body").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(transport_->EnsureStream(Orders()).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenError(SpecFor(ConsumerKind::kAtMostOnce, "")).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(transport_->Flush(seconds(1)).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(consumer->Acknowledge(arrivals_.At(0), AckType::kAck).code(), absl::StatusCode::kUnavailable);
  consumer->AddCredit(1);
  consumer->Stop();
}

TEST_F(MemoryTransportTest, MayBeClosedByACallback) {
  Arrivals arrivals;
  const ConsumerEvents events{.on_messages =
                                  [&](Messages messages) {
                                    transport_->Close();
                                    arrivals.Events().on_messages(std::move(messages));
                                  },
                              .on_stream_recreated = {},
                              .on_closed = {}};
  const auto consumer = transport_->OpenConsumer(SpecFor(ConsumerKind::kAtMostOnce, ""), events);
  ASSERT_TRUE(consumer.ok());
  ASSERT_TRUE(Publish(*transport_, "body").ok());
  EXPECT_TRUE(arrivals.Reach(1));
}

TEST_F(MemoryTransportTest, WhatTheCallbacksCapturedIsGoneWhenStopReturns) {
  auto captured = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = captured;
  const auto consumer = transport_->OpenConsumer(SpecFor(ConsumerKind::kAtMostOnce, ""),
                                                 {.on_messages = [captured = std::move(captured)](const Messages&) {},
                                                  .on_stream_recreated = {},
                                                  .on_closed = {}});
  ASSERT_TRUE(consumer.ok());
  ASSERT_TRUE(Publish(*transport_, "body").ok());
  (*consumer)->Stop();
  EXPECT_TRUE(watch.expired());
}

TEST_F(MemoryTransportTest, ADurableCannotChangeItsKindOrItsFilter) {
  const auto consumer = Open(arrivals_, SpecFor(ConsumerKind::kExclusive, "billing"));
  const absl::Status kind = OpenError(SpecFor(ConsumerKind::kShared, "billing"));
  EXPECT_EQ(kind.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(kind.message()), testing::AllOf(HasSubstr("exclusive"), HasSubstr("shared")));
  ConsumerSpec spec = SpecFor(ConsumerKind::kExclusive, "billing");
  spec.filter_subject = "other";
  const absl::Status filter = OpenError(spec);
  EXPECT_EQ(filter.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(filter.message()), testing::AllOf(HasSubstr("orders"), HasSubstr("other")));
}

TEST_F(MemoryTransportTest, RefusesFeedsThatCannotWork) {
  ConsumerSpec spec = SpecFor(ConsumerKind::kExclusive, "billing");
  EXPECT_EQ(transport_->OpenConsumer(spec, {}).status().code(), absl::StatusCode::kInvalidArgument);
  spec.stream = "NOWHERE";
  EXPECT_EQ(OpenError(spec).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(OpenError(SpecFor(ConsumerKind::kShared, "")).code(), absl::StatusCode::kInvalidArgument);
  spec = SpecFor(ConsumerKind::kShared, "billing");
  spec.max_in_flight = 0;
  EXPECT_EQ(OpenError(spec).code(), absl::StatusCode::kInvalidArgument);
  spec = SpecFor(ConsumerKind::kShared, "billing");
  spec.ack_wait = milliseconds(0);
  EXPECT_EQ(OpenError(spec).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(MemoryTransportTest, AtMostOnceMessagesAreNotAnswered) {
  const auto consumer = Open(arrivals_, SpecFor(ConsumerKind::kAtMostOnce, ""));
  ASSERT_TRUE(Publish(*transport_, "body").ok());
  ASSERT_TRUE(arrivals_.Reach(1));
  EXPECT_EQ(consumer->Acknowledge(arrivals_.At(0), AckType::kAck).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MemoryTransportTest, RefusesStreamsWithoutNameOrSubject) {
  EXPECT_EQ(transport_->EnsureStream({.name = "", .subjects = {"a"}}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(transport_->EnsureStream({.name = "EMPTY"}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(MemoryTransportTest, AStreamMayListenOnAPattern) {
  ASSERT_TRUE(transport_->EnsureStream({.name = "CHAT", .subjects = {"chat.>"}}).ok());
  EXPECT_EQ(Publish(*transport_, "hello", "", "chat.room.one")->stream, "CHAT");
  EXPECT_EQ(transport_->EnsureStream({.name = "ROOM", .subjects = {"chat.room"}}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(MemoryTransportTest, AFullStreamThatDiscardsNewTellsThePublisher) {
  StreamSpec spec{.name = "SMALL", .subjects = {"small"}, .discard = Discard::kNew, .max_bytes = 500};
  ASSERT_TRUE(transport_->EnsureStream(spec).ok());
  ASSERT_TRUE(Publish(*transport_, std::string(400, 'x'), "", "small").ok());
  EXPECT_EQ(Publish(*transport_, std::string(400, 'x'), "", "small").status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace penstock::eventbus::memory
