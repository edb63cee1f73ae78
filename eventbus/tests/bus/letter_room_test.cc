// SPDX-License-Identifier: Apache-2.0
#include "bus/publish/letter_room.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "bus/dead_letters/letter_headers.h"
#include "letters.h"

namespace penstock::eventbus {
namespace {

using testing::Contains;
using testing::Key;
using testing::Not;
using testing::Pair;

constexpr std::string_view kLetterStream = "EVENTS_dead_letters";
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
const std::string kLongName(64, 'n');
const std::string kLongHandler(128, 'h');
const std::string kLongHost(64, 'm');

OutboundMessage Published(std::string topic, std::string id, std::string body) {
  OutboundMessage message{.subject = std::move(topic), .body = std::move(body), .message_id = std::move(id)};
  message.headers = {{"Colour", "red"}, {std::string(header::kAggregateId), "k"}};
  return message;
}

// What the stream delivers of it, and everything about it is as long as can be: it was redriven, and failed again.
std::unique_ptr<InFlightMessage> FailedAtLength(const OutboundMessage& message, std::size_t reason) {
  Headers headers = message.headers;
  headers.emplace_back(header::kMessageId, message.message_id);
  headers.emplace_back(header::kRedriveCount, std::to_string(kMost));
  auto item = std::make_unique<InFlightMessage>();
  item->message = std::make_unique<memory::MemoryMessage>(
      memory::Taken{.record = std::make_shared<const memory::Record>(memory::Record{.subject = message.subject,
                                                                                    .body = message.body,
                                                                                    .headers = std::move(headers),
                                                                                    .sequence = kMost,
                                                                                    .stored_at = kNoon}),
                    .delivery_count = kMost,
                    .pending = 0});
  item->sequence = item->origin = item->letter = kMost;
  item->key_storage = "k";
  item->key = item->key_storage;
  item->failures = kMost;
  item->first_failed_at = item->last_failed_at = kNoon - std::chrono::nanoseconds(1);
  item->result = {.kind = HandlerResult::Kind::kUndecodable, .reason = std::string(reason, 'x')};
  return item;
}

OutboundMessage LetterOf(const OutboundMessage& message, std::size_t reason, std::size_t limit) {
  const std::string stream = StreamName("EVENTS", message.subject);
  return MakeLetter(
      *FailedAtLength(message, reason),
      {.topic = message.subject, .stream = stream, .consumer = kLongName, .handler = kLongHandler, .host = kLongHost},
      kLetterStream, limit);
}

TEST(LetterRoomTest, IsWhatTheLongestLetterTakesBeyondItsMessage) {
  for (const char* topic : {"orders", "orders.eu_west-1.v2"}) {
    for (const char* id : {"1", "50%25", "0192d3a4-9c7e-7cc3-8d5e-0123456789ab"}) {
      const OutboundMessage message = Published(topic, id, std::string(1000, 'b'));
      const std::size_t room = LetterRoomBytes(message, "EVENTS");
      const OutboundMessage letter = LetterOf(message, kReasonRoomBytes, 1 << 20);
      // The time in its message ID has a digit less than it could have.
      EXPECT_EQ(SizeBytes(letter) + 1, SizeBytes(message) + room) << topic << " " << id;
    }
  }
}

TEST(LetterRoomTest, ALetterAtTheEdgeIsWholeAndItsRedriveFits) {
  for (const std::size_t body : {std::size_t{0}, std::size_t{1}, std::size_t{5000}}) {
    const OutboundMessage message = Published("orders", "id", std::string(body, 'b'));
    const std::size_t limit = SizeBytes(message) + LetterRoomBytes(message, "EVENTS");
    const OutboundMessage letter = LetterOf(message, 2000, limit);
    EXPECT_EQ(letter.body, message.body);
    EXPECT_LE(SizeBytes(letter), limit);
    EXPECT_THAT(letter.headers, Contains(Pair("Penstock-Host", kLongHost)));
    EXPECT_THAT(letter.headers, Contains(Pair("Penstock-Handler", kLongHandler)));
    EXPECT_THAT(letter.headers, Contains(Pair("Colour", "red")));
    EXPECT_THAT(letter.headers, Contains(Pair("Penstock-Error", testing::SizeIs(testing::Ge(kReasonRoomBytes)))));
    const DeadLetter read{.id = kMost,
                          .topic = "orders",
                          .key = "k",
                          .stored_at = kNoon,
                          .origin_sequence = kMost,
                          .consumer = kLongName,
                          .redrive_count = kMost - 1,
                          .message_id = "id",
                          .body = message.body,
                          .headers = message.headers};
    EXPECT_LE(SizeBytes(MakeRedriven(read, kLetterStream)), limit);
  }
}

TEST(LetterRoomTest, HasABoundThatNoNameExceeds) {
  const OutboundMessage message = Published(std::string(190, '-'), std::string(128, '%'), "");
  EXPECT_LE(LetterRoomBytes(message, kLongName), kMostLetterRoomBytes);
}

// Messages of other programs leave no room. What goes, goes in the order of the contract, one byte after the other.
TEST(LetterRoomTest, AForeignMessageLosesTheReasonThenHostAndHandlerThenTheBody) {
  const OutboundMessage message = Published("orders", "id", std::string(1000, 'b'));
  const std::size_t whole = SizeBytes(LetterOf(message, 300, 1 << 20));
  int stage = 0;  // grows
  for (std::size_t limit = whole; limit > SizeBytes(message) - 200; --limit) {
    const OutboundMessage letter = LetterOf(message, 300, limit);
    ASSERT_LE(SizeBytes(letter), limit);
    const auto has = [&](std::string_view name) {
      return std::ranges::any_of(letter.headers, [&](const auto& field) { return field.first == name; });
    };
    const int now = letter.body.empty()      ? 4
                    : !has(header::kHandler) ? 3
                    : !has(header::kHost)    ? 2
                    : !has(header::kError)   ? 1
                                             : 0;
    ASSERT_GE(now, stage) << limit;
    stage = now;
    ASSERT_TRUE(has(header::kConsumer) && has(header::kOriginSequence) && has(header::kOriginalMessageId)) << limit;
  }
  EXPECT_EQ(stage, 4);
}

TEST(LetterRoomTest, HeadersThatDoNotFitAreLeftOutButForTheKey) {
  OutboundMessage message = Published("orders", "id", "body");
  message.headers.emplace_back("Large", std::string(4000, 'l'));
  const OutboundMessage letter = LetterOf(message, 300, 4000);
  EXPECT_LE(SizeBytes(letter), 4000U);
  EXPECT_THAT(letter.headers, Not(Contains(Key("Large"))));
  EXPECT_THAT(letter.headers, Contains(Pair("Penstock-Aggregate-Id", "k")));
  EXPECT_THAT(letter.headers, Contains(Key("Penstock-Headers-Omitted")));
  EXPECT_THAT(letter.headers, Contains(Pair("Penstock-Error", std::string(300, 'x'))));
}

}  // namespace
}  // namespace penstock::eventbus
