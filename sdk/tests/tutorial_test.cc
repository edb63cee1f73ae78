// SPDX-License-Identifier: Apache-2.0
// The program of docs/tutorial.md, compiled and run. A test compares the texts, so that neither changes alone.
#include <atomic>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

// [tutorial declare]
#include <penstock/eventbus/json_codec.h>
#include <penstock/penstock.h>

#include <nlohmann/json.hpp>

struct Charge {
  std::string order;
  std::int64_t cents = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Charge, order, cents)

struct Receipt {
  std::string number;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Receipt, number)

template <>
struct penstock::Codec<Charge> : penstock::JsonCodec<Charge> {
  static std::string Type() { return "Charge"; }
};
template <>
struct penstock::Codec<Receipt> : penstock::JsonCodec<Receipt> {
  static std::string Type() { return "Receipt"; }
};

inline const penstock::Actor<Charge> kChargeCard{
    "charge-card", {.retry = {.max_attempts = 5}, .time_limit = std::chrono::seconds(10), .results = {.keep = true}}};
// [tutorial declare]

namespace {

std::atomic<int> calls{0};

absl::StatusOr<std::string> AskTheBank(const Charge& charge) {
  if (charge.cents < 0) return absl::InvalidArgumentError("a negative amount");
  if (++calls == 1) return absl::UnavailableError("the bank is closed");
  return "r-" + charge.order;
}

// [tutorial handle]
// One call at a time for each customer; others meanwhile. An error is tried again, after a back-off, before anything
// else of that customer; after five attempts the charge is a dead letter.
absl::StatusOr<Receipt> ChargeTheCard(const Charge& charge, const penstock::Delivery& delivery) {
  if (delivery.stop_token().stop_requested()) return absl::CancelledError("out of time");
  absl::StatusOr<std::string> number = AskTheBank(charge);
  if (!number.ok()) return number.status();
  return Receipt{.number = *number};
}

absl::Status Host(penstock::EventBus& bus) { return kChargeCard.Host(bus, &ChargeTheCard).status(); }
// [tutorial handle]

// [tutorial send]
absl::Status Order(penstock::EventBus& bus) {
  // Stored when this returns. Charges of one customer are handled in the order of their sending.
  auto sent = kChargeCard.Send(bus, {.order = "o-42", .cents = 1250}, {.key = "alice"});
  if (!sent.ok()) return sent.status();
  // From any process, now or later, for an hour.
  auto result = kChargeCard.AwaitResult(bus, sent->id, std::chrono::seconds(30));
  if (!result.ok()) return result.status();
  return result->handled ? absl::OkStatus() : absl::AbortedError(result->error);
}
// [tutorial send]

// [tutorial ask]
absl::StatusOr<std::string> ReceiptOf(penstock::EventBus& bus) {
  auto receipt = kChargeCard.Ask<Receipt>(bus, {.order = "o-43", .cents = 800}, std::chrono::seconds(30));
  if (!receipt.ok()) return receipt.status();
  return receipt->number;
}
// [tutorial ask]

// [tutorial middleware]
std::shared_ptr<penstock::Middleware> GiveUpWhatCannotWork() {
  return penstock::middleware::Permanent([](const penstock::Envelope&, const penstock::Outcome& failure) {
    return failure.reason().find("INVALID_ARGUMENT") != std::string::npos;  // to the dead letters at once
  });
}
// [tutorial middleware]

// [tutorial test]
TEST(ChargeCardTest, IsTriedAgainAndGivesAReceipt) {
  auto bus =
      penstock::EventBus::Connect({.url = "memory://", .client_id = "test", .middleware = {GiveUpWhatCannotWork()}});
  ASSERT_TRUE(bus.ok());
  ASSERT_TRUE(Host(**bus).ok());
  EXPECT_TRUE(Order(**bus).ok());
  EXPECT_EQ(ReceiptOf(**bus).value(), "r-o-43");
  auto refused = kChargeCard.Ask<Receipt>(**bus, {.order = "o-44", .cents = -1}, std::chrono::seconds(30));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ((*bus)->dead_letters().List({.topic = kChargeCard.topic()})->letters.size(), 1u);
}
// [tutorial test]

std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(TutorialTest, ItsProgramIsTheOneTested) {
  const std::string source = TextOf(PENSTOCK_TUTORIAL_SNIPPETS);
  const std::string tutorial = TextOf(PENSTOCK_TUTORIAL);
  for (const char* name : {"declare", "handle", "send", "ask", "middleware", "test"}) {
    const std::string mark = "// [tutorial " + std::string(name) + "]\n";
    const std::size_t begin = source.find(mark) + mark.size();
    const std::size_t end = source.find(mark, begin);
    ASSERT_NE(end, std::string::npos) << name;
    EXPECT_THAT(tutorial, ::testing::HasSubstr("```cpp\n" + source.substr(begin, end - begin) + "```\n")) << name;
  }
}

}  // namespace
