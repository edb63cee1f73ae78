// SPDX-License-Identifier: Apache-2.0
#include "history.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace penstock::demo {
namespace {

History Build(std::initializer_list<const char*> lines) {
  HistoryBuilder builder;
  for (const char* line : lines) builder.Add(line);
  return builder.Take();
}

TEST(HistoryTest, NumbersTheEventsOfEachPackageFromOne) {
  const History history =
      Build({"2025-06-24 14:36:25 install a:all <none> 1", "2025-06-24 14:36:25 install b:all <none> 1",
             "2025-06-24 14:36:26 status unpacked a:all 1", "2025-06-24 14:36:27 status installed a:all 1"});
  ASSERT_EQ(history.packages.size(), 2U);
  ASSERT_EQ(history.events.size(), 4U);
  EXPECT_EQ(history.events[0].sequence, 1U);
  EXPECT_EQ(history.events[1].sequence, 1U);
  EXPECT_EQ(history.events[2].sequence, 2U);
  EXPECT_EQ(history.events[3].sequence, 3U);
  EXPECT_EQ(history.packages[0].package, "a:all");
  EXPECT_EQ(history.packages[0].first, 0U);
  EXPECT_EQ(history.packages[0].last, 3U);
  EXPECT_EQ(history.packages[0].expected.status, PackageStatus::kInstalled);
  EXPECT_EQ(history.events[3].line, "2025-06-24 14:36:27 status installed a:all 1");
}

TEST(HistoryTest, KeepsArchitecturesOfANameApart) {
  const History history =
      Build({"2025-06-24 14:36:25 install libc6:amd64 <none> 1", "2025-06-24 14:36:25 install libc6:i386 <none> 1"});
  EXPECT_EQ(history.packages.size(), 2U);
}

TEST(HistoryTest, TellsWholeHistoriesFromThoseThatBeginMidway) {
  const History history = Build({"2025-06-24 14:36:25 install a:all <none> 1", "2025-06-24 14:36:25 upgrade b:all 1 2",
                                 "2025-06-24 14:36:25 status unpacked c:all 1"});
  EXPECT_TRUE(history.packages[0].whole);
  EXPECT_FALSE(history.packages[1].whole);
  EXPECT_FALSE(history.packages[1].begins_moved);
  EXPECT_TRUE(history.packages[2].begins_moved);
}

TEST(HistoryTest, CountsWhatItLeavesOut) {
  const History history =
      Build({"2025-06-24 14:36:25 startup archives unpack", "", "nonsense", "2025-06-24 14:36:25 install a <none> 1"});
  EXPECT_EQ(history.other_lines, 1U);
  EXPECT_EQ(history.garbled_lines, 2U);
  EXPECT_EQ(history.events.size(), 1U);
}

TEST(HistoryTest, IsEmptyAfterItWasTaken) {
  HistoryBuilder builder;
  builder.Add("2025-06-24 14:36:25 install a <none> 1");
  builder.Take();
  builder.Add("2025-06-24 14:36:25 install a <none> 1");
  const History history = builder.Take();
  ASSERT_EQ(history.events.size(), 1U);
  EXPECT_EQ(history.events[0].sequence, 1U);
}

}  // namespace
}  // namespace penstock::demo
