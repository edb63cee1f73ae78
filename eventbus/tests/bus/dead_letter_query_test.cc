// SPDX-License-Identifier: Apache-2.0
#include "bus/dead_letters/dead_letter_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>

#include "../refusal.h"

namespace penstock::eventbus {
namespace {

using std::chrono::seconds;
using Time = std::chrono::system_clock::time_point;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

absl::Status Check(const DeadLetterQuery& query) { return CheckQuery("list dead letters", query, "EVENTS"); }

DeadLetter Letter() {
  return {.id = 7,
          .topic = "orders",
          .key = "o-42",
          .error_class = "rejected",
          .last_failed_at = Time(seconds(100)),
          .consumer = "billing"};
}

TEST(DeadLetterQueryTest, NamesTheFieldThatBreaksItsRule) {
  EXPECT_THAT(Check({.topic = "or ders"}), IsRefusedFor("list dead letters: field \"topic\""));
  EXPECT_THAT(Check({.topic = "orders.>"}), IsRefusedFor("topic"));
  EXPECT_THAT(Check({.consumer = "bil.ling"}), IsRefusedFor("\"consumer\""));
  EXPECT_THAT(Check({.key = "o 42"}), IsRefusedFor("\"key\""));
  EXPECT_THAT(Check({.key = std::string("o\0", 2)}), IsRefusedFor("\"key\""));
  EXPECT_THAT(Check({.error_class = "Rejected\n"}), IsRefusedFor("\"error_class\" is \"Rejected\\x0A\""));
  EXPECT_THAT(Check({.ids = {1, 0}}), IsRefusedFor("\"ids\""));
  EXPECT_THAT(Check({.ids = std::vector<std::uint64_t>(10'001, 1)}), IsRefusedFor("\"ids\""));
  EXPECT_THAT(Check({.first_id = 5, .last_id = 4}), IsRefusedFor("\"first_id\""));
  EXPECT_THAT(Check({.failed_from = Time(seconds(5)), .failed_to = Time(seconds(5))}), IsRefusedFor("\"failed_from\""));
  EXPECT_TRUE(Check({}).ok());
  EXPECT_TRUE(Check({.topic = "orders", .error_class = "threw", .ids = {1}, .first_id = 4, .last_id = 4}).ok());
}

TEST(DeadLetterQueryTest, ChecksTheOptions) {
  EXPECT_THAT(CheckOptions(ListOptions{.limit = 0}), IsRefusedFor("\"limit\""));
  EXPECT_THAT(CheckOptions(ListOptions{.limit = 10'001}), IsRefusedFor("\"limit\""));
  for (const double rate :
       {-1.0, 0.001, 1e9, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(CheckOptions(RedriveOptions{.messages_per_second = rate}), IsRefusedFor("\"messages_per_second\""));
  }
  EXPECT_THAT(CheckOptions(RedriveOptions{.max_redrives = 0}), IsRefusedFor("\"max_redrives\""));
  EXPECT_THAT(CheckOptions(RedriveOptions{.max_redrives = kMost}), IsRefusedFor("\"max_redrives\""));
  EXPECT_TRUE(CheckOptions(RedriveOptions{.messages_per_second = 0.01}).ok());
}

TEST(DeadLetterQueryTest, ALetterFitsWhenEveryFieldThatIsSetFits) {
  EXPECT_TRUE(Matches({}, Letter()));
  EXPECT_TRUE(Matches({.topic = "orders", .consumer = "billing", .key = "o-42", .error_class = "rejected"}, Letter()));
  EXPECT_FALSE(Matches({.topic = "notes"}, Letter()));
  EXPECT_FALSE(Matches({.consumer = "audit"}, Letter()));
  EXPECT_FALSE(Matches({.key = "o-4"}, Letter()));
  EXPECT_FALSE(Matches({.error_class = "threw"}, Letter()));
  EXPECT_TRUE(Matches({.ids = {9, 7}}, Letter()));
  EXPECT_FALSE(Matches({.ids = {9}}, Letter()));
  EXPECT_TRUE(Matches({.first_id = 7, .last_id = 7}, Letter()));
  EXPECT_FALSE(Matches({.first_id = 8}, Letter()));
  EXPECT_FALSE(Matches({.last_id = 6}, Letter()));
  EXPECT_TRUE(Matches({.failed_from = Time(seconds(100)), .failed_to = Time(seconds(101))}, Letter()));
  EXPECT_FALSE(Matches({.failed_to = Time(seconds(100))}, Letter()));
}

TEST(DeadLetterQueryTest, OnlyAQueryWithoutAnyFieldIsUnbounded) {
  EXPECT_TRUE(IsUnbounded({}));
  EXPECT_FALSE(IsUnbounded({.topic = "orders"}));
  EXPECT_FALSE(IsUnbounded({.ids = {1}}));
  EXPECT_FALSE(IsUnbounded({.first_id = 1}));
  EXPECT_FALSE(IsUnbounded({.failed_from = Time()}));
}

TEST(DeadLetterQueryTest, AWalkGoesOverTheIdsInOrderAndEnds) {
  const IdWalk all({}, 0);
  EXPECT_EQ(all.first(), 1U);
  EXPECT_EQ(all.Next(kMost), kMost);
  const IdWalk some({.ids = {9, 3, 5}, .last_id = 6}, 0);
  EXPECT_EQ(some.first(), 3U);
  EXPECT_EQ(some.Next(4), 5U);
  EXPECT_EQ(some.Next(6), 0U) << "9 is beyond the last";
  EXPECT_EQ(IdWalk({.first_id = 4}, 0).first(), 4U);
  EXPECT_EQ(IdWalk({.first_id = 4}, 10).first(), 11U);
  EXPECT_EQ(IdWalk({.last_id = 4}, 4).first(), 0U);
  EXPECT_EQ(IdWalk({}, kMost).first(), kMost);
}

}  // namespace
}  // namespace penstock::eventbus
