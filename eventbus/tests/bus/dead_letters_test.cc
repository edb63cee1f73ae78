// SPDX-License-Identifier: Apache-2.0
#include "penstock/eventbus/dead_letters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "letters.h"

namespace penstock::eventbus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DeadLettersTest : public LettersTest {
 protected:
  std::vector<std::uint64_t> Ids(const DeadLetterQuery& query, const ListOptions& options = {}) {
    const auto letters = letters_->List(query, options);
    EXPECT_TRUE(letters.ok()) << letters.status();
    std::vector<std::uint64_t> ids;
    if (letters.ok()) {
      for (const DeadLetter& letter : letters->letters) ids.push_back(letter.id);
    }
    return ids;
  }
  RedriveReport Redrive(const DeadLetterQuery& query, const RedriveOptions& options = {}) {
    auto report = letters_->Redrive(query, options);
    EXPECT_TRUE(report.ok()) << report.status();
    if (!report.ok()) return {};
    EXPECT_EQ(report->matched, report->sent + report->already_sent + report->skipped_loop_guard + report->held_back +
                                   report->gone + report->failed + report->left);
    return *std::move(report);
  }
  bool StoreRedriven(std::uint64_t sequence, const std::string& key, std::uint64_t origin, int redrives,
                     HandlerResult::Kind kind = HandlerResult::Kind::kRetry) {
    const auto item =
        FailedItem(sequence, key, "body", {{std::string(header::kRedriveCount), std::to_string(redrives)}});
    item->origin = origin;
    item->letter = 1'000;
    item->result.kind = kind;
    return Store(*item);
  }
  // The origins of what was published to the topic, in order.
  std::vector<std::string> Origins() {
    std::vector<std::string> origins;
    for (std::uint64_t from = 1;;) {
      const auto message = Published(from);
      if (message == nullptr) return origins;
      origins.emplace_back(message->Header(header::kOriginSequence).value_or("none"));
      from = message->stream_sequence() + 1;
    }
  }
};

TEST_F(DeadLettersTest, ListsByQueryInPagesWithoutBodies) {
  for (std::uint64_t i = 1; i <= 5; ++i) ASSERT_TRUE(Store(10 * i, i % 2 == 0 ? "even" : "odd"));
  ASSERT_TRUE(Store(60, "odd", "audit"));
  EXPECT_THAT(Ids({}), ElementsAre(1U, 2U, 3U, 4U, 5U, 6U));
  EXPECT_THAT(Ids({.topic = "orders", .key = "odd"}), ElementsAre(1U, 3U, 5U, 6U));
  EXPECT_THAT(Ids({.consumer = "audit"}), ElementsAre(6U));
  EXPECT_THAT(Ids({.ids = {5, 2, 99}}), ElementsAre(2U, 5U));
  EXPECT_THAT(Ids({.first_id = 2, .last_id = 3}), ElementsAre(2U, 3U));
  EXPECT_THAT(Ids({.topic = "none"}), IsEmpty());
  EXPECT_THAT(Ids({}, {.limit = 2}), ElementsAre(1U, 2U));
  EXPECT_THAT(Ids({}, {.limit = 2, .after_id = 2}), ElementsAre(3U, 4U));
  EXPECT_THAT(Ids({}, {.limit = 2, .after_id = 6}), IsEmpty());
  EXPECT_EQ(letters_->List({.ids = {1}})->letters.front().body, "");
  EXPECT_EQ(letters_->List({.ids = {1}}, {.bodies = LetterBodies::kInclude})->letters.front().body, "body");
  EXPECT_EQ(letters_->List({.topic = "orders"}, {.bodies = LetterBodies::kInclude})->letters.front().body, "body");
}

TEST_F(DeadLettersTest, SaysHowManyMoreThereAre) {
  for (std::uint64_t i = 1; i <= 5; ++i) ASSERT_TRUE(Store(10 * i, i % 2 == 0 ? "even" : "odd"));
  const auto more = [&](const DeadLetterQuery& query, const ListOptions& options) {
    return letters_->List(query, options)->more;
  };
  EXPECT_EQ(more({}, {.limit = 5}), 0U);
  EXPECT_EQ(more({}, {.limit = 2}), 3U);
  EXPECT_EQ(more({.topic = "orders"}, {.limit = 1, .after_id = 2}), 2U);
  EXPECT_EQ(more({.key = "odd"}, {.limit = 1}), 2U);
  EXPECT_EQ(more({.last_id = 4}, {.limit = 1}), 3U);
  EXPECT_EQ(more({.ids = {5, 2, 1}}, {.limit = 1}), 2U);
  EXPECT_EQ(more({.topic = "none"}, {}), 0U);
}

TEST_F(DeadLettersTest, WithoutAStreamOfDeadLettersThereAreNone) {
  const BusOptions elsewhere{.url = "memory://", .client_id = "letters", .base_stream_name = "OTHER"};
  const auto letters = DeadLettersFactory::Make(elsewhere, *transport_, *streams_);
  EXPECT_THAT(letters->List()->letters, IsEmpty());
  EXPECT_EQ(letters->Get(1).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(letters->Redrive({.topic = "orders"})->matched, 0U);
}

TEST_F(DeadLettersTest, GetsALetterWithItsBodyOrSaysThatItIsNotThere) {
  ASSERT_TRUE(Store(3, "k"));
  ASSERT_TRUE(Store(4, "k"));
  EXPECT_EQ(letters_->Get(2)->body, "body");
  ASSERT_TRUE(Remove(1));
  EXPECT_EQ(letters_->Get(1).status().code(), absl::StatusCode::kNotFound) << "not the next one";
  EXPECT_EQ(letters_->Get(3).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(letters_->Get(0).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(DeadLettersTest, AQueryWithoutAFieldIsNotRedriven) {
  ASSERT_TRUE(Store(3, "k"));
  const auto report = letters_->Redrive({});
  EXPECT_EQ(report.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("`.topic = ...`"));
  EXPECT_EQ(letters_->Redrive({.topic = "or ders"}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(letters_->Redrive({.topic = "orders"}, {.max_redrives = 0}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(letters_->List({.error_class = "odd"}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(letters_->List({}, {.limit = 0}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Published(), nullptr);
}

TEST_F(DeadLettersTest, RedrivesInTheOrderOfTheFirstComingAndKeepsTheLetters) {
  for (const std::uint64_t sequence : {7U, 3U, 12U}) ASSERT_TRUE(Store(sequence, "k"));
  ASSERT_TRUE(StoreRedriven(20, "k", 5, 1));
  const RedriveReport report = Redrive({.topic = "orders"});
  EXPECT_EQ(report.sent, 4U);
  EXPECT_TRUE(report.first_error.ok());
  EXPECT_THAT(Origins(), ElementsAre("3", "5", "7", "12"));
  EXPECT_EQ(Published()->payload(), "body");
  EXPECT_EQ(Published()->Header(header::kDeadLetter), "2");
  EXPECT_THAT(Ids({}), ElementsAre(1U, 2U, 3U, 4U)) << "until the consumer has settled them";
}

TEST_F(DeadLettersTest, RedrivingTwiceStoresOnce) {
  ASSERT_TRUE(Store(3, "k"));
  EXPECT_EQ(Redrive({.topic = "orders"}).sent, 1U);
  EXPECT_EQ(Redrive({.topic = "orders"}).already_sent, 1U);
  EXPECT_THAT(Origins(), ElementsAre("3"));
}

TEST_F(DeadLettersTest, ADryRunSendsNothingAndReportsTheSame) {
  for (const std::uint64_t sequence : {3U, 4U, 5U}) ASSERT_TRUE(Store(sequence, "k"));
  ASSERT_TRUE(StoreRedriven(20, "other", 6, 3));
  const RedriveReport report = Redrive({.topic = "orders"}, {.mode = RedriveMode::kDryRun, .limit = 2});
  EXPECT_EQ(report.matched, 4U);
  EXPECT_EQ(report.sent, 2U);
  EXPECT_EQ(report.left, 2U);
  EXPECT_EQ(Published(), nullptr);
  EXPECT_EQ(Redrive({.topic = "orders"}, {.mode = RedriveMode::kDryRun}).skipped_loop_guard, 1U);
}

TEST_F(DeadLettersTest, ALetterThatWentRoundTooOftenStaysAndHoldsBackWhatIsQuarantinedBehindIt) {
  ASSERT_TRUE(StoreRedriven(20, "k", 3, 3));
  ASSERT_TRUE(StoreRedriven(21, "k", 4, 2, HandlerResult::Kind::kQuarantined));
  ASSERT_TRUE(StoreRedriven(22, "other", 5, 2, HandlerResult::Kind::kQuarantined));
  ASSERT_TRUE(Store(8, "k"));
  const RedriveReport report = Redrive({.topic = "orders"});
  EXPECT_EQ(report.skipped_loop_guard, 1U);
  EXPECT_EQ(report.held_back, 1U);
  EXPECT_EQ(report.sent, 2U);
  EXPECT_THAT(Origins(), ElementsAre("5", "8"));
  EXPECT_EQ(Redrive({.key = "k"}, {.max_redrives = 4}).sent, 2U);
  EXPECT_THAT(Origins(), ElementsAre("5", "8", "3", "4"));
}

TEST_F(DeadLettersTest, SendsNoMoreThanItsLimitAndTheFirstOnes) {
  for (const std::uint64_t sequence : {9U, 8U, 7U}) ASSERT_TRUE(Store(sequence, "k"));
  const RedriveReport report = Redrive({.topic = "orders"}, {.limit = 2});
  EXPECT_EQ(report.sent, 2U);
  EXPECT_EQ(report.left, 1U);
  EXPECT_THAT(Origins(), ElementsAre("7", "8"));
}

TEST_F(DeadLettersTest, TellsItsProgressAfterEveryLetter) {
  for (const std::uint64_t sequence : {7U, 8U}) ASSERT_TRUE(Store(sequence, "k"));
  std::vector<std::size_t> sent;
  Redrive({.topic = "orders"}, {.progress = [&](const RedriveReport& so_far) {
            EXPECT_EQ(so_far.matched, 2U);
            sent.push_back(so_far.sent);
          }});
  EXPECT_THAT(sent, ElementsAre(1U, 2U));
}

TEST_F(DeadLettersTest, AStopLeavesTheRest) {
  for (const std::uint64_t sequence : {7U, 8U}) ASSERT_TRUE(Store(sequence, "k"));
  std::stop_source source;
  source.request_stop();
  const RedriveReport report = Redrive({.topic = "orders"}, {.stop = source.get_token()});
  EXPECT_EQ(report.sent, 0U);
  EXPECT_EQ(report.left, report.matched);
  EXPECT_EQ(Published(), nullptr);
}

TEST_F(DeadLettersTest, KeepsItsRate) {
  for (std::uint64_t sequence = 1; sequence <= 5; ++sequence) ASSERT_TRUE(Store(sequence, "k"));
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(Redrive({.topic = "orders"}, {.messages_per_second = 200}).sent, 5U);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(20));
}

TEST_F(DeadLettersTest, ALetterThatCannotGoBackFailsAloneAndIsNamed) {
  const std::string stream = "EVENTS_dead_letters";
  const auto publish = [&](std::string subject, Headers headers) {
    auto told = std::make_shared<std::promise<bool>>();
    ASSERT_TRUE(
        transport_
            ->Publish({.subject = std::move(subject), .body = "x", .message_id = "", .headers = std::move(headers)},
                      [told](const absl::StatusOr<PubAck>& ack) { told->set_value(ack.ok()); })
            .ok());
    ASSERT_TRUE(told->get_future().get());
  };
  publish(stream + ".EVENTS_dead_letters.orders", {{"Penstock-Consumer", "billing"}});
  publish(stream + ".$JS.API.STREAM.DELETE.EVENTS_orders", {{"Penstock-Consumer", "billing"}});
  publish(stream + ".orders", {{"Penstock-Consumer", "bil.ling"}});
  ASSERT_TRUE(Store(3, "k"));
  const RedriveReport report = Redrive({.first_id = 1});
  EXPECT_EQ(report.failed, 3U);
  EXPECT_EQ(report.sent, 1U);
  EXPECT_EQ(report.first_error.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(report.first_error.message()), HasSubstr("redrive dead letter 2: "));
}

TEST_F(DeadLettersTest, ABodyThatTheLetterHasNoRoomForComesFromTheTopicsStream) {
  const std::string body(transport_->max_payload_bytes() - 200, 'x');
  const std::string id = "50%25-off";
  auto told = std::make_shared<std::promise<bool>>();
  ASSERT_TRUE(transport_
                  ->Publish({.subject = "orders", .body = body, .message_id = id, .headers = {}},
                            [told](const absl::StatusOr<PubAck>& ack) { told->set_value(ack.ok()); })
                  .ok());
  ASSERT_TRUE(told->get_future().get());
  ASSERT_TRUE(Store(*FailedItem(1, "k", body, {{std::string(header::kMessageId), id}})));
  EXPECT_EQ(letters_->Get(1)->body, body);
  EXPECT_EQ(letters_->Get(1)->body_omitted, 0U);
  ASSERT_TRUE(transport_->DeleteMessage("EVENTS_orders", 1).ok());
  EXPECT_EQ(letters_->Get(1)->body, "");
  EXPECT_EQ(letters_->Get(1)->body_omitted, body.size());
  const RedriveReport report = Redrive({.topic = "orders"});
  EXPECT_EQ(report.failed, 1U);
  EXPECT_THAT(std::string(report.first_error.message()), HasSubstr("does not have it any more"));
}

TEST_F(DeadLettersTest, HeadersThatTheLetterHasNoRoomForComeFromTheTopicsStream) {
  const Headers headers = {{"Large", std::string(transport_->max_payload_bytes() - 100, 'x')}};
  auto told = std::make_shared<std::promise<bool>>();
  ASSERT_TRUE(transport_
                  ->Publish({.subject = "orders", .body = "body", .message_id = "id", .headers = headers},
                            [told](const absl::StatusOr<PubAck>& ack) { told->set_value(ack.ok()); })
                  .ok());
  ASSERT_TRUE(told->get_future().get());
  Headers delivered = headers;
  delivered.emplace_back(header::kMessageId, "id");
  ASSERT_TRUE(Store(*FailedItem(1, "k", "body", std::move(delivered))));
  const auto letter = letters_->Get(1);
  ASSERT_TRUE(letter.ok());
  EXPECT_EQ(letter->headers, headers);
  EXPECT_EQ(letter->headers_omitted, 0U);
  EXPECT_EQ(letter->body, "body");
  EXPECT_EQ(letter->key, "k");
  const RedriveReport report = Redrive({.topic = "orders"});
  EXPECT_EQ(report.failed, 1U);
  EXPECT_THAT(std::string(report.first_error.message()), HasSubstr("with the headers of a redrive it takes"));
  ASSERT_TRUE(transport_->DeleteMessage("EVENTS_orders", 1).ok());
  EXPECT_GT(letters_->Get(1)->headers_omitted, 1'000'000U);
  EXPECT_THAT(std::string(Redrive({.topic = "orders"}).first_error.message()), HasSubstr("does not have it any more"));
}

TEST_F(DeadLettersTest, AClosedBusAnswersNothing) {
  transport_->Close();
  EXPECT_EQ(letters_->List().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(letters_->Get(1).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(letters_->Redrive({.topic = "orders"}).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace penstock::eventbus
