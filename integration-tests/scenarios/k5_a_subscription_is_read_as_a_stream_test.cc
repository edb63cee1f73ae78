// SPDX-License-Identifier: Apache-2.0
#include <future>
#include <thread>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

class ASubscriptionIsReadAsAStream : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    bus_ = Connect();
    ASSERT_NE(bus_, nullptr);
  }
  void PublishNumbers(const std::string& topic, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) ASSERT_THAT(bus_->Publish(topic, std::to_string(i)), IsOk());
  }
  static std::vector<std::string> ReadSome(Reader& reader, std::size_t count) {
    std::vector<std::string> bodies;
    while (bodies.size() < count) {
      const auto message = reader.Next(kPatience);
      EXPECT_THAT(message, IsOk());
      if (!message.ok()) break;
      bodies.emplace_back(message->payload());
    }
    return bodies;
  }
  std::unique_ptr<EventBus> bus_;
};
PENSTOCK_ON_EVERY_TRANSPORT(ASubscriptionIsReadAsAStream);

TEST_P(ASubscriptionIsReadAsAStream, MessagesComeInOrderWithAllThatBelongsToThem) {
  PublishNumbers("notices", 1);  // before it reads
  auto reader = bus_->Read("notices");
  ASSERT_THAT(reader, IsOk());
  ASSERT_THAT(bus_->Publish("notices", "first", {.message_id = "id-1", .headers = {{"Colour", "red"}}}), IsOk());
  PublishNumbers("notices", 300);  // more than the queue has room for
  const auto first = reader->Next(kPatience);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->topic(), "notices");
  EXPECT_EQ(first->payload(), "first");
  EXPECT_EQ(first->Header("Colour"), "red");
  EXPECT_EQ(first->Header("colour"), "red");
  EXPECT_EQ(first->Header("Taste"), std::nullopt);
  EXPECT_EQ(first->stream_sequence(), 2u);
  EXPECT_GT(first->stored_at(), std::chrono::system_clock::now() - std::chrono::minutes(5));
  EXPECT_EQ(ReadSome(*reader, 300), Numbers(300));
  EXPECT_EQ(reader->dropped(), 0u);
}

TEST_P(ASubscriptionIsReadAsAStream, NextWaitsForItsTimeAndNoLonger) {
  auto reader = bus_->Read("notices");
  ASSERT_THAT(reader, IsOk());
  EXPECT_THAT(reader->Next(milliseconds(0)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THAT(reader->Next(milliseconds(50)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(50));
  EXPECT_THAT(reader->Next(milliseconds(-1)), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(reader->Next(milliseconds::min()), StatusIs(absl::StatusCode::kInvalidArgument));
  auto waiting = std::async(std::launch::async, [&] { return reader->Next(milliseconds::max()); });
  ASSERT_THAT(bus_->Publish("notices", "n"), IsOk());
  ASSERT_EQ(waiting.wait_for(kPatience), std::future_status::ready);
  const auto message = waiting.get();
  ASSERT_THAT(message, IsOk());
  EXPECT_EQ(message->payload(), "n");
}

TEST_P(ASubscriptionIsReadAsAStream, ARangeEndsWithTheReader) {
  auto reader = bus_->Read("notices");
  ASSERT_THAT(reader, IsOk());
  PublishNumbers("notices", 5);
  std::vector<std::string> bodies;
  for (const Message& message : *reader) {
    bodies.emplace_back(message.payload());
    if (bodies.size() == 5) reader->Close();
  }
  EXPECT_EQ(bodies, Numbers(5));
}

TEST_P(ASubscriptionIsReadAsAStream, CloseEndsANextThatWaitsInAnotherThread) {
  auto reader = bus_->Read("notices");
  ASSERT_THAT(reader, IsOk());
  auto waiting = std::async(std::launch::async, [&] { return reader->Next(); });
  ASSERT_EQ(waiting.wait_for(milliseconds(50)), std::future_status::timeout);
  reader->Close();
  ASSERT_EQ(waiting.wait_for(kPatience), std::future_status::ready);
  EXPECT_THAT(waiting.get(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(reader->Next(), StatusIs(absl::StatusCode::kCancelled));
  reader->Close();
  EXPECT_THAT(bus_->Publish("notices", "n"), IsOk());
  EXPECT_THAT(reader->Next(milliseconds(0)), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_TRUE(Eventually([&] { return bus_->Stats().subscriptions.empty(); }, kPatience));
}

TEST_P(ASubscriptionIsReadAsAStream, WhatWaitsWhenItsBusClosesCanStillBeReadAndKept) {
  auto reader = bus_->Read("notices");
  auto other = bus_->Read("notices");
  ASSERT_THAT(reader, IsOk());
  ASSERT_THAT(other, IsOk());
  PublishNumbers("notices", 3);
  ASSERT_TRUE(Eventually(
      [&] {
        const auto all = bus_->Stats().subscriptions;
        return all.size() == 2 && all[0].in_flight == 3 && all[1].in_flight == 3;
      },
      kPatience));
  auto first = reader->Next(kPatience);
  ASSERT_THAT(first, IsOk());
  auto waiting = std::async(std::launch::async, [&] {
    while (other->Next().ok()) {
    }
    return other->Next().status();
  });
  bus_->Close();
  ASSERT_EQ(waiting.wait_for(kPatience), std::future_status::ready);
  EXPECT_THAT(waiting.get(), StatusIs(absl::StatusCode::kCancelled));
  bus_.reset();
  EXPECT_THAT(ReadSome(*reader, 2), ElementsAre("1", "2"));
  EXPECT_THAT(reader->Next(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(first->payload(), "0");
  EXPECT_EQ(first->topic(), "notices");
}

TEST_P(ASubscriptionIsReadAsAStream, AReaderCanBeMovedAndReplaced) {
  auto reader = bus_->Read("notices");
  ASSERT_THAT(reader, IsOk());
  Reader moved = *std::move(reader);
  PublishNumbers("notices", 1);
  EXPECT_THAT(ReadSome(moved, 1), ElementsAre("0"));
  EXPECT_THAT(reader->Next(), StatusIs(absl::StatusCode::kCancelled));  // NOLINT(bugprone-use-after-move)
  reader->Close();
  auto second = bus_->Read("other");
  ASSERT_THAT(second, IsOk());
  moved = *std::move(second);
  PublishNumbers("other", 1);
  EXPECT_THAT(ReadSome(moved, 1), ElementsAre("0"));
  EXPECT_TRUE(Eventually([&] { return bus_->Stats().subscriptions.size() == 1; }, kPatience));
}

TEST_P(ASubscriptionIsReadAsAStream, APatternIsReadFromAllOfItsTopicsAlsoNewOnes) {
  PublishNumbers("chat.a", 1);
  auto reader = bus_->Read("chat.*");
  ASSERT_THAT(reader, IsOk());
  PublishNumbers("chat.a", 100);
  PublishNumbers("chat.b", 100);
  PublishNumbers("chat.b.c", 1);
  std::map<std::string, std::vector<std::string>> bodies;
  for (int i = 0; i < 200; ++i) {
    const auto message = reader->Next(kPatience);
    ASSERT_THAT(message, IsOk());
    bodies[std::string(message->topic())].emplace_back(message->payload());
  }
  EXPECT_EQ(bodies["chat.a"], Numbers(100));
  EXPECT_EQ(bodies["chat.b"], Numbers(100));
  EXPECT_THAT(reader->Next(milliseconds(0)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  ASSERT_EQ(bus_->Stats().subscriptions.size(), 1u);
  EXPECT_EQ(bus_->Stats().subscriptions[0].topic, "chat.*");
  EXPECT_EQ(bus_->Stats().subscriptions[0].handled, 200u);
}

TEST_P(ASubscriptionIsReadAsAStream, MembersOfAGroupShareWithSubscriptionsToo) {
  auto reader = bus_->Read("notices", {.group = "g"});
  ASSERT_THAT(reader, IsOk());
  std::atomic<int> handled{0};
  ASSERT_THAT(bus_->Subscribe("notices", {.group = "g"},
                              [&](const Delivery&) {
                                handled.fetch_add(1);
                                return absl::OkStatus();
                              }),
              IsOk());
  PublishNumbers("notices", 100);
  int read = 0;
  EXPECT_TRUE(Eventually(
      [&] {
        while (reader->Next(milliseconds(0)).ok()) ++read;
        return read + handled == 100;
      },
      kPatience))
      << read << " " << handled;
}

TEST_P(ASubscriptionIsReadAsAStream, ReadersOfTwoBusesEndIndependently) {
  auto other_bus = Connect(Options("other"));
  auto one = bus_->Read("notices");
  auto two = std::make_unique<Reader>(*other_bus->Read("notices"));
  auto waiting = std::async(std::launch::async, [&] { return one->Next(kPatience); });
  auto closing = std::async(std::launch::async, [&] { two.reset(); });
  ASSERT_EQ(closing.wait_for(kPatience), std::future_status::ready);
  other_bus.reset();
  ASSERT_THAT(bus_->Publish("notices", "n"), IsOk());
  EXPECT_THAT(waiting.get(), IsOk());
}

TEST_P(ASubscriptionIsReadAsAStream, BadInputIsRefused) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  for (const std::string& topic : {std::string(), std::string("a b"), std::string("a.>.b"), std::string("a*"),
                                   std::string(300, 'x'), std::string(300, 'x') + ".*", std::string("dead.letters")}) {
    EXPECT_THAT(bus_->Read(topic), StatusIs(kInvalid)) << topic;
  }
  EXPECT_THAT(bus_->Read("t", {.queue_capacity = 0}), StatusIs(kInvalid, ::testing::HasSubstr("queue_capacity")));
  EXPECT_THAT(bus_->Read("t", {.queue_capacity = static_cast<std::size_t>(-1)}), StatusIs(kInvalid));
  EXPECT_THAT(bus_->Read("t", {.group = "a b"}), StatusIs(kInvalid));
  EXPECT_THAT(bus_->Read("t", {.when_full = static_cast<WhenFull>(9)}), StatusIs(kInvalid));
  bus_->Close();
  EXPECT_THAT(bus_->Read("t"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(bus_->Read("t.*"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(ASubscriptionIsReadAsAStream, ReadingWhileTheBusClosesEndsForEveryReader) {
  for (int round = 0; round < 5; ++round) {
    auto bus = Connect();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&bus, i] {
        while (true) {
          auto reader = bus->Read(i % 2 == 0 ? "notices" : "noti.*");
          if (!reader.ok()) return;
          while (reader->Next(milliseconds(1)).ok()) {
          }
        }
      });
    }
    ASSERT_THAT(bus->Publish("notices", "n"), IsOk());
    bus->Close();
    for (auto& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace penstock::testing
