// SPDX-License-Identifier: Apache-2.0
#include "bus/dead_letters/letter_headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "letters.h"

namespace penstock::eventbus {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Key;
using testing::Not;
using testing::Pair;

constexpr std::string_view kStream = "EVENTS_dead_letters";
constexpr std::size_t kRoomy = 1 << 20;
constexpr LetterOrigin kOrigin = {.topic = "orders.eu",
                                  .stream = "EVENTS_orders_eu",
                                  .consumer = "billing",
                                  .handler = "charge-cards",
                                  .host = "node-7"};

// The letter as its stream would hand it out.
memory::MemoryMessage Stored(OutboundMessage letter, std::uint64_t id = 11) {
  return memory::MemoryMessage(
      {.record = std::make_shared<const memory::Record>(memory::Record{.subject = std::move(letter.subject),
                                                                       .body = std::move(letter.body),
                                                                       .headers = std::move(letter.headers),
                                                                       .sequence = id,
                                                                       .stored_at = kNoon + std::chrono::seconds(5)}),
       .delivery_count = 1,
       .pending = 0});
}

DeadLetter Read(const InFlightMessage& item, std::size_t max_bytes = kRoomy) {
  return ReadLetter(Stored(MakeLetter(item, kOrigin, kStream, max_bytes)), kStream);
}

TEST(LetterHeadersTest, ALetterHasTheWholeFailureHistory) {
  const auto item = FailedItem(42, "o%2042", std::string("a\0b", 3), {{"Colour", "red"}});
  const DeadLetter letter = Read(*item);
  EXPECT_EQ(letter.id, 11U);
  EXPECT_EQ(letter.topic, "orders.eu");
  EXPECT_EQ(letter.key, "o 42");
  EXPECT_EQ(letter.error_class, "exhausted");
  EXPECT_EQ(letter.error, "card terminal is down");
  EXPECT_EQ(letter.attempts, 2U);
  EXPECT_EQ(letter.first_failed_at, kNoon - std::chrono::nanoseconds(1));
  EXPECT_EQ(letter.last_failed_at, kNoon);
  EXPECT_EQ(letter.stored_at, kNoon + std::chrono::seconds(5));
  EXPECT_EQ(letter.stream, "EVENTS_orders_eu");
  EXPECT_EQ(letter.stream_sequence, 42U);
  EXPECT_EQ(letter.origin_sequence, 42U);
  EXPECT_EQ(letter.consumer, "billing");
  EXPECT_EQ(letter.handler, "charge-cards");
  EXPECT_EQ(letter.host, "node-7");
  EXPECT_EQ(letter.redrive_count, 0U);
  EXPECT_EQ(letter.message_id, "id-42");
  EXPECT_EQ(letter.body, std::string("a\0b", 3));
  EXPECT_THAT(letter.headers, ElementsAre(Pair("Colour", "red"), Pair("Penstock-Aggregate-Id", "o%2042")));
}

TEST(LetterHeadersTest, EveryVerdictHasItsErrorClass) {
  const std::map<HandlerResult::Kind, std::string> classes = {{HandlerResult::Kind::kRetry, "exhausted"},
                                                              {HandlerResult::Kind::kThrew, "threw"},
                                                              {HandlerResult::Kind::kReject, "rejected"},
                                                              {HandlerResult::Kind::kUndecodable, "undecodable"},
                                                              {HandlerResult::Kind::kQuarantined, "quarantined"}};
  for (const auto& [kind, name] : classes) {
    const auto item = FailedItem(1, "k");
    item->result.kind = kind;
    EXPECT_EQ(Read(*item).error_class, name);
  }
}

TEST(LetterHeadersTest, AMessageThatWasNeverHandledIsDatedByItsSettingAside) {
  const auto item = FailedItem(1, "k");
  item->first_failed_at = item->last_failed_at = {};
  const auto before = std::chrono::system_clock::now();
  const DeadLetter letter = Read(*item);
  EXPECT_EQ(letter.first_failed_at, std::chrono::system_clock::time_point{});
  EXPECT_GE(letter.last_failed_at, before);
}

TEST(LetterHeadersTest, AnErrorIsOneLineOfBoundedLength) {
  const auto item = FailedItem(1, "k");
  item->result.reason = std::string("a\r\nNats-Rollup: all\0", 20) + std::string(2000, 'x');
  const OutboundMessage letter = MakeLetter(*item, kOrigin, kStream, kRoomy);
  const auto error = std::find_if(letter.headers.begin(), letter.headers.end(),
                                  [](const auto& field) { return field.first == header::kError; });
  ASSERT_NE(error, letter.headers.end());
  EXPECT_EQ(error->second.size(), 1024U);
  EXPECT_TRUE(error->second.starts_with("a  Nats-Rollup: all x"));
  item->result.reason = std::string(1023, 'x') + "\xC3\xA4";
  EXPECT_EQ(Read(*item).error, std::string(1023, 'x')) << "not cut inside a character";
}

TEST(LetterHeadersTest, CommandsToTheServerAndForeignHistoriesDoNotReachTheLetter) {
  const auto item = FailedItem(1, "k", "body",
                               {{"Nats-Rollup", "all"},
                                {"nats-expected-last-sequence", "9"},
                                {"PENSTOCK-ERROR", "a lie"},
                                {"Penstock-Redrive-Count", "99"},
                                {"Penstock-Dead-Letter", "1"}});
  const OutboundMessage letter = MakeLetter(*item, kOrigin, kStream, kRoomy);
  for (const char* name : {"Nats-Rollup", "nats-expected-last-sequence", "PENSTOCK-ERROR", "Nats-Msg-Id",
                           "Penstock-Redrive-Count", "Penstock-Dead-Letter"}) {
    EXPECT_THAT(letter.headers, Not(Contains(Key(name)))) << name;
  }
}

TEST(LetterHeadersTest, AKeyThatOnlyTheBodyHadIsTold) {
  const auto item = FailedItem(1, "");
  item->key_storage = "o%2042";
  item->key = item->key_storage;
  EXPECT_EQ(Read(*item).key, "o 42");
}

TEST(LetterHeadersTest, ABodyThatDoesNotFitBesideTheHistoryIsLeftOut) {
  const auto item = FailedItem(1, "k", std::string(2000, 'x'));
  const DeadLetter letter = Read(*item, 2100);
  EXPECT_EQ(letter.body, "");
  EXPECT_EQ(letter.body_omitted, 2000U);
  EXPECT_EQ(letter.error, "card terminal is down");
  EXPECT_LE(SizeBytes(MakeLetter(*item, kOrigin, kStream, 2100)), 2100U);
}

TEST(LetterHeadersTest, ARedrivenMessageIsTheOriginalAndSaysForWhom) {
  const auto item = FailedItem(42, "k", "body", {{"Colour", "red"}, {"Content-Type", "application/json"}});
  const OutboundMessage redriven = MakeRedriven(Read(*item), kStream);
  EXPECT_EQ(redriven.subject, "orders.eu");
  EXPECT_EQ(redriven.body, "body");
  EXPECT_EQ(redriven.message_id, "redrive:EVENTS_dead_letters:11:1700000005000000000");
  EXPECT_THAT(redriven.headers,
              ElementsAre(Pair("Colour", "red"), Pair("Content-Type", "application/json"),
                          Pair("Penstock-Aggregate-Id", "k"), Pair("Penstock-Original-Message-Id", "id-42"),
                          Pair("Penstock-Redrive-For", "billing"), Pair("Penstock-Redrive-Count", "1"),
                          Pair("Penstock-Origin-Sequence", "42"), Pair("Penstock-Dead-Letter", "11")));
}

// Letters of a key stay in order, and a redriven message keeps its place among publishes of its aggregate.
TEST(LetterHeadersTest, TheOrderKeyIsThatOfTheAggregate) {
  const auto item = FailedItem(1, "");
  item->key_storage = "o%2042";
  item->key = item->key_storage;
  EXPECT_EQ(MakeLetter(*item, kOrigin, kStream, kRoomy).order_key, OrderKeyOf("o%2042"));
  EXPECT_EQ(MakeRedriven(Read(*item), kStream).order_key, OrderKeyOf("o%2042"));
  EXPECT_NE(OrderKeyOf("o%2042"), 0U);
  EXPECT_EQ(MakeLetter(*FailedItem(1, ""), kOrigin, kStream, kRoomy).order_key, 0U) << "without an aggregate: no order";
}

TEST(LetterHeadersTest, ARedrivenMessageThatFailsAgainKeepsItsOriginAndCount) {
  OutboundMessage redriven = MakeRedriven(Read(*FailedItem(42, "k")), kStream);
  auto again = FailedItem(60, "k", redriven.body, redriven.headers);
  again->origin = 42;
  again->letter = 11;
  const DeadLetter letter = Read(*again);
  EXPECT_EQ(letter.stream_sequence, 60U);
  EXPECT_EQ(letter.origin_sequence, 42U);
  EXPECT_EQ(letter.redrive_count, 1U);
  EXPECT_EQ(letter.message_id, "id-42");
  EXPECT_THAT(MakeRedriven(letter, kStream).headers, Contains(Pair("Penstock-Redrive-Count", "2")));
}

TEST(LetterHeadersTest, ReadsWhateverSomebodyElseWrote) {
  OutboundMessage hostile{.subject = "EVENTS_dead_letters",
                          .body = "x",
                          .message_id = "m",
                          .headers = {{"Penstock-Attempts", "-1"},
                                      {"Penstock-Stream-Sequence", "1e9"},
                                      {"Penstock-Origin-Sequence", "99999999999999999999999"},
                                      {"Penstock-Last-Failed-At", "yesterday"},
                                      {"Penstock-Original-Message-Id", "%zz%"},
                                      {"Penstock-Redrive-Count", ""}}};
  const DeadLetter letter = ReadLetter(Stored(hostile), kStream);
  EXPECT_EQ(letter.topic, "");
  EXPECT_EQ(letter.attempts, 0U);
  EXPECT_EQ(letter.stream_sequence, 0U);
  EXPECT_EQ(letter.origin_sequence, 0U);
  EXPECT_EQ(letter.redrive_count, 0U);
  EXPECT_EQ(letter.last_failed_at, letter.stored_at);
}

TEST(LetterHeadersTest, TheDocumentNamesEveryHeader) {
  std::ifstream file(PENSTOCK_DEAD_LETTERS_DOC);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  for (const std::string_view name :
       {header::kOriginalMessageId, header::kErrorClass, header::kError, header::kAttempts, header::kFirstFailedAt,
        header::kLastFailedAt, header::kTopic, header::kStream, header::kStreamSequence, header::kOriginSequence,
        header::kConsumer, header::kHandler, header::kHost, header::kBodyOmitted, header::kHeadersOmitted,
        header::kRedriveCount, header::kRedriveFor, header::kDeadLetter, header::kAggregateId}) {
    EXPECT_THAT(text, HasSubstr("| `" + std::string(name) + "` |"));
  }
  for (const std::string_view name : {error_class::kExhausted, error_class::kThrew, error_class::kRejected,
                                      error_class::kUndecodable, error_class::kQuarantined}) {
    EXPECT_THAT(text, HasSubstr("| `" + std::string(name) + "` |"));
  }
  std::size_t rows = 0;
  for (auto at = text.find("\n| `Penstock-"); at != std::string::npos; at = text.find("\n| `Penstock-", at + 1)) ++rows;
  EXPECT_EQ(rows, 19U) << "a header that is no longer written is still described";
}

}  // namespace
}  // namespace penstock::eventbus
