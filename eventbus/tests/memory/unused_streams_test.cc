// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "memory/memory_transport.h"

namespace penstock::eventbus::memory {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class UnusedStreamsTest : public testing::Test {
 protected:
  static StreamSpec SpecFor(const std::string& topic) {
    return {.name = "S_" + topic,
            .subjects = {topic},
            .storage = Storage::kMemory,
            .max_age = seconds(1),
            .duplicate_window = seconds(1),
            .forgotten_when_unused = true};
  }
  void Make(const StreamSpec& spec) { ASSERT_TRUE(transport_.EnsureStream(spec).ok()); }
  absl::StatusOr<PubAck> Publish(const std::string& topic, std::string id) {
    absl::StatusOr<PubAck> ack = absl::UnknownError("not told");
    const absl::Status sent = transport_.Publish({.subject = topic, .body = "b", .message_id = std::move(id)},
                                                 [&ack](absl::StatusOr<PubAck> told) { ack = std::move(told); });
    return sent.ok() ? ack : sent;
  }
  absl::StatusOr<std::unique_ptr<Consumer>> Open(const ConsumerSpec& spec) {
    return transport_.OpenConsumer(spec, {.on_messages = [](const auto&) {}});
  }
  /// The streams that are left once those that may go are gone.
  bool Become(const testing::Matcher<std::vector<std::string>>& expected) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(20);
    std::mutex mutex;
    std::condition_variable never;
    while (!testing::Value(*transport_.ListStreams(">"), expected)) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::unique_lock<std::mutex> lock(mutex);
      never.wait_for(lock, std::chrono::milliseconds(10));
    }
    return true;
  }

  MemoryTransport transport_{""};
};

TEST_F(UnusedStreamsTest, AStreamWithoutMessagesIdsAndConsumersIsForgottenAndMadeAgainByAPublish) {
  Make(SpecFor("a"));
  ASSERT_TRUE(Publish("a", "1").ok());
  ASSERT_TRUE(Publish("a", "2").ok());
  ASSERT_TRUE(Become(IsEmpty()));
  const auto ack = Publish("a", "3");
  ASSERT_TRUE(ack.ok()) << ack.status();
  EXPECT_EQ(ack->sequence, 1u);
  EXPECT_EQ(ack->stream, "S_a");
  EXPECT_EQ(Publish("b", "4").status().code(), absl::StatusCode::kNotFound) << "nobody made that one";
}

TEST_F(UnusedStreamsTest, AConsumerKeepsItsStreamUntilItEndsAndADurableForEver) {
  for (const char* topic : {"a", "b", "c"}) Make(SpecFor(topic));
  auto consumer = Open({.stream = "S_a", .filter_subject = "a", .kind = ConsumerKind::kAtMostOnce});
  auto durable = Open({.stream = "S_b", .consumer = "d", .filter_subject = "b"});
  ASSERT_TRUE(consumer.ok() && durable.ok());
  (*durable)->Stop();
  ASSERT_TRUE(Become(UnorderedElementsAre("S_a", "S_b")));
  (*consumer)->Stop();
  EXPECT_TRUE(Become(ElementsAre("S_b")));
}

TEST_F(UnusedStreamsTest, OthersStay) {
  StreamSpec kept = SpecFor("a");
  kept.forgotten_when_unused = false;
  Make(kept);
  StreamSpec stored = SpecFor("b");
  stored.max_age = seconds(0);
  Make(stored);
  ASSERT_TRUE(Publish("b", "1").ok());
  Make(SpecFor("c"));
  EXPECT_TRUE(Become(UnorderedElementsAre("S_a", "S_b")));
}

TEST_F(UnusedStreamsTest, AConsumerMakesItsStreamAgainUnlessItIsNotTo) {
  Make(SpecFor("a"));
  ASSERT_TRUE(Become(IsEmpty()));
  ConsumerSpec spec{.stream = "S_a", .filter_subject = "a", .kind = ConsumerKind::kAtMostOnce};
  spec.stream_spec = SpecFor("a");
  spec.makes_stream = false;
  EXPECT_EQ(Open(spec).status().code(), absl::StatusCode::kNotFound);
  spec.makes_stream = true;
  const auto consumer = Open(spec);
  ASSERT_TRUE(consumer.ok()) << consumer.status();
  EXPECT_THAT(*transport_.ListStreams(">"), ElementsAre("S_a"));
}

}  // namespace
}  // namespace penstock::eventbus::memory
