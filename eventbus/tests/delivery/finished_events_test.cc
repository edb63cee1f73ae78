// SPDX-License-Identifier: Apache-2.0
#include "delivery/policy/finished_events.h"

#include <gtest/gtest.h>

#include <string>

namespace penstock::eventbus {
namespace {

using std::chrono::seconds;

constexpr FinishedEvents::Time kNoon{std::chrono::hours(12)};

TEST(FinishedEventsTest, RecognisesACopyStoredWithinTheWindowWhicheverCameFirst) {
  FinishedEvents events(seconds(120));
  events.Add("e-1", kNoon);
  EXPECT_TRUE(events.HasCopyOf("e-1", kNoon));
  EXPECT_TRUE(events.HasCopyOf("e-1", kNoon + seconds(119)));
  EXPECT_TRUE(events.HasCopyOf("e-1", kNoon - seconds(119)));
  EXPECT_FALSE(events.HasCopyOf("e-2", kNoon));
}

TEST(FinishedEventsTest, TheSameIdAfterTheWindowIsAnotherEvent) {
  FinishedEvents events(seconds(120));
  events.Add("e-1", kNoon);
  EXPECT_FALSE(events.HasCopyOf("e-1", kNoon + seconds(120)));
  events.Add("e-1", kNoon + seconds(200));
  EXPECT_TRUE(events.HasCopyOf("e-1", kNoon + seconds(300)));
  EXPECT_EQ(events.size(), 1U);
}

TEST(FinishedEventsTest, MessagesWithoutAnIdAreNoCopiesOfEachOther) {
  FinishedEvents events(seconds(120));
  events.Add("", kNoon);
  EXPECT_FALSE(events.HasCopyOf("", kNoon));
  EXPECT_EQ(events.size(), 0U);
}

TEST(FinishedEventsTest, WithoutAWindowNothingIsRemembered) {
  FinishedEvents events(seconds(0));
  events.Add("e-1", kNoon);
  EXPECT_FALSE(events.enabled());
  EXPECT_FALSE(events.HasCopyOf("e-1", kNoon));
}

TEST(FinishedEventsTest, KeepsTheLastOnesWithinItsBound) {
  FinishedEvents events(seconds(120));
  const auto id = [](std::size_t number) { return "e-" + std::to_string(number); };
  for (std::size_t i = 0; i < 3 * FinishedEvents::kMaxEvents; ++i) events.Add(id(i), kNoon);
  EXPECT_EQ(events.size(), FinishedEvents::kMaxEvents);
  for (std::size_t i = 0; i < 2 * FinishedEvents::kMaxEvents; ++i) ASSERT_FALSE(events.HasCopyOf(id(i), kNoon)) << i;
  for (std::size_t i = 2 * FinishedEvents::kMaxEvents; i < 3 * FinishedEvents::kMaxEvents; ++i) {
    ASSERT_TRUE(events.HasCopyOf(id(i), kNoon)) << i;
  }
}

TEST(FinishedEventsTest, AStreamMadeAgainHasNewIds) {
  FinishedEvents events(seconds(120));
  events.Add("e-1", kNoon);
  events.Clear();
  EXPECT_FALSE(events.HasCopyOf("e-1", kNoon));
  events.Add("e-1", kNoon);
  EXPECT_TRUE(events.HasCopyOf("e-1", kNoon));
}

}  // namespace
}  // namespace penstock::eventbus
