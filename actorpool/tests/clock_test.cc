// SPDX-License-Identifier: Apache-2.0
#include "clock.h"

#include <chrono>

#include "gtest/gtest.h"

namespace penstock::actorpool {
namespace {

constexpr int kReadings = 100'000;
constexpr std::chrono::microseconds kResolution{2};

TEST(FrequentClockTest, TellsTheTimeToTwoMicrosecondsAndNeverGoesBack) {
  FrequentClock clock;
  TimePoint last{};
  for (int i = 0; i < kReadings; ++i) {
    const TimePoint before = Clock::now();
    const TimePoint told = clock.Now();
    const TimePoint after = Clock::now();
    ASSERT_GE(told, before - kResolution);
    ASSERT_LE(told, after);
    ASSERT_GE(told, last);
    last = told;
  }
}

TEST(FrequentClockTest, TellsTheTimeAfterALongWhileToo) {
  FrequentClock clock;
  clock.Now();
  for (const TimePoint end = Clock::now() + std::chrono::milliseconds(5); Clock::now() < end;) {
  }
  const TimePoint before = Clock::now();
  EXPECT_GE(clock.Now(), before - kResolution);
}

TEST(FrequentClockTest, ReadsTheClockAtOnce) {
  const TimePoint before = Clock::now();
  EXPECT_GE(FrequentClock{}.Now(), before);
}

}  // namespace
}  // namespace penstock::actorpool
