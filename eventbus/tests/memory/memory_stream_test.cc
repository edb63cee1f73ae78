// SPDX-License-Identifier: Apache-2.0
#include "memory/memory_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace penstock::eventbus::memory {
namespace {

using std::chrono::seconds;

constexpr TimePoint kStart = TimePoint(seconds(1000));

StreamSpec Orders() { return {.name = "ORDERS", .subjects = {"orders.>"}, .duplicate_window = seconds(120)}; }

OutboundMessage Message(std::string id, std::string body = "body", std::string subject = "orders.new") {
  return {.subject = std::move(subject), .body = std::move(body), .message_id = std::move(id), .headers = {}};
}

absl::StatusOr<PubAck> Append(MemoryStream& stream, OutboundMessage message, TimePoint now = kStart) {
  return stream.Append(std::move(message), now, std::chrono::system_clock::time_point(seconds(5)));
}

TEST(MemoryStreamTest, SequencesAscendFromOne) {
  MemoryStream stream(Orders());
  EXPECT_EQ(stream.last_sequence(), 0U);
  EXPECT_EQ(Append(stream, Message("a"))->sequence, 1U);
  EXPECT_EQ(Append(stream, Message("b"))->sequence, 2U);
  EXPECT_EQ(stream.first_sequence(), 1U);
  EXPECT_EQ(stream.last_sequence(), 2U);
}

TEST(MemoryStreamTest, KeepsWhatWasPublishedAndTheMessageIdAmongTheHeaders) {
  MemoryStream stream(Orders());
  OutboundMessage message = Message("id-1", std::string("a\0b", 3));
  message.headers = {{"Colour", "red"}};
  ASSERT_TRUE(Append(stream, std::move(message)).ok());
  const auto record = stream.Find(1);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->subject, "orders.new");
  EXPECT_EQ(record->body, std::string("a\0b", 3));
  EXPECT_EQ(record->stored_at, std::chrono::system_clock::time_point(seconds(5)));
  EXPECT_THAT(record->headers, testing::ElementsAre(testing::Pair("Colour", "red"),
                                                    testing::Pair(std::string(header::kMessageId), "id-1")));
}

TEST(MemoryStreamTest, AnIdIsStoredOnceWithinItsWindow) {
  MemoryStream stream(Orders());
  ASSERT_TRUE(Append(stream, Message("a")).ok());
  ASSERT_TRUE(Append(stream, Message("b")).ok());
  const auto again = Append(stream, Message("a"), kStart + seconds(119));
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->sequence, 1U);
  EXPECT_EQ(stream.last_sequence(), 2U);
  const auto later = Append(stream, Message("a"), kStart + seconds(120));
  EXPECT_FALSE(later->duplicate);
  EXPECT_EQ(later->sequence, 3U);
}

TEST(MemoryStreamTest, MessagesWithoutAnIdAreNeverDuplicates) {
  MemoryStream stream(Orders());
  EXPECT_FALSE(Append(stream, Message(""))->duplicate);
  EXPECT_FALSE(Append(stream, Message(""))->duplicate);
}

TEST(MemoryStreamTest, AnIdIsRememberedLongerThanItsMessage) {
  StreamSpec spec = Orders();
  spec.max_age = seconds(10);
  MemoryStream stream(spec);
  ASSERT_TRUE(Append(stream, Message("a")).ok());
  EXPECT_TRUE(Append(stream, Message("a"), kStart + seconds(60))->duplicate);
  EXPECT_EQ(stream.Find(1), nullptr);
}

TEST(MemoryStreamTest, ForgetsMessagesThatAreTooOld) {
  StreamSpec spec = Orders();
  spec.max_age = seconds(10);
  MemoryStream stream(spec);
  ASSERT_TRUE(Append(stream, Message("a")).ok());
  ASSERT_TRUE(Append(stream, Message("b"), kStart + seconds(5)).ok());
  EXPECT_EQ(stream.NextExpiry(), kStart + seconds(10));
  stream.Expire(kStart + seconds(10));
  EXPECT_EQ(stream.Find(1), nullptr);
  EXPECT_NE(stream.Find(2), nullptr);
  EXPECT_EQ(stream.NextExpiry(), kStart + seconds(15));
  stream.Expire(kStart + seconds(15));
  EXPECT_EQ(stream.first_sequence(), 3U);
  EXPECT_EQ(stream.last_sequence(), 2U);
  EXPECT_EQ(stream.bytes(), 0);
  EXPECT_EQ(Append(stream, Message("c"), kStart + seconds(16))->sequence, 3U);
}

TEST(MemoryStreamTest, DiscardsTheOldestToMakeRoom) {
  StreamSpec spec = Orders();
  spec.max_bytes = 300;
  MemoryStream stream(spec);
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(Append(stream, Message(id, std::string(80, 'x'))).ok());
  EXPECT_EQ(stream.first_sequence(), 2U);
  EXPECT_EQ(stream.last_sequence(), 3U);
  EXPECT_LE(stream.bytes(), 300);
  EXPECT_EQ(stream.CountAfter("", 0), 2U);
}

TEST(MemoryStreamTest, RefusesNewMessagesWhenItDiscardsNewAndIsFull) {
  StreamSpec spec = Orders();
  spec.max_bytes = 300;
  spec.discard = Discard::kNew;
  MemoryStream stream(spec);
  ASSERT_TRUE(Append(stream, Message("a", std::string(80, 'x'))).ok());
  ASSERT_TRUE(Append(stream, Message("b", std::string(80, 'x'))).ok());
  const auto refused = Append(stream, Message("c", std::string(80, 'x')));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()), testing::HasSubstr("\"ORDERS\""));
  EXPECT_EQ(stream.first_sequence(), 1U);
  EXPECT_EQ(stream.last_sequence(), 2U);
  EXPECT_FALSE(Append(stream, Message("c", ""))->duplicate) << "a refused message must not leave its ID behind";
}

TEST(MemoryStreamTest, RefusesAMessageLargerThanItsWholeBoundAndDiscardsNothingForIt) {
  StreamSpec spec = Orders();
  spec.max_bytes = 300;
  MemoryStream stream(spec);
  ASSERT_TRUE(Append(stream, Message("a")).ok());
  EXPECT_EQ(Append(stream, Message("b", std::string(300, 'x'))).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(stream.Find(1), nullptr);
}

TEST(MemoryStreamTest, FindsTheNextMessageOfAFilter) {
  MemoryStream stream(Orders());
  for (const char* subject : {"orders.new", "orders.paid", "orders.new"}) {
    ASSERT_TRUE(Append(stream, Message("", "body", subject)).ok());
  }
  EXPECT_EQ(stream.NextAfter("orders.new", 0)->sequence, 1U);
  EXPECT_EQ(stream.NextAfter("orders.new", 1)->sequence, 3U);
  EXPECT_EQ(stream.NextAfter("orders.*", 1)->sequence, 2U);
  EXPECT_EQ(stream.NextAfter("orders.new", 3), nullptr);
  EXPECT_EQ(stream.CountAfter("orders.new", 1), 1U);
  EXPECT_EQ(stream.CountAfter("orders.>", 0), 3U);
  EXPECT_EQ(stream.CountAfter("orders.gone", 0), 0U);
  EXPECT_EQ(stream.Find(0), nullptr);
  EXPECT_EQ(stream.Find(4), nullptr);
}

TEST(MemoryStreamTest, ADeletedMessageLeavesAGapThatIsNotCounted) {
  MemoryStream stream(Orders());
  for (const char* id : {"a", "b", "c", "d"}) ASSERT_TRUE(Append(stream, Message(id)).ok());
  const std::int64_t each = stream.bytes() / 4;
  EXPECT_TRUE(stream.Delete(2));
  EXPECT_FALSE(stream.Delete(2));
  EXPECT_FALSE(stream.Delete(0));
  EXPECT_FALSE(stream.Delete(5));
  EXPECT_EQ(stream.bytes(), 3 * each);
  EXPECT_EQ(stream.Find(2), nullptr);
  EXPECT_EQ(stream.NextAfter("", 1)->sequence, 3U);
  EXPECT_EQ(stream.CountAfter("orders.new", 0), 3U);
  EXPECT_EQ(stream.CountAfter("orders.new", 2), 2U);
  EXPECT_EQ(stream.CountAfter("", 1), 2U);
  EXPECT_EQ(stream.first_sequence(), 1U);
  EXPECT_TRUE(Append(stream, Message("b"))->duplicate) << "its ID stays known";
}

TEST(MemoryStreamTest, TheFirstMessageIsNeverAGap) {
  MemoryStream stream(Orders());
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(Append(stream, Message(id)).ok());
  EXPECT_TRUE(stream.Delete(2));
  EXPECT_TRUE(stream.Delete(1));
  EXPECT_EQ(stream.first_sequence(), 3U);
  EXPECT_TRUE(stream.Delete(3));
  EXPECT_EQ(stream.first_sequence(), 4U);
  EXPECT_EQ(stream.last_sequence(), 3U);
  EXPECT_EQ(stream.bytes(), 0);
  EXPECT_EQ(Append(stream, Message("d"))->sequence, 4U);
}

TEST(MemoryStreamTest, ADeletedLastMessageKeepsItsSequence) {
  MemoryStream stream(Orders());
  for (const char* id : {"a", "b"}) ASSERT_TRUE(Append(stream, Message(id)).ok());
  EXPECT_TRUE(stream.Delete(2));
  EXPECT_EQ(stream.last_sequence(), 2U);
  EXPECT_EQ(stream.NextAfter("", 1), nullptr);
  EXPECT_EQ(Append(stream, Message("c"))->sequence, 3U);
}

TEST(MemoryStreamTest, DiscardingAndExpiryPassOverGaps) {
  StreamSpec spec = Orders();
  spec.max_bytes = 300;
  spec.max_age = seconds(10);
  MemoryStream stream(spec);
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(Append(stream, Message(id, std::string(40, 'x'))).ok());
  EXPECT_TRUE(stream.Delete(2));
  ASSERT_TRUE(Append(stream, Message("d", std::string(150, 'x'))).ok());
  EXPECT_EQ(stream.first_sequence(), 3U);
  stream.Expire(kStart + seconds(10));
  EXPECT_EQ(stream.first_sequence(), 5U);
  EXPECT_EQ(stream.bytes(), 0);
}

TEST(MemoryStreamTest, NothingExpiresInAnEmptyStream) {
  MemoryStream stream(Orders());
  stream.Expire(kStart);
  EXPECT_EQ(stream.NextExpiry(), TimePoint::max());
}

TEST(MemoryStreamTest, OfEachSubjectAsManyMessagesAreKeptAsTheSpecSays) {
  StreamSpec spec = Orders();
  spec.max_messages_per_subject = 2;
  MemoryStream stream(spec);
  for (const char* subject : {"orders.a", "orders.b", "orders.a", "orders.a"}) {
    ASSERT_TRUE(Append(stream, Message("", "body", subject)).ok());
  }
  EXPECT_EQ(stream.Find(1), nullptr);
  EXPECT_NE(stream.Find(2), nullptr);
  EXPECT_EQ(stream.FindLast("orders.a")->sequence, 4U);
  EXPECT_EQ(stream.FindLast("orders.c"), nullptr);
  const auto last = stream.LastOfEach("orders.>");
  ASSERT_EQ(last.size(), 2U);
  EXPECT_EQ(last[0]->sequence, 2U);
  EXPECT_EQ(last[1]->sequence, 4U);
}

TEST(MemoryStreamTest, AnExpectedLastSequenceIsThatOfTheSubject) {
  MemoryStream stream(Orders());
  const auto expecting = [&](const std::string& sequence) {
    OutboundMessage message = Message("", "body", "orders.a");
    message.headers = {{"Nats-Expected-Last-Subject-Sequence", sequence}};
    return Append(stream, std::move(message));
  };
  EXPECT_EQ(expecting("0")->sequence, 1U);
  ASSERT_TRUE(Append(stream, Message("", "body", "orders.b")).ok());
  for (const char* wrong : {"0", "2", "3", "x", "-1", "18446744073709551616"}) {
    EXPECT_EQ(expecting(wrong).status().code(), absl::StatusCode::kAborted) << wrong;
  }
  EXPECT_EQ(expecting("1")->sequence, 3U);
}

TEST(MemoryStreamTest, ARollupRemovesTheEarlierMessagesOfItsSubject) {
  MemoryStream stream(Orders());
  for (const char* subject : {"orders.a", "orders.b", "orders.a"}) {
    ASSERT_TRUE(Append(stream, Message("", "body", subject)).ok());
  }
  OutboundMessage rollup = Message("", "", "orders.a");
  rollup.headers = {{"Nats-Rollup", "sub"}};
  ASSERT_TRUE(Append(stream, std::move(rollup)).ok());
  EXPECT_EQ(stream.first_sequence(), 2U);
  EXPECT_EQ(stream.Find(3), nullptr);
  EXPECT_EQ(stream.FindLast("orders.a")->sequence, 4U);
}

TEST(MemoryStreamTest, AMessageOverItsLimitIsRefusedAndChangesNothing) {
  StreamSpec spec = Orders();
  spec.max_message_bytes = 100;
  MemoryStream stream(spec);
  EXPECT_TRUE(Append(stream, Message("", std::string(100, 'x'))).ok());
  EXPECT_EQ(Append(stream, Message("", std::string(101, 'x'))).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(stream.last_sequence(), 1U);
}

}  // namespace
}  // namespace penstock::eventbus::memory
