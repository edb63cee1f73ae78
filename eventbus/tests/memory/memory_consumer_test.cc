// SPDX-License-Identifier: Apache-2.0
#include "memory/memory_consumer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace penstock::eventbus::memory {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr TimePoint kStart = TimePoint(seconds(1000));

class MemoryConsumerTest : public testing::Test {
 protected:
  void Publish(int count, const std::string& subject = "orders") {
    for (int i = 0; i < count; ++i) {
      const OutboundMessage message{.subject = subject, .body = "body", .message_id = "", .headers = {}};
      ASSERT_TRUE(stream_.Append(message, kStart, {}).ok());
    }
  }

  std::vector<std::uint64_t> Take(MemoryConsumer& consumer, std::size_t limit = 100, TimePoint now = kStart) {
    std::vector<std::uint64_t> sequences;
    for (const Taken& taken : consumer.Take(stream_, limit, now)) sequences.push_back(taken.record->sequence);
    return sequences;
  }

  void Nak(std::uint64_t sequence) { consumer_.Acknowledge(sequence, AckType::kNak, kStart); }
  void Ack(std::uint64_t sequence) { consumer_.Acknowledge(sequence, AckType::kAck, kStart); }

  static ConsumerSpec Spec() { return {.ack_wait = seconds(30), .max_in_flight = 10}; }

  MemoryStream stream_{{.name = "ORDERS", .subjects = {"orders", "notes"}}};
  MemoryConsumer consumer_{Spec(), 0};
};

TEST_F(MemoryConsumerTest, TakesInStreamOrderEachMessageOnce) {
  Publish(3);
  EXPECT_THAT(Take(consumer_, 2), ElementsAre(1, 2));
  EXPECT_THAT(Take(consumer_), ElementsAre(3));
  EXPECT_THAT(Take(consumer_), IsEmpty());
}

TEST_F(MemoryConsumerTest, TellsHowManyMessagesAreStillToCome) {
  Publish(3);
  const std::vector<Taken> taken = consumer_.Take(stream_, 2, kStart);
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].pending, 2U);
  EXPECT_EQ(taken[1].pending, 1U);
  Nak(1);
  EXPECT_EQ(consumer_.Take(stream_, 1, kStart).front().pending, 1U);
}

TEST_F(MemoryConsumerTest, BeginsBehindTheGivenSequence) {
  Publish(3);
  MemoryConsumer late(Spec(), 2);
  EXPECT_THAT(Take(late), ElementsAre(3));
}

TEST_F(MemoryConsumerTest, TakesOnlyWhatItsFilterTakes) {
  Publish(1, "orders");
  Publish(2, "notes");
  Publish(1, "orders");
  ConsumerSpec spec = Spec();
  spec.filter_subject = "orders";
  MemoryConsumer consumer(spec, 0);
  EXPECT_EQ(consumer.Available(stream_), 2U);
  EXPECT_THAT(Take(consumer), ElementsAre(1, 4));
}

TEST_F(MemoryConsumerTest, TakesNothingNewWhileTooMuchIsUnsettled) {
  Publish(20);
  EXPECT_EQ(Take(consumer_).size(), 10U);
  EXPECT_THAT(Take(consumer_), IsEmpty());
  EXPECT_EQ(consumer_.Available(stream_), 0U);
  Ack(5);
  EXPECT_THAT(Take(consumer_), ElementsAre(11));
}

TEST_F(MemoryConsumerTest, RedeliversAlthoughTheWindowIsFull) {
  Publish(20);
  Take(consumer_);
  Nak(4);
  EXPECT_THAT(Take(consumer_), ElementsAre(4));
}

TEST_F(MemoryConsumerTest, RedeliversNaksInTheirOwnOrderBeforeAnythingNew) {
  Publish(8);
  Take(consumer_, 5);
  for (const std::uint64_t sequence : {5, 3, 1}) Nak(sequence);
  EXPECT_THAT(Take(consumer_, 4), ElementsAre(5, 3, 1, 6));
}

TEST_F(MemoryConsumerTest, CountsDeliveries) {
  Publish(1);
  EXPECT_EQ(consumer_.Take(stream_, 1, kStart).front().delivery_count, 1U);
  for (std::uint64_t count = 2; count < 5; ++count) {
    Nak(1);
    EXPECT_EQ(consumer_.Take(stream_, 1, kStart).front().delivery_count, count);
  }
}

TEST_F(MemoryConsumerTest, TheSecondNakOfADeliveryIsIgnored) {
  Publish(1);
  Take(consumer_);
  Nak(1);
  Nak(1);
  Nak(1);
  EXPECT_THAT(Take(consumer_), ElementsAre(1));
  EXPECT_THAT(Take(consumer_), IsEmpty());
  EXPECT_EQ(consumer_.NextDue(), kStart + seconds(30));
}

TEST_F(MemoryConsumerTest, AckAndTermEndAMessageWhereverItIs) {
  Publish(4);
  Take(consumer_);
  Nak(2);
  Nak(3);
  Ack(1);
  Ack(2);
  consumer_.Acknowledge(3, AckType::kTerm, kStart);
  consumer_.Acknowledge(4, AckType::kTerm, kStart);
  consumer_.WakeDue(kStart + seconds(60));
  EXPECT_THAT(Take(consumer_), IsEmpty());
  EXPECT_EQ(consumer_.unsettled(), 0U);
  EXPECT_EQ(consumer_.NextDue(), TimePoint::max());
}

TEST_F(MemoryConsumerTest, AnswersToWhatIsNotUnsettledAreIgnored) {
  Publish(2);
  Take(consumer_, 1);
  for (const AckType type : {AckType::kAck, AckType::kNak, AckType::kTerm, AckType::kInProgress}) {
    consumer_.Acknowledge(0, type, kStart);
    consumer_.Acknowledge(2, type, kStart);
    consumer_.Acknowledge(~0ULL, type, kStart);
  }
  EXPECT_THAT(Take(consumer_), ElementsAre(2));
}

TEST_F(MemoryConsumerTest, WhatIsNotAnsweredInTimeComesAgainInStreamOrder) {
  Publish(4);
  Take(consumer_, 3);
  Ack(2);
  consumer_.WakeDue(kStart + milliseconds(29'999));
  EXPECT_EQ(consumer_.Available(stream_), 1U);
  consumer_.WakeDue(kStart + seconds(30));
  EXPECT_THAT(Take(consumer_, 100, kStart + seconds(30)), ElementsAre(1, 3, 4));
}

TEST_F(MemoryConsumerTest, InProgressBeginsTheWaitAnew) {
  Publish(2);
  Take(consumer_);
  consumer_.Acknowledge(1, AckType::kInProgress, kStart + seconds(20));
  consumer_.WakeDue(kStart + seconds(30));
  EXPECT_THAT(Take(consumer_, 100, kStart + seconds(30)), ElementsAre(2));
  EXPECT_LE(consumer_.NextDue(), kStart + seconds(50));
  consumer_.WakeDue(kStart + seconds(50));
  EXPECT_THAT(Take(consumer_, 100, kStart + seconds(50)), ElementsAre(1));
}

TEST_F(MemoryConsumerTest, InProgressDoesNotUndoANak) {
  Publish(2);
  Take(consumer_);
  Nak(1);
  Nak(2);
  for (const std::uint64_t sequence : {1, 2}) consumer_.Acknowledge(sequence, AckType::kInProgress, kStart);
  consumer_.WakeDue(kStart + seconds(1));
  EXPECT_THAT(Take(consumer_), ElementsAre(1, 2));
}

TEST_F(MemoryConsumerTest, RequeueAllBringsEverythingUnsettledInStreamOrder) {
  Publish(8);
  Take(consumer_, 6);
  Ack(2);
  Nak(5);
  Nak(1);
  consumer_.RequeueAll();
  EXPECT_THAT(Take(consumer_), ElementsAre(1, 3, 4, 5, 6, 7, 8));
  consumer_.WakeDue(kStart + seconds(10));
  EXPECT_THAT(Take(consumer_), IsEmpty());
}

TEST_F(MemoryConsumerTest, AMessageThatLeftTheStreamIsForgotten) {
  StreamSpec spec{.name = "SHORT", .subjects = {"orders"}, .max_age = seconds(1)};
  MemoryStream stream(spec);
  ASSERT_TRUE(stream.Append({.subject = "orders", .body = "", .message_id = "", .headers = {}}, kStart, {}).ok());
  ASSERT_EQ(consumer_.Take(stream, 10, kStart).size(), 1U);
  Nak(1);
  stream.Expire(kStart + seconds(1));
  EXPECT_TRUE(consumer_.Take(stream, 10, kStart).empty());
  EXPECT_EQ(consumer_.unsettled(), 0U);
}

TEST_F(MemoryConsumerTest, WithoutAcksNothingStaysUnsettled) {
  Publish(20);
  ConsumerSpec spec = Spec();
  spec.kind = ConsumerKind::kAtMostOnce;
  MemoryConsumer consumer(spec, 0);
  EXPECT_EQ(Take(consumer).size(), 20U);
  EXPECT_EQ(consumer.unsettled(), 0U);
  EXPECT_EQ(consumer.NextDue(), TimePoint::max());
}

TEST_F(MemoryConsumerTest, NewTermsHoldForWhatIsTakenFromThenOn) {
  Publish(20);
  Take(consumer_, 5);
  consumer_.Adjust(seconds(1), 12);
  EXPECT_EQ(Take(consumer_).size(), 7U);
  EXPECT_EQ(consumer_.NextDue(), kStart + seconds(1));
}

}  // namespace
}  // namespace penstock::eventbus::memory
