// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "contract/transport_contract.h"
#include "support/eventually.h"

// Messages apart from their delivery: their stubs, reading and deleting them by sequence.
namespace penstock::eventbus::contract {
namespace {

using penstock::testing::IsOk;
using penstock::testing::StatusIs;
using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr std::string_view kLetters = "LETTERS";

class StoredMessageContractTest : public TransportContract {
 protected:
  void SetUp() override {
    TransportContract::SetUp();
    ASSERT_THAT(transport().EnsureStream({.name = std::string(kLetters), .subjects = {"letters.>"}}), IsOk());
  }

  std::uint64_t Store(std::string subject, std::string body, Headers headers = {}) {
    auto ack = TransportContract::Publish(
        transport(),
        {.subject = std::move(subject), .body = std::move(body), .message_id = NewId(), .headers = std::move(headers)});
    EXPECT_THAT(ack, IsOk());
    return ack.ok() ? ack->sequence : 0;
  }
  absl::StatusOr<std::unique_ptr<StoredMessage>> Read(const std::string& filter, std::uint64_t from) {
    return transport().ReadMessage(std::string(kLetters), filter, from);
  }
  absl::Status Delete(std::uint64_t sequence) { return transport().DeleteMessage(std::string(kLetters), sequence); }
  // Sequences that a reader finds, going from one to the next.
  std::vector<std::uint64_t> Walk(const std::string& filter) {
    std::vector<std::uint64_t> found;
    for (std::uint64_t from = 1;; from = found.back() + 1) {
      auto message = Read(filter, from);
      if (!message.ok()) {
        EXPECT_THAT(message, StatusIs(absl::StatusCode::kNotFound));
        return found;
      }
      found.push_back((*message)->stream_sequence());
    }
  }
};

PENSTOCK_TRANSPORT_CONTRACT(StoredMessageContractTest);

TEST_P(StoredMessageContractTest, MoreSubjectsThanAServerCountsAreReadToTheLast) {
  constexpr int kCount = 100'001;
  std::atomic<int> stored = 0;
  for (int i = 0; i < kCount; ++i) {
    const std::string number = std::to_string(i);
    ASSERT_THAT(transport().Publish({.subject = "letters." + number, .message_id = number},
                                    [&](const absl::StatusOr<PubAck>& ack) { stored += ack.ok() ? 1 : 0; }),
                IsOk());
  }
  ASSERT_TRUE(penstock::testing::Eventually([&] { return stored == kCount; }, std::chrono::seconds(60)));
  int read = 0;
  const HeaderReader reader{.begin = [](std::uint64_t) {}, .message = [&](const StoredMessage&) { return ++read > 0; }};
  EXPECT_THAT(transport().ReadHeaders(std::string(kLetters), "letters.>", 1, reader), IsOk());
  EXPECT_EQ(read, kCount);
}

TEST_P(StoredMessageContractTest, AStubIsTheDeliveryWithoutItsBytesAndCanBeNaked) {
  ASSERT_THAT(
      TransportContract::Publish(
          transport(),
          {.subject = "orders", .body = std::string(1000, 'x'), .message_id = NewId(), .headers = {{"Colour", "red"}}}),
      IsOk());
  Mutex mutex;
  std::unique_ptr<StoredMessage> stub;
  ConsumerRecorder recorder;
  const auto consumer =
      Open(transport(), SpecFor(ConsumerKind::kExclusive, "keeper"), recorder.Events([&](const StoredMessage& message) {
        if (message.delivery_count() > 1) return;
        EXPECT_GT(message.size_bytes(), 1000U + std::string("Colour: red\r\n").size());
        EXPECT_LT(message.size_bytes(), 1200U);
        MutexLock lock(mutex);
        stub = message.Stub();
      }));
  ASSERT_TRUE(recorder.Reach(1));
  {
    MutexLock lock(mutex);
    ASSERT_NE(stub, nullptr);
    EXPECT_EQ(stub->stream_sequence(), 1U);
    EXPECT_EQ(stub->delivery_count(), 1U);
    EXPECT_NE(stub->stored_at(), std::chrono::system_clock::time_point{});
    EXPECT_EQ(stub->size_bytes(), 0U);
    EXPECT_EQ(stub->payload(), "");
    EXPECT_EQ(stub->Header("Colour"), std::nullopt);
    EXPECT_THAT(stub->AllHeaders(), IsEmpty());
    const auto again = stub->Stub();
    EXPECT_THAT(consumer->Acknowledge(*again, AckType::kNak), IsOk());
  }
  ASSERT_TRUE(recorder.Reach(2)) << "the answer through the stub counts";
  EXPECT_EQ(recorder.At(1).sequence, 1U);
  EXPECT_EQ(recorder.At(1).delivery_count, 2U);
  EXPECT_EQ(recorder.At(1).body.size(), 1000U);
}

TEST_P(StoredMessageContractTest, ReadsBodyHeadersAndTimeAsTheyWereStored) {
  const std::string body("a\0\xff\r\n", 5);
  const auto before = std::chrono::system_clock::now();
  ASSERT_EQ(Store("letters.orders", body, {{"Colour", "red"}, {"Colour", "blue"}}), 1U);
  const auto message = Read("letters.orders", 0);
  ASSERT_THAT(message, IsOk());
  EXPECT_EQ((*message)->subject(), "letters.orders");
  EXPECT_EQ((*message)->payload(), body);
  EXPECT_EQ((*message)->stream_sequence(), 1U);
  EXPECT_EQ((*message)->Header("colour"), "red");
  EXPECT_THAT((*message)->AllHeaders(), Contains(Pair("Colour", "blue")));
  EXPECT_NE((*message)->Header(header::kMessageId), std::nullopt);
  EXPECT_EQ((*message)->Stub()->stream_sequence(), 1U);
  EXPECT_GT((*message)->size_bytes(), body.size());
  const auto apart = (*message)->stored_at() - before;
  EXPECT_LT(std::chrono::abs(apart), std::chrono::seconds(10));
}

TEST_P(StoredMessageContractTest, ReadsAMessageWithoutABody) {
  ASSERT_EQ(Store("letters.orders", ""), 1U);
  const auto message = Read("letters.>", 1);
  ASSERT_THAT(message, IsOk());
  EXPECT_EQ((*message)->payload(), "");
}

TEST_P(StoredMessageContractTest, ReadsTheNextMessageOfASubject) {
  for (const char* topic : {"a", "b", "a.c", "b"}) Store("letters." + std::string(topic), topic);
  EXPECT_THAT(Walk("letters.b"), ElementsAre(2U, 4U));
  EXPECT_THAT(Walk("letters.>"), ElementsAre(1U, 2U, 3U, 4U));
  EXPECT_THAT(Walk("letters.*"), ElementsAre(1U, 2U, 4U));
  EXPECT_THAT(Walk("letters.none"), IsEmpty());
  EXPECT_THAT(Read("letters.b", std::numeric_limits<std::uint64_t>::max()), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(StoredMessageContractTest, ReadsTheMessageOfASequence) {
  for (const char* topic : {"a", "b", "a"}) Store("letters." + std::string(topic), topic);
  EXPECT_THAT(Delete(2), IsOk());
  const auto message = transport().ReadMessageAt(std::string(kLetters), 3);
  ASSERT_THAT(message, IsOk());
  EXPECT_EQ((*message)->stream_sequence(), 3U);
  EXPECT_EQ((*message)->payload(), "a");
  for (const std::uint64_t none : {0U, 2U, 4U})
    EXPECT_FALSE(transport().ReadMessageAt(std::string(kLetters), none).ok()) << none;
  EXPECT_THAT(transport().ReadMessageAt(std::string(kLetters), 2), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(transport().ReadMessageAt("NOWHERE", 1), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(StoredMessageContractTest, ReadingFromAStreamThatIsNotThereIsNotFound) {
  EXPECT_THAT(transport().ReadMessage("NOWHERE", "letters.a", 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("NOWHERE")));
  EXPECT_THAT(transport().DeleteMessage("NOWHERE", 1), StatusIs(absl::StatusCode::kNotFound, HasSubstr("NOWHERE")));
}

TEST_P(StoredMessageContractTest, ADeletedMessageIsGoneAndItsNeighboursAreNot) {
  for (int i = 0; i < 5; ++i) Store("letters.a", "x");
  EXPECT_THAT(Delete(3), IsOk());
  EXPECT_THAT(Walk("letters.a"), ElementsAre(1U, 2U, 4U, 5U));
  EXPECT_THAT(Delete(1), IsOk());
  EXPECT_THAT(Delete(2), IsOk());
  EXPECT_THAT(Walk("letters.>"), ElementsAre(4U, 5U));
  EXPECT_THAT(Delete(5), IsOk());
  EXPECT_THAT(Delete(4), IsOk());
  EXPECT_THAT(Walk("letters.a"), IsEmpty());
  EXPECT_EQ(Store("letters.a", "x"), 6U) << "sequences are never given again";
}

TEST_P(StoredMessageContractTest, TellsWhetherAMessageIsThere) {
  for (int i = 0; i < 3; ++i) Store("letters.a", "x");
  EXPECT_THAT(Delete(1), IsOk());
  EXPECT_THAT(Delete(3), IsOk());
  const auto has = [&](std::uint64_t sequence) {
    const auto answer = transport().HasMessage(std::string(kLetters), sequence);
    EXPECT_THAT(answer, IsOk());
    return answer.ok() && *answer;
  };
  EXPECT_FALSE(has(1));
  EXPECT_TRUE(has(2));
  EXPECT_FALSE(has(3));
  EXPECT_THAT(transport().HasMessage(std::string(kLetters), 7), StatusIs(absl::StatusCode::kUnavailable))
      << "a server that lags has it later";
  EXPECT_THAT(transport().HasMessage("NOWHERE", 1), StatusIs(absl::StatusCode::kNotFound)) << "that is no answer";
}

TEST_P(StoredMessageContractTest, DeletingWhatTheStreamDoesNotHaveIsNotFound) {
  Store("letters.a", "x");
  EXPECT_THAT(Delete(1), IsOk());
  for (const std::uint64_t sequence : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{7}}) {
    EXPECT_THAT(Delete(sequence), StatusIs(absl::StatusCode::kNotFound, HasSubstr(std::string(kLetters)))) << sequence;
  }
}

TEST_P(StoredMessageContractTest, ConsumersPassOverWhatWasDeleted) {
  PublishMany(6);
  for (const std::uint64_t sequence : {1U, 3U, 6U}) {
    ASSERT_THAT(transport().DeleteMessage("ORDERS", sequence), IsOk());
  }
  ConsumerRecorder recorder;
  const auto consumer = Open(SpecFor(ConsumerKind::kExclusive, "keeper"), recorder);
  ASSERT_TRUE(recorder.Reach(3));
  PublishMany(1);
  ASSERT_TRUE(recorder.Reach(4));
  EXPECT_THAT(recorder.Sequences(), ElementsAre(2U, 4U, 5U, 7U));
}

TEST_P(StoredMessageContractTest, AMessageDeletedBeforeItsRedeliveryDoesNotComeAgain) {
  PublishMany(2);
  ConsumerRecorder recorder;
  const auto consumer = Open(SpecFor(ConsumerKind::kExclusive, "keeper"), recorder);
  ASSERT_TRUE(recorder.Reach(2));
  ASSERT_THAT(transport().DeleteMessage("ORDERS", 1), IsOk());
  ASSERT_THAT(recorder.Acknowledge(*consumer, 0, AckType::kNak), IsOk());
  ASSERT_THAT(recorder.Acknowledge(*consumer, 1, AckType::kNak), IsOk());
  ASSERT_TRUE(recorder.Reach(3));
  EXPECT_THAT(recorder.Sequences(), ElementsAre(1U, 2U, 2U));
}

TEST_P(StoredMessageContractTest, AClosedTransportRefusesBoth) {
  transport().Close();
  EXPECT_THAT(Read("letters.a", 1), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Delete(1), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace penstock::eventbus::contract
