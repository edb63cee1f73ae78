// SPDX-License-Identifier: Apache-2.0
#include "bus/delay/delayed_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "memory/memory_message.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {
namespace {

using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

constexpr std::chrono::system_clock::time_point kNoon{std::chrono::nanoseconds(1'700'000'000'123'456'789)};
constexpr char kStream[] = "EVENTS-delayed";

OutboundMessage Message() {
  OutboundMessage message{.subject = "orders.created",
                          .body = "body",
                          .message_id = "id 1.2"  // not what a bus lets through, but a worse case
                          ,
                          .headers = {{"mine", "1"}, {"mine", "2"}}};
  message.reserved_headers.push_back({header::kAggregateId, "k%C3%B6"});
  message.reserved_headers.push_back({header::kEventType, "Created"});
  return message;
}

std::unique_ptr<StoredMessage> Stored(const OutboundMessage& message, Headers more = {}) {
  Headers headers = std::move(more);
  for (const auto& [name, value] : message.reserved_headers) headers.emplace_back(name, value);
  for (const auto& field : message.headers) headers.push_back(field);
  headers.emplace_back(header::kMessageId, message.message_id);
  return std::make_unique<memory::MemoryMessage>(memory::Taken{
      .record = std::make_shared<const memory::Record>(memory::Record{
          .subject = message.subject, .body = message.body, .headers = std::move(headers), .sequence = 7}),
      .delivery_count = 1,
      .pending = 0});
}

TEST(DelayedMessageTest, ComesBackAsItWas) {
  OutboundMessage message = Message();
  message.message_id = "id-1";
  const auto stored = Stored(MakeDelayed(message, kNoon, kStream));
  const DelayedFacts facts = ReadDelayed(*stored, "EVENTS");
  EXPECT_EQ(facts.due, kNoon);
  EXPECT_EQ(facts.topic, "orders.created");
  EXPECT_FALSE(facts.called_off);
  const OutboundMessage relayed = MakeRelayed(*stored);
  EXPECT_EQ(relayed.subject, "orders.created");
  EXPECT_EQ(relayed.body, "body");
  EXPECT_EQ(relayed.message_id, "id-1");
  EXPECT_EQ(relayed.order_key, OrderKeyOf("k%C3%B6"));
  EXPECT_THAT(relayed.headers, Contains(Pair("mine", "1")));
  EXPECT_THAT(relayed.headers, Contains(Pair("mine", "2")));
  EXPECT_THAT(relayed.headers, Contains(Pair(std::string(header::kEventType), "Created")));
  EXPECT_THAT(relayed.headers, Contains(Key(std::string(header::kDeliverAt))));
  for (const std::string_view gone : {header::kTopic, header::kOriginalMessageId, header::kMessageId})
    EXPECT_THAT(relayed.headers, Not(Contains(Key(std::string(gone)))));
}

TEST(DelayedMessageTest, WaitsUnderASubjectOfItsTopicAndId) {
  EXPECT_EQ(DelayedSubject(kStream, "orders.created", "a b"), "EVENTS-delayed.orders=2ecreated.a=20b");
  EXPECT_NE(DelayedSubject(kStream, "a.b", "c"), DelayedSubject(kStream, "a", "b.c"));
  const OutboundMessage one = MakeDelayed(Message(), kNoon, kStream), other = MakeDelayed(Message(), kNoon, kStream);
  EXPECT_EQ(one.subject, other.subject);
  EXPECT_NE(one.message_id, other.message_id) << "the second is to replace the first";
  EXPECT_EQ(one.order_key, other.order_key) << "in the order of the calls";
}

TEST(DelayedMessageTest, WhatIsCalledOffIsNotPublished) {
  const OutboundMessage off = MakeCalledOff("EVENTS-delayed.orders.x", 12);
  EXPECT_TRUE(ReadDelayed(*Stored(off), "EVENTS").called_off);
  EXPECT_FALSE(ReadDelayed(*Stored(off), "EVENTS").due);
  EXPECT_EQ(off.reserved_headers.back().name, "Nats-Expected-Last-Subject-Sequence");
  EXPECT_EQ(off.reserved_headers.back().value, "12");
}

// Whoever may write to the stream of delayed messages must not write to any other subject by it.
TEST(DelayedMessageTest, WhatNoBusDelayedIsNotPublished) {
  const auto due = [](const auto& change) {
    OutboundMessage message = Message();
    message.message_id = "id-1";
    OutboundMessage delayed = MakeDelayed(std::move(message), kNoon, kStream);
    change(delayed);
    return ReadDelayed(*Stored(delayed), "EVENTS").due;
  };
  const auto set = [](std::string_view name, std::string value) {
    return [name, value = std::move(value)](OutboundMessage& message) {
      for (auto& field : message.reserved_headers) {
        if (field.name == name) field.value = value;
      }
    };
  };
  EXPECT_TRUE(due([](OutboundMessage&) {}));
  EXPECT_FALSE(due(set(header::kTopic, "$JS.API.STREAM.DELETE.EVENTS_orders")));
  EXPECT_FALSE(due(set(header::kTopic, "orders.cancelled")));
  EXPECT_FALSE(due(set(header::kTopic, "EVENTS-delayed.x")));
  EXPECT_FALSE(due(set(header::kTopic, "")));
  EXPECT_FALSE(due(set(header::kOriginalMessageId, "id-2")));
  EXPECT_FALSE(due(set(header::kOriginalMessageId, "%0d%0a")));
  EXPECT_FALSE(due(set(header::kDeliverAt, "soon")));
  EXPECT_FALSE(due([](OutboundMessage& message) { message.reserved_headers.clear(); }));
  EXPECT_FALSE(due([](OutboundMessage& message) { message.subject += "x"; }));
}

TEST(DelayedMessageTest, HeadersForTheServerAreNotPassedOn) {
  OutboundMessage message = Message();
  message.message_id = "id-1";
  const auto stored = Stored(MakeDelayed(message, kNoon, kStream), {{"Nats-Rollup", "all"}, {"nats-TTL", "1s"}});
  for (const auto& [name, value] : MakeRelayed(*stored).headers) EXPECT_THAT(name, Not(StartsWith("Nats-"))) << value;
  EXPECT_THAT(MakeRelayed(*stored).headers, Not(Contains(Key("nats-TTL"))));
}

}  // namespace
}  // namespace penstock::eventbus
