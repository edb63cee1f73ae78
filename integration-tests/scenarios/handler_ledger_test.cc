// SPDX-License-Identifier: Apache-2.0
#include "handler_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace penstock::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Handlers of one key or another, each given by its process, key, number, beginning and end (0: none).
class HandlerLedgerTest : public ::testing::Test {
 protected:
  void Ran(pid_t process, const std::string& key, std::uint64_t number, std::int64_t start, std::int64_t end) {
    records_.push_back({.kind = 'S', .process = process, .at_ns = start, .key = key, .number = number});
    if (end > 0) records_.push_back({.kind = 'E', .process = process, .at_ns = end, .key = key, .number = number});
  }
  LedgerFindings Findings(const std::set<pid_t>& killed = {}, const std::vector<std::int64_t>& faults = {}) {
    std::stable_sort(records_.begin(), records_.end(), [](const auto& a, const auto& b) { return a.at_ns < b.at_ns; });
    return Examine(records_, killed, faults);
  }

  std::vector<HandlerRecord> records_;
};

TEST_F(HandlerLedgerTest, FindsNothingInWhatIsRight) {
  Ran(1, "a", 0, 10, 20);
  Ran(1, "b", 0, 11, 21);
  Ran(1, "a", 1, 30, 40);
  Ran(2, "a", 2, 50, 60);
  const LedgerFindings found = Findings();
  EXPECT_EQ(found.handled, 4U);
  EXPECT_EQ(found.reruns, 0U);
  EXPECT_THAT(found.violations, IsEmpty());
  EXPECT_THAT(found.overlaps, IsEmpty());
}

TEST_F(HandlerLedgerTest, FindsAnEventThatOvertook) {
  Ran(1, "a", 1, 10, 20);
  Ran(1, "a", 0, 30, 40);
  EXPECT_THAT(Findings().violations, UnorderedElementsAre(HasSubstr("a:1 in 1 began before")));
}

TEST_F(HandlerLedgerTest, FindsAnEventWhosePredecessorIsMissing) {
  Ran(1, "a", 0, 10, 20);
  Ran(1, "a", 2, 30, 40);
  EXPECT_THAT(Findings().violations, UnorderedElementsAre(HasSubstr("a:2")));
}

TEST_F(HandlerLedgerTest, FindsAKeyAtTwoHandlers) {
  Ran(1, "a", 0, 10, 20);
  Ran(2, "a", 0, 15, 25);
  const LedgerFindings found = Findings();
  EXPECT_THAT(found.violations, UnorderedElementsAre(HasSubstr("busy")));
  EXPECT_EQ(found.reruns, 1U);
}

TEST_F(HandlerLedgerTest, FindsProcessesThatBothHandleAndExcusesWhatAFaultCaughtAtWork) {
  Ran(1, "a", 0, 10, 100);
  Ran(2, "b", 0, 50, 60);
  EXPECT_THAT(Findings().overlaps, UnorderedElementsAre("a:0 in 1 and b:0 in 2"));
  EXPECT_THAT(Findings({}, {20}).overlaps, IsEmpty());
  EXPECT_THAT(Findings({}, {5}).overlaps, ::testing::SizeIs(1));
}

TEST_F(HandlerLedgerTest, ExcusesOneHandlerPerWorkerAfterAWakeAndNoMore) {
  Ran(1, "a", 0, 10, 200);
  Ran(2, "b", 0, 50, 60);
  Ran(2, "c", 0, 51, 61);
  EXPECT_THAT(Examine(records_, {}, {}, {{.process = 2, .at_ns = 45}}).overlaps, IsEmpty());
  EXPECT_THAT(Examine(records_, {}, {}, {{.process = 2, .at_ns = 51}}).overlaps, ::testing::SizeIs(1));
  Ran(2, "d", 0, 70, 80);
  EXPECT_THAT(Examine(records_, {}, {}, {{.process = 2, .at_ns = 45}}).overlaps, ::testing::SizeIs(1));
}

TEST_F(HandlerLedgerTest, WhatAKilledProcessDidNotEndIsNotHandledAndBlocksNobody) {
  Ran(1, "a", 0, 10, 0);
  Ran(2, "a", 0, 50, 60);
  const LedgerFindings found = Findings({1});
  EXPECT_EQ(found.handled, 1U);
  EXPECT_EQ(found.reruns, 0U);
  EXPECT_THAT(found.violations, IsEmpty());
  EXPECT_THAT(found.overlaps, IsEmpty());
  EXPECT_THAT(Findings().overlaps, ::testing::SizeIs(1));
}

}  // namespace
}  // namespace penstock::testing
