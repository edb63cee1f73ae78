// SPDX-License-Identifier: Apache-2.0
#include "jetstream/bucket/watch_cursor.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace penstock::eventbus::jetstream {
namespace {

using Verdict = WatchCursor::Verdict;

constexpr const char* kThen = "2024-05-01T10:00:00Z";
constexpr const char* kLater = "2024-05-01T11:00:00Z";

AckSubject Delivery(std::uint64_t consumer_sequence, std::uint64_t stream_sequence, std::uint64_t pending) {
  AckSubject delivery;
  delivery.consumer_sequence = consumer_sequence;
  delivery.stream_sequence = stream_sequence;
  delivery.pending = pending;
  return delivery;
}

TEST(WatchCursorTest, BeginsWithTheLastMessageOfEachSubject) {
  WatchCursor cursor;
  const Json config = cursor.ConsumerConfig("w", "$KV.b.>");
  EXPECT_EQ(config.at("deliver_policy"), "last_per_subject");
  EXPECT_EQ(config.at("filter_subject"), "$KV.b.>");
  EXPECT_EQ(config.at("ack_policy"), "none");
  EXPECT_FALSE(config.contains("opt_start_seq"));
}

TEST(WatchCursorTest, IsUpToDateOnceWhatWasPendingCame) {
  WatchCursor cursor;
  cursor.FoundStream(kThen, 9, false, {});
  cursor.Began(2);
  EXPECT_FALSE(cursor.TakeUpToDate());
  EXPECT_EQ(cursor.Delivered(Delivery(1, 4, 3)), Verdict::kReport);
  EXPECT_FALSE(cursor.TakeUpToDate());
  EXPECT_EQ(cursor.Delivered(Delivery(2, 9, 2)), Verdict::kReport) << "more was written meanwhile";
  EXPECT_TRUE(cursor.TakeUpToDate());
  EXPECT_FALSE(cursor.TakeUpToDate()) << "once";
}

TEST(WatchCursorTest, IsUpToDateEarlierWhenLessIsPending) {
  WatchCursor cursor;
  cursor.Began(5);
  EXPECT_EQ(cursor.Delivered(Delivery(1, 4, 0)), Verdict::kReport);
  EXPECT_TRUE(cursor.TakeUpToDate());
}

TEST(WatchCursorTest, OfNothingItIsUpToDateAtOnce) {
  WatchCursor cursor;
  cursor.Began(0);
  EXPECT_TRUE(cursor.TakeUpToDate());
}

TEST(WatchCursorTest, OfChangesBeginsBehindWhatTheStreamHadFirst) {
  WatchCursor cursor(BucketWatchBeginning::kChanges);
  cursor.FoundStream(kThen, 9, false, {});
  EXPECT_EQ(cursor.ConsumerConfig("w", "$KV.b.>").at("deliver_policy"), "by_start_sequence");
  EXPECT_EQ(cursor.ConsumerConfig("w", "$KV.b.>").at("opt_start_seq"), 10);
  cursor.Began(3);
  EXPECT_TRUE(cursor.TakeUpToDate()) << "whatever was written since";
  cursor.FoundStream(kThen, 14, false, {});
  EXPECT_EQ(cursor.ConsumerConfig("w", "$KV.b.>").at("opt_start_seq"), 10) << "nothing was reported yet";
  EXPECT_EQ(cursor.Delivered(Delivery(1, 12, 1)), Verdict::kReport);
  EXPECT_EQ(cursor.ConsumerConfig("w", "$KV.b.>").at("opt_start_seq"), 13);
}

TEST(WatchCursorTest, OfChangesReportsAStreamThatWasMadeAnewFromItsBeginning) {
  WatchCursor cursor(BucketWatchBeginning::kChanges);
  cursor.FoundStream(kThen, 9, false, {});
  cursor.Began(0);
  cursor.FoundStream(kLater, 2, false, {});
  EXPECT_EQ(cursor.ConsumerConfig("w", "$KV.b.>").at("deliver_policy"), "last_per_subject");
}

TEST(WatchCursorTest, GoesOnBehindTheLastMessageReported) {
  WatchCursor cursor;
  cursor.FoundStream(kThen, 4, false, {});
  cursor.Began(1);
  cursor.Delivered(Delivery(1, 4, 0));
  ASSERT_TRUE(cursor.TakeUpToDate());
  cursor.FoundStream(kThen, 9, false, {});
  const Json config = cursor.ConsumerConfig("w", ">");
  EXPECT_EQ(config.at("deliver_policy"), "by_start_sequence");
  EXPECT_EQ(config.at("opt_start_seq"), 5);
  cursor.Began(1);
  EXPECT_EQ(cursor.Delivered(Delivery(1, 9, 0)), Verdict::kReport) << "deliveries are counted anew";
  EXPECT_FALSE(cursor.TakeUpToDate());
}

TEST(WatchCursorTest, InterruptedBeforeItIsUpToDateItSkipsWhatItReported) {
  WatchCursor cursor;
  cursor.FoundStream(kThen, 9, false, {});
  cursor.Began(3);
  cursor.Delivered(Delivery(1, 4, 2));
  cursor.FoundStream(kThen, 9, false, {});
  EXPECT_EQ(cursor.ConsumerConfig("w", ">").at("deliver_policy"), "last_per_subject");
  cursor.Began(3);
  EXPECT_EQ(cursor.Delivered(Delivery(1, 4, 2)), Verdict::kSkip);
  EXPECT_EQ(cursor.Delivered(Delivery(2, 7, 1)), Verdict::kReport);
  EXPECT_FALSE(cursor.TakeUpToDate());
  EXPECT_EQ(cursor.Delivered(Delivery(3, 9, 0)), Verdict::kReport);
  EXPECT_TRUE(cursor.TakeUpToDate());
}

TEST(WatchCursorTest, AMissingDeliveryIsAGap) {
  WatchCursor cursor;
  cursor.Began(9);
  EXPECT_EQ(cursor.Delivered(Delivery(1, 4, 8)), Verdict::kReport);
  EXPECT_EQ(cursor.Delivered(Delivery(3, 6, 6)), Verdict::kGap);
  EXPECT_EQ(cursor.last_sequence(), 4U) << "a gap reports nothing";
}

TEST(WatchCursorTest, AStreamMadeAnewIsReportedFromItsBeginning) {
  for (const bool later : {true, false}) {
    WatchCursor cursor;
    cursor.FoundStream(kThen, 9, false, {});
    cursor.Began(1);
    cursor.Delivered(Delivery(1, 9, 0));
    ASSERT_TRUE(cursor.TakeUpToDate());
    cursor.FoundStream(later ? kLater : kThen, later ? 20 : 2, false, {});
    EXPECT_EQ(cursor.last_sequence(), 0U);
    EXPECT_EQ(cursor.ConsumerConfig("w", ">").at("deliver_policy"), "last_per_subject");
    cursor.Began(1);
    EXPECT_EQ(cursor.Delivered(Delivery(1, 2, 0)), Verdict::kReport);
    EXPECT_TRUE(cursor.TakeUpToDate()) << "again";
  }
}

TEST(WatchCursorTest, AServerOfAClusterThatLagsIsAskedAgain) {
  constexpr WatchCursor::Time kNow{std::chrono::hours(1)};
  WatchCursor cursor;
  EXPECT_TRUE(cursor.FoundStream(kThen, 9, true, kNow));
  cursor.Began(1);
  cursor.Delivered(Delivery(1, 9, 0));
  EXPECT_FALSE(cursor.FoundStream(kThen, 8, true, kNow));
  EXPECT_FALSE(cursor.FoundStream(kThen, 8, true, kNow + std::chrono::seconds(9)));
  EXPECT_EQ(cursor.last_sequence(), 9U) << "nothing older is reported after it";
  EXPECT_TRUE(cursor.FoundStream(kThen, 9, true, kNow + std::chrono::seconds(9)));
  EXPECT_FALSE(cursor.FoundStream(kThen, 8, true, kNow + std::chrono::seconds(12)));
  EXPECT_TRUE(cursor.FoundStream(kThen, 8, true, kNow + std::chrono::seconds(22)));
  EXPECT_EQ(cursor.last_sequence(), 0U) << "it has lost its end";
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
