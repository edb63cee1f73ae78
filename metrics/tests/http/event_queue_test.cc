// SPDX-License-Identifier: Apache-2.0
#include "http/event_queue.h"

#include <gtest/gtest.h>

namespace penstock::metrics {
namespace {

TEST(EncodeEventTest, WritesEachLineOfItsData) {
  EXPECT_EQ(EncodeEvent({.data = "a"}), "data: a\n\n");
  EXPECT_EQ(EncodeEvent({}), "data: \n\n");
  EXPECT_EQ(EncodeEvent({.data = "a\nb\r\nc\rd"}), "data: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(EncodeEvent({.data = "a\n\nevent: b"}), "data: a\ndata: \ndata: event: b\n\n");
  EXPECT_EQ(EncodeEvent({.data = "a", .type = "t", .id = "1"}), "event: t\nid: 1\ndata: a\n\n");
}

TEST(EncodeEventTest, RefusesATypeOrIdThatWouldBeSomethingElse) {
  EXPECT_EQ(EncodeEvent({.type = "a\nb"}), std::nullopt);
  EXPECT_EQ(EncodeEvent({.id = "a\rb"}), std::nullopt);
  EXPECT_EQ(EncodeEvent({.id = std::string("\0", 1)}), std::nullopt);
}

TEST(EventQueueTest, WakesTheConnectionOnceUntilItTakes) {
  int woken = 0;
  EventQueue queue(100, [&woken] { ++woken; });
  ASSERT_TRUE(queue.Push("ab").ok());
  ASSERT_TRUE(queue.Push("cd").ok());
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(queue.Take(), "abcd");
  ASSERT_TRUE(queue.Push("e").ok());
  EXPECT_EQ(woken, 2);
}

TEST(EventQueueTest, CountsWhatIsBeingWritten) {
  EventQueue queue(4, [] {});
  ASSERT_TRUE(queue.Push("abcd").ok());
  EXPECT_EQ(queue.Take(), "abcd");
  EXPECT_EQ(queue.Push("e").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(queue.overflowed());
  EXPECT_TRUE(queue.closed());
}

TEST(EventQueueTest, TellsOfAnOverflowAlthoughTheConnectionIsStillWriting) {
  int woken = 0;
  EventQueue queue(4, [&woken] { ++woken; });
  ASSERT_TRUE(queue.Push("ab").ok());
  ASSERT_FALSE(queue.Push("cde").ok());
  EXPECT_EQ(woken, 2);
}

TEST(EventQueueTest, IsFinishedWhenAllIsWrittenAfterItWasClosed) {
  EventQueue queue(10, [] {});
  ASSERT_TRUE(queue.Push("a").ok());
  queue.Close();
  EXPECT_EQ(queue.Push("b").code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(queue.finished());
  EXPECT_EQ(queue.Take(), "a");
  EXPECT_FALSE(queue.finished());
  EXPECT_EQ(queue.Take(), "");
  EXPECT_TRUE(queue.finished());
}

TEST(EventQueueTest, WakesNobodyOnceTheConnectionIsGone) {
  int woken = 0;
  EventQueue queue(10, [&woken] { ++woken; });
  queue.Abandon();
  EXPECT_EQ(queue.Push("a").code(), absl::StatusCode::kCancelled);
  queue.Close();
  EXPECT_EQ(woken, 0);
}

TEST(QueuedEventStreamTest, ClosesItsQueueWhenItGoes) {
  const auto queue = std::make_shared<EventQueue>(100, [] {});
  {
    QueuedEventStream stream(queue);
    EXPECT_TRUE(stream.Send({.data = "a"}).ok());
    EXPECT_EQ(stream.Send({.type = "\n"}).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(stream.closed());
  }
  EXPECT_TRUE(queue->closed());
  EXPECT_EQ(queue->Take(), "data: a\n\n");
}

}  // namespace
}  // namespace penstock::metrics
