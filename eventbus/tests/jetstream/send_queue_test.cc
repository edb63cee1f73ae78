// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/send_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

namespace penstock::eventbus::jetstream {
namespace {

/// Takes so many bytes at a time, or is at its end.
class FakeStream final : public ByteStream {
 public:
  int descriptor() const override { return -1; }
  Progress Read(std::span<const iovec> /*room*/) override { return {}; }
  Progress Write(std::string_view bytes) override {
    if (ended) return {.ended = true};
    const std::size_t taken = std::min(bytes.size(), std::exchange(room, 0));
    written.append(bytes.substr(0, taken));
    return {.bytes = taken};
  }
  absl::Status fault() const override { return absl::OkStatus(); }
  void Shutdown() override {}

  std::size_t room = 1 << 20;
  bool ended = false;
  std::string written{};
};

absl::Status Add(SendQueue& queue, const Publication& publication) { return queue.Add({&publication, 1}); }

TEST(SendQueueTest, WritesProtocolInTheOrderOfTheCalls) {
  SendQueue queue;
  FakeStream stream;
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(Add(queue, {.subject = "a", .body = "one"}).ok());
  queue.AddLine("SUB b 1\r\n");
  EXPECT_TRUE(Add(queue, {.subject = "a", .body = "two", .reply = "r", .headers = "NATS/1.0\r\nx: y\r\n\r\n"}).ok());
  queue.AddPing(SendQueue::PingOwner::kLoop);
  EXPECT_FALSE(queue.empty());
  EXPECT_TRUE(queue.Write(stream));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(stream.written, "PUB a 3\r\none\r\nSUB b 1\r\nHPUB a r 18 21\r\nNATS/1.0\r\nx: y\r\n\r\ntwo\r\nPING\r\n");
}

TEST(SendQueueTest, GoesOnWhereTheSocketStopped) {
  SendQueue queue;
  FakeStream stream;
  EXPECT_TRUE(Add(queue, {.subject = "a", .body = "hello"}).ok());
  std::string expected = "PUB a 5\r\nhello\r\n";
  for (std::size_t i = 0; i + 1 < expected.size(); ++i) {
    stream.room = 1;
    EXPECT_FALSE(queue.Write(stream));
    EXPECT_FALSE(queue.empty());
  }
  stream.room = 1;
  queue.AddLine("PONG\r\n");
  EXPECT_TRUE(queue.Write(stream));
  EXPECT_EQ(stream.written, expected);
  stream.room = 100;
  EXPECT_TRUE(queue.Write(stream));
  EXPECT_EQ(stream.written, expected + "PONG\r\n");
}

TEST(SendQueueTest, DropsWhatNobodyTakesAnyMore) {
  SendQueue queue;
  FakeStream stream;
  stream.ended = true;
  queue.AddLine("PING\r\n");
  EXPECT_TRUE(queue.Write(stream));
  EXPECT_TRUE(queue.empty());
}

TEST(SendQueueTest, RefusesSubjectsThatWouldEndTheirLine) {
  SendQueue queue;
  for (const std::string subject : {"", "a b", "a\tb", "a\r\nPUB b 0\r\n", "a\n", "a\x7f"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Add(queue, {.subject = subject}))) << subject;
    if (subject.empty()) continue;
    EXPECT_TRUE(absl::IsInvalidArgument(Add(queue, {.subject = "a", .reply = subject}))) << subject;
  }
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(Add(queue, {.subject = "\xc3\xa4.b"}).ok());
}

TEST(SendQueueTest, AnswersBelongToPingsInTheirOrder) {
  SendQueue queue;
  EXPECT_EQ(queue.TakePing(), std::nullopt) << "an answer that nobody asked for";
  EXPECT_EQ(queue.AddPing(SendQueue::PingOwner::kLoop), 1U);
  queue.AddPing(SendQueue::PingOwner::kLibrary);
  EXPECT_EQ(queue.AddPing(SendQueue::PingOwner::kLoop), 2U);
  EXPECT_EQ(queue.TakePing(), SendQueue::PingOwner::kLoop);
  EXPECT_EQ(queue.TakePing(), SendQueue::PingOwner::kLibrary);
  EXPECT_EQ(queue.TakePing(), SendQueue::PingOwner::kLoop);
  EXPECT_EQ(queue.TakePing(), std::nullopt);
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
