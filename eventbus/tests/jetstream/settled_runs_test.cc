// SPDX-License-Identifier: Apache-2.0
// What an owner tells its successor of what it has settled.
#include "jetstream/recovery/settled_runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jetstream/ownership/claim_value.h"
#include "jetstream/recovery/settled_report.h"

namespace penstock::eventbus::jetstream {
namespace {

using Sequences = SettledRuns::Run;
using Runs = std::vector<Sequences>;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::chrono::system_clock::time_point kStored{std::chrono::nanoseconds(1'764'489'600'123'456'789)};

void Settle(SettledRuns& runs, const std::vector<std::uint64_t>& sequences, std::uint64_t epoch = 1) {
  runs.Settled(sequences, epoch);
}

TEST(SettledRunsTest, JoinsWhatIsConsecutiveInAnyOrder) {
  SettledRuns runs;
  runs.Delivered({20, kStored});
  Settle(runs, {5, 3, 9, 4, 3});
  EXPECT_THAT(runs.Some(9).runs, ElementsAre(Sequences{3, 5}, Sequences{9, 9}));
  Settle(runs, {8, 6, 7});
  EXPECT_THAT(runs.Some(9).runs, ElementsAre(Sequences{3, 9}));
  Settle(runs, {2, 10, 1});
  EXPECT_THAT(runs.Some(9).runs, ElementsAre(Sequences{1, 10}));
  EXPECT_EQ(runs.FirstUnsettledFrom(1), 11u);
  EXPECT_EQ(runs.FirstUnsettledFrom(11), 11u);
}

TEST(SettledRunsTest, TakesOverlappingRunsOfOwnersBefore) {
  SettledRuns runs;
  Settle(runs, {4, 20});
  runs.Learn(Runs{{1, 3}, {10, 25}}, {30, kStored});
  EXPECT_THAT(runs.Some(9).runs, ElementsAre(Sequences{1, 4}, Sequences{10, 25}));
  EXPECT_EQ(runs.Some(9).mark.sequence, 30u);
  runs.Delivered({7, {}});
  EXPECT_EQ(runs.Some(9).mark.sequence, 30u) << "the last one";
  EXPECT_EQ(runs.FirstUnsettledFrom(2), 5u);
  EXPECT_EQ(runs.FirstUnsettledFrom(6), 6u);
}

TEST(SettledRunsTest, IgnoresWhatWasSettledInAnotherEpoch) {
  SettledRuns runs;
  runs.Delivered({20, kStored});
  Settle(runs, {1});
  runs.BeginEpoch(2);
  Settle(runs, {2}, 1);
  Settle(runs, {3}, 2);
  EXPECT_THAT(runs.Some(9).runs, ElementsAre(Sequences{1, 1}, Sequences{3, 3}));
}

TEST(SettledRunsTest, ForgetsWhatTheStreamHasLost) {
  SettledRuns runs;
  runs.Delivered({20, kStored});
  Settle(runs, {1, 2, 3, 4, 10, 11});
  runs.EndAt(3);
  EXPECT_EQ(runs.Some(9).mark.sequence, 0u);
  EXPECT_THAT(runs.Some(9).runs, IsEmpty()) << "nothing to know the stream by";
  runs.Delivered({3, kStored});
  EXPECT_THAT(runs.Some(9).runs, ElementsAre(Sequences{1, 3}));
  Settle(runs, {4});
  EXPECT_THAT(runs.Some(9).runs, ElementsAre(Sequences{1, 3})) << "a message of the stream as it was";
  runs.EndAt(0);
  EXPECT_THAT(runs.Some(9).runs, IsEmpty());
  runs.BeginEpoch(2);
  runs.Delivered({4, kStored});
  Settle(runs, {4}, 2);
  EXPECT_THAT(runs.Some(9).runs, ElementsAre(Sequences{4, 4}));
}

// A key whose messages wait leaves a gap at each of them: runs between them are short, and recent.
TEST(SettledRunsTest, KeepsTheLastAndTheLongestWhenThereAreTooMany) {
  SettledRuns runs;
  std::vector<std::uint64_t> settled(100);
  std::iota(settled.begin(), settled.end(), 1);
  for (std::uint64_t i = 0; i < 3 * SettledRuns::kMost; ++i) settled.push_back(1000 + 2 * i);
  const std::uint64_t last = settled.back();
  runs.Delivered({last, kStored});
  for (const std::uint64_t each : settled) Settle(runs, {each});
  const Runs kept = runs.Some(SettledRuns::kMost + 1).runs;
  EXPECT_LE(kept.size(), SettledRuns::kMost);
  EXPECT_EQ(kept.front(), (Sequences{1, 100}));
  for (std::uint64_t i = 0; i < SettledRuns::kMost / 4; ++i) {
    ASSERT_EQ(kept[kept.size() - 1 - i], (Sequences{last - 2 * i, last - 2 * i}));
  }
  EXPECT_THAT(runs.Some(1).runs, ElementsAre(Sequences{1, 100}));
  EXPECT_THAT(runs.Some(3).runs, ElementsAre(Sequences{1, 100}, _, Sequences{last, last}));
}

TEST(SettledRunsTest, TellsNothingBeyondWhatWasDelivered) {
  SettledRuns runs;
  runs.Delivered({5, kStored});
  Settle(runs, {1, 4, 5, 6, 9});
  const SettledRuns::Excerpt some = runs.Some(9);
  EXPECT_EQ(some.mark.sequence, 5u);
  EXPECT_THAT(some.runs, ElementsAre(Sequences{1, 1}, Sequences{4, 5}));
}

TEST(SettledReportTest, IsReadAsItWasWritten) {
  const SettledReport report{.stream_created = "2026-11-30T09:00:00.5Z",
                             .consumer_created = "2026-11-30T09:00:01Z",
                             .consumer_tag = "tag",
                             .mark = {500, kStored},
                             .runs = {{1, 400}, {402, 402}, {404, 500}}};
  const auto read = DecodeSettledReport(Encode(report));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->stream_created, report.stream_created);
  EXPECT_EQ(read->consumer_created, report.consumer_created);
  EXPECT_EQ(read->consumer_tag, "tag");
  EXPECT_EQ(read->mark.sequence, 500u);
  EXPECT_EQ(read->mark.stored_at, kStored);
  EXPECT_EQ(read->runs, report.runs);
}

TEST(SettledReportTest, IsNothingWhenAnyOfItCannotBe) {
  ASSERT_TRUE(DecodeSettledReport("s c - 9 1 1.4 2.4"));
  ASSERT_TRUE(DecodeSettledReport("s c - 9 1"));
  std::string many = "s c - 100000 1";
  for (std::size_t i = 0; i <= SettledReport::kMostRuns; ++i) absl::StrAppend(&many, " 2.1");
  const std::string highest = absl::StrCat(std::numeric_limits<std::uint64_t>::max());
  for (const std::string& text : {std::string(),
                                  std::string("s c - 9"),
                                  std::string("s c  9 1 1.4"),
                                  std::string(" c - 9 1 1.4"),
                                  std::string("s  - 9 1 1.4"),
                                  std::string("s c - x 1 1.4"),
                                  std::string("s c - 9 y 1.4"),
                                  std::string("s c - 9 1 4.0"),
                                  std::string("s c - 9 1 0.4"),
                                  std::string("s c - 9 1 1.10"),
                                  std::string("s c - 9 1 6.5"),
                                  std::string("s c - 9 1 1.4 1.4"),
                                  std::string("s c - 9 1 1.4 0.4"),
                                  std::string("s c - 9 1 1.4.5"),
                                  std::string("s c - 9 1 1"),
                                  std::string("s c - 9 1 1.4 "),
                                  std::string("s c - 9 1 -1.4"),
                                  absl::StrCat("s c - 9 1 1.", highest),
                                  absl::StrCat("s c - 9 1 ", highest, ".1"),
                                  absl::StrCat("s c - ", highest, " 1 1.", highest),
                                  absl::StrCat("s c - ", highest, "0 1 1.4"),
                                  many,
                                  std::string("\0 \0 - 9 1 1.4\n", 14)}) {
    EXPECT_FALSE(DecodeSettledReport(text)) << text;
  }
}

TEST(ClaimValueTest, IsReadAsItWasWritten) {
  for (const ClaimValue& claim : {ClaimValue{}, ClaimValue{"id", "_INBOX.a.", ""}, ClaimValue{"id", "_INBOX.a.", "s c"},
                                  ClaimValue{"", "", "s c - 9 1 1.4"}, ClaimValue{"", "_INBOX.a.", ""}}) {
    EXPECT_EQ(ParseClaim(Format(claim)), claim) << Format(claim);
  }
  EXPECT_EQ(Format(ClaimValue{}), "");
}

TEST(ClaimValueTest, ASessionHasAReportForEachConsumer) {
  const SessionValue session{.holder = "billing service", .reports = {{"A.b", "s c - 9 1 1.4"}, {"A.c", ""}}};
  const SessionValue read = ParseSession(Format(session));
  EXPECT_EQ(read.holder, session.holder);
  EXPECT_EQ(read.reports, session.reports);
  EXPECT_EQ(ParseSession("only a holder").holder, "only a holder");
  EXPECT_THAT(ParseSession("\n\n\n").reports, ::testing::SizeIs(1)) << "rubbish is harmless";
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
