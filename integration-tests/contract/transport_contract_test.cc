// SPDX-License-Identifier: Apache-2.0
#include "contract/transport_contract.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

// Streams, publishing, closing.
namespace penstock::eventbus::contract {
namespace {

using penstock::testing::IsOk;
using penstock::testing::StatusIs;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Keeps results of publishes, and lets a test wait for them. A publish may be told its result after a test that failed
// has ended.
class Results {
 public:
  PublishDone Done() {
    return [told = told_](absl::StatusOr<PubAck> ack) {
      MutexLock lock(told->mutex);
      told->acks.push_back(std::move(ack));
      told->changed.NotifyAll();
    };
  }

  bool Reach(std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + ConsumerRecorder::kPatience;
    MutexLock lock(told_->mutex);
    while (told_->acks.size() < count) {
      if (!told_->changed.WaitUntil(lock, deadline)) return told_->acks.size() >= count;
    }
    return true;
  }

  std::vector<absl::StatusOr<PubAck>> acks() const {
    MutexLock lock(told_->mutex);
    return told_->acks;
  }

 private:
  struct Told {
    Mutex mutex;
    CondVar changed;
    std::vector<absl::StatusOr<PubAck>> acks ABSL_GUARDED_BY(mutex);
  };
  const std::shared_ptr<Told> told_ = std::make_shared<Told>();
};

class TransportContractTest : public TransportContract {
 protected:
  OutboundMessage Message(std::string body) {
    return {.subject = "orders", .body = std::move(body), .message_id = NewId(), .headers = {}};
  }
};

PENSTOCK_TRANSPORT_CONTRACT(TransportContractTest);

TEST_P(TransportContractTest, IsConnectedUntilItIsClosed) {
  EXPECT_TRUE(GetParam().starts_with(transport().name())) << GetParam();
  EXPECT_TRUE(transport().connected());
  EXPECT_TRUE(transport().Stats().connected);
  EXPECT_EQ(transport().generation(), 1U);
  transport().Close();
  transport().Close();
  EXPECT_FALSE(transport().connected());
  EXPECT_FALSE(transport().Stats().connected);
}

TEST_P(TransportContractTest, MakesAStreamOnceAndThenReportsIt) {
  const StreamSpec spec{.name = "NOTICES", .subjects = {"notices", "news"}, .storage = Storage::kMemory};
  const auto made = transport().EnsureStream(spec);
  ASSERT_THAT(made, IsOk());
  EXPECT_TRUE(made->created);
  EXPECT_EQ(made->storage, Storage::kMemory);
  EXPECT_THAT(made->subjects, ElementsAre("notices", "news"));
  const auto found = transport().EnsureStream(spec);
  ASSERT_THAT(found, IsOk());
  EXPECT_FALSE(found->created);
}

TEST_P(TransportContractTest, ReportsAStreamAsItIsAndLeavesItAlone) {
  StreamSpec spec = Orders();
  spec.storage = Storage::kMemory;
  spec.subjects = {"orders", "others"};
  const auto found = transport().EnsureStream(spec);
  ASSERT_THAT(found, IsOk());
  EXPECT_FALSE(found->created);
  EXPECT_EQ(found->storage, Storage::kFile);
  EXPECT_THAT(found->subjects, ElementsAre("orders"));
}

TEST_P(TransportContractTest, RefusesAStreamWhoseSubjectAnotherHas) {
  const auto refused = transport().EnsureStream({.name = "THIEF", .subjects = {"orders"}});
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("orders")));
}

TEST_P(TransportContractTest, OnlyOneOfManyMakesAStream) {
  const StreamSpec spec{.name = "RACE", .subjects = {"race"}};
  std::atomic<int> created = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const auto facts = transport().EnsureStream(spec);
        EXPECT_THAT(facts, IsOk());
        if (facts.ok() && facts->created) created.fetch_add(1);
      });
    }
  }
  EXPECT_GE(created.load(), 1);
  EXPECT_FALSE(transport().EnsureStream(spec)->created);
}

TEST_P(TransportContractTest, AcksCarryTheStreamAndAscendingSequences) {
  for (std::uint64_t sequence = 1; sequence <= 5; ++sequence) {
    const auto ack = Publish("body");
    ASSERT_THAT(ack, IsOk());
    EXPECT_EQ(ack->stream, "ORDERS");
    EXPECT_EQ(ack->sequence, sequence);
    EXPECT_FALSE(ack->duplicate);
  }
}

TEST_P(TransportContractTest, StoresPublishesOfAnOrderKeyInTheOrderOfTheCalls) {
  constexpr std::size_t kMessages = 2000;
  constexpr std::uint64_t kKeys = 7;  // 0 among them: those have no order
  std::vector<std::future<absl::StatusOr<PubAck>>> acks;
  for (std::size_t i = 0; i < kMessages; ++i) {
    OutboundMessage message = Message(absl::StrCat(i));
    message.order_key = i % kKeys;
    std::promise<absl::StatusOr<PubAck>> told;
    acks.push_back(told.get_future());
    ASSERT_THAT(transport().Publish(
                    std::move(message),
                    [told = std::move(told)](absl::StatusOr<PubAck> ack) mutable { told.set_value(std::move(ack)); }),
                IsOk());
  }
  std::map<std::uint64_t, std::uint64_t> last;  // sequence, by key
  for (std::size_t i = 0; i < kMessages; ++i) {
    ASSERT_EQ(acks[i].wait_for(ConsumerRecorder::kPatience), std::future_status::ready);
    const auto ack = acks[i].get();
    ASSERT_THAT(ack, IsOk());
    if (i % kKeys != 0) {
      EXPECT_GT(ack->sequence, last[i % kKeys]) << i;
    }
    last[i % kKeys] = ack->sequence;
  }
  EXPECT_EQ(transport().Stats().publishes_pending, 0U);
  EXPECT_EQ(transport().Stats().publish_retries, 0U);
}

TEST_P(TransportContractTest, StoresAMessageIdOnce) {
  const OutboundMessage message{.subject = "orders", .body = "body", .message_id = "same", .headers = {}};
  const auto first = Publish(transport(), message);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(Publish("another"), IsOk());
  const auto second = Publish(transport(), message);
  ASSERT_THAT(second, IsOk());
  EXPECT_TRUE(second->duplicate);
  EXPECT_EQ(second->sequence, first->sequence);
  EXPECT_EQ(Publish("next")->sequence, 3U);
}

TEST_P(TransportContractTest, DeliversSubjectBodyHeadersAndTimeAsPublished) {
  const std::string body("a\0\r\n\xff", 5);
  const Headers headers{{"Colour", "red"}, {"Colour", "blue"}, {"Empty", ""}};
  const auto before = std::chrono::system_clock::now();
  ASSERT_THAT(Publish(transport(), {.subject = "orders", .body = body, .message_id = "id-x", .headers = headers}),
              IsOk());
  ConsumerRecorder recorder;
  const auto check = [&](const StoredMessage& message) {
    EXPECT_EQ(message.subject(), "orders");
    EXPECT_EQ(message.payload(), body);
    EXPECT_EQ(message.Header("colour"), "red");
    EXPECT_EQ(message.Header("empty"), "");
    EXPECT_EQ(message.Header("Nats-Msg-Id"), "id-x");
    EXPECT_EQ(message.Header("absent"), std::nullopt);
    EXPECT_THAT(message.AllHeaders(),
                ::testing::IsSupersetOf({std::pair<std::string, std::string>("Colour", "red"),
                                         std::pair<std::string, std::string>("Colour", "blue"),
                                         std::pair<std::string, std::string>("Nats-Msg-Id", "id-x")}));
    EXPECT_EQ(message.delivery_count(), 1U);
    EXPECT_EQ(message.pending(), 0U);
    EXPECT_GE(message.stored_at(), before - milliseconds(50));
    EXPECT_LE(message.stored_at(), std::chrono::system_clock::now() + milliseconds(50));
  };
  const auto consumer = Open(transport(), SpecFor(ConsumerKind::kExclusive, "billing"), recorder.Events(check));
  EXPECT_TRUE(recorder.Reach(1));
}

TEST_P(TransportContractTest, TakesThePayloadLimitAndRefusesMore) {
  const std::size_t limit = transport().max_payload_bytes();
  ASSERT_EQ(limit, 1U << 20);
  EXPECT_THAT(Publish(std::string(limit - 200, 'x')), IsOk());
  EXPECT_THAT(Publish(std::string(limit, 'x')), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("orders")));
  EXPECT_THAT(Publish("still connected"), IsOk());
}

TEST_P(TransportContractTest, TellsThatNoStreamListens) {
  const auto connection = Connect(seconds(1));
  const auto result =
      Publish(*connection, {.subject = "nowhere", .body = "body", .message_id = NewId(), .headers = {}});
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kNotFound, HasSubstr("nowhere")));
}

TEST_P(TransportContractTest, TellsThatAStreamIsFull) {
  const StreamSpec spec{.name = "SMALL", .subjects = {"small"}, .discard = Discard::kNew, .max_bytes = 2000};
  ASSERT_THAT(transport().EnsureStream(spec), IsOk());
  ASSERT_THAT(Publish(std::string(1500, 'x'), "small"), IsOk());
  EXPECT_THAT(Publish(std::string(1500, 'x'), "small"), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_P(TransportContractTest, KeepsTheOrderOfOneThreadsPublishes) {
  constexpr int kCount = 1000;
  Results results;
  for (int i = 0; i < kCount; ++i) {
    ASSERT_THAT(transport().Publish(Message(absl::StrCat(i)), results.Done()), IsOk());
  }
  ASSERT_TRUE(results.Reach(kCount));
  for (const auto& ack : results.acks()) EXPECT_THAT(ack, IsOk());
  ConsumerRecorder recorder;
  const auto consumer = Open(SpecFor(ConsumerKind::kExclusive, "billing", 2000), recorder);
  ASSERT_TRUE(recorder.Reach(kCount));
  for (int i = 0; i < kCount; ++i) {
    const Arrival arrival = recorder.At(static_cast<std::size_t>(i));
    ASSERT_EQ(arrival.body, absl::StrCat(i));
    ASSERT_EQ(arrival.sequence, static_cast<std::uint64_t>(i) + 1);
  }
}

TEST_P(TransportContractTest, FlushWaitsForPublishes) {
  Results results;
  for (int i = 0; i < 100; ++i) ASSERT_THAT(transport().Publish(Message("body"), results.Done()), IsOk());
  ASSERT_THAT(transport().Flush(seconds(10)), IsOk());
  EXPECT_EQ(results.acks().size(), 100U);
  EXPECT_EQ(transport().Stats().publishes_pending, 0U);
}

TEST_P(TransportContractTest, CloseTellsEveryOutstandingPublishItsResultOnce) {
  Results results;
  for (int i = 0; i < 500; ++i) ASSERT_THAT(transport().Publish(Message("body"), results.Done()), IsOk());
  transport().Close();
  const auto acks = results.acks();
  EXPECT_EQ(acks.size(), 500U);
  for (const auto& ack : acks) {
    EXPECT_THAT(ack, ::testing::AnyOf(IsOk(), StatusIs(absl::StatusCode::kCancelled)));
  }
}

TEST_P(TransportContractTest, CallsAfterCloseFailWithATypedError) {
  ConsumerRecorder recorder;
  const auto consumer = Open(SpecFor(ConsumerKind::kExclusive, "billing"), recorder);
  ASSERT_THAT(Publish("body"), IsOk());
  ASSERT_TRUE(recorder.Reach(1));
  consumer->Stop();
  transport().Close();
  EXPECT_THAT(Publish("body"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(transport().EnsureStream(Orders()), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(transport().OpenConsumer(SpecFor(ConsumerKind::kShared, "other"), recorder.Events()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(recorder.Answer(*consumer, 0, AckType::kAck), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_P(TransportContractTest, LosesNothingWhileFeedsComeAndGo) {
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  Results results;
  std::vector<std::jthread> publishers;
  for (int thread = 0; thread < kThreads; ++thread) {
    publishers.emplace_back([this, thread, &results] {
      for (int i = 0; i < kEach; ++i) {
        EXPECT_THAT(transport().Publish(Message(absl::StrCat(thread, ":", i)), results.Done()), IsOk());
      }
    });
  }
  std::map<std::uint64_t, std::string> bodies;
  for (std::size_t round = 0; bodies.size() < kThreads * kEach; ++round) {
    ConsumerRecorder recorder;
    const auto consumer = Open(SpecFor(ConsumerKind::kExclusive, "billing"), recorder);
    recorder.AckFor(*consumer);
    const std::size_t missing = kThreads * kEach - bodies.size();
    ASSERT_TRUE(recorder.Reach(round < 5 ? std::min<std::size_t>(missing, 50) : missing));
    consumer->Stop();
    for (const Arrival& arrival : recorder.arrivals()) bodies.emplace(arrival.sequence, arrival.body);
  }
  ASSERT_TRUE(results.Reach(kThreads * kEach));
  std::map<std::string, int> next;
  for (const auto& [sequence, body] : bodies) {
    const std::string thread = body.substr(0, body.find(':'));
    EXPECT_EQ(body, absl::StrCat(thread, ":", next[thread]++)) << "the order of one thread's publishes";
  }
}

}  // namespace
}  // namespace penstock::eventbus::contract
