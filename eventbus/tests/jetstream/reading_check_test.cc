// SPDX-License-Identifier: Apache-2.0
#include "jetstream/api/reading_check.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace penstock::eventbus::jetstream {
namespace {

bool IsComplete(const ReadingCheck::Leader& leader, std::initializer_list<std::uint64_t> read) {
  ReadingCheck check(leader);
  for (const std::uint64_t sequence : read) check.Read(sequence);
  return check.complete();
}

TEST(ReadingCheckTest, EverythingWasRead) {
  EXPECT_TRUE(IsComplete({.matching = 3, .last = 9, .last_matching = 7}, {2, 4, 7}));
  EXPECT_TRUE(IsComplete({.matching = 0, .last = 9, .last_matching = 0}, {}));
}

TEST(ReadingCheckTest, AServerThatIsBehindLacksTheLast) {
  EXPECT_FALSE(IsComplete({.matching = 3, .last = 9, .last_matching = 7}, {2, 4}));
  EXPECT_FALSE(IsComplete({.matching = 1, .last = 9, .last_matching = 7}, {}));
}

TEST(ReadingCheckTest, AServerThatIsBehindHasWhatWasRemoved) {
  EXPECT_FALSE(IsComplete({.matching = 2, .last = 9, .last_matching = 7}, {2, 4, 7}));
}

TEST(ReadingCheckTest, WhatIsStoredOrRemovedMeanwhileChangesNothing) {
  EXPECT_TRUE(IsComplete({.matching = 3, .last = 9, .last_matching = 11}, {2, 4, 7, 10, 11, 12}));
  EXPECT_TRUE(IsComplete({.matching = 3, .last = 9, .last_matching = 7}, {7}));
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
