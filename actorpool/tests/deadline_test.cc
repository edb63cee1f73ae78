// SPDX-License-Identifier: Apache-2.0
#include "penstock/actorpool/internal/deadline.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <future>

#include "penstock/actorpool/internal/mutex.h"

namespace penstock {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

TEST(DeadlineTest, ConvertsUnitsAsDurationCastDoes) {
  EXPECT_EQ(SaturatingCast<nanoseconds>(milliseconds(3)), nanoseconds(3'000'000));
  EXPECT_EQ(SaturatingCast<nanoseconds>(milliseconds(-3)), nanoseconds(-3'000'000));
  EXPECT_EQ(SaturatingCast<milliseconds>(nanoseconds(-1'999'999)), milliseconds(-1));
  EXPECT_EQ(SaturatingCast<milliseconds>(milliseconds::max()), milliseconds::max());
  EXPECT_EQ(SaturatingCast<seconds>(milliseconds::min()).count(), milliseconds::min().count() / 1'000);
}

TEST(DeadlineTest, EndsAtTheRangeOfTheUnit) {
  constexpr std::int64_t kMostMs = nanoseconds::max().count() / 1'000'000;
  EXPECT_EQ(SaturatingCast<nanoseconds>(milliseconds(kMostMs)), nanoseconds(kMostMs * 1'000'000));
  EXPECT_EQ(SaturatingCast<nanoseconds>(milliseconds(kMostMs + 1)), nanoseconds::max());
  EXPECT_EQ(SaturatingCast<nanoseconds>(milliseconds::max()), nanoseconds::max());
  EXPECT_EQ(SaturatingCast<nanoseconds>(milliseconds::min()), nanoseconds::min());
  EXPECT_EQ(SaturatingCast<nanoseconds>(days(300 * 365)), nanoseconds::max());
  EXPECT_EQ(SaturatingCast<microseconds>(hours::max()), microseconds::max());
}

TEST(DeadlineTest, AddsWithoutLeavingTheRange) {
  const TimePoint now{hours(1'000)};
  EXPECT_EQ(LaterBy(now, milliseconds(5)), now + milliseconds(5));
  EXPECT_EQ(LaterBy(now, milliseconds(-5)), now - milliseconds(5));
  EXPECT_EQ(LaterBy(now, nanoseconds::max() - hours(1'000)), TimePoint::max());
  EXPECT_EQ(LaterBy(now, nanoseconds::max() - hours(1'000) + nanoseconds(1)), TimePoint::max());
  EXPECT_EQ(LaterBy(now, milliseconds::max()), TimePoint::max());
  EXPECT_EQ(LaterBy(TimePoint::max(), nanoseconds(1)), TimePoint::max());
  EXPECT_EQ(LaterBy(TimePoint::max(), nanoseconds(-1)), TimePoint::max() - nanoseconds(1));
  EXPECT_EQ(LaterBy(now, milliseconds::min()), TimePoint::min() + hours(1'000));
  EXPECT_EQ(LaterBy(TimePoint::min(), nanoseconds(-1)), TimePoint::min());
}

TEST(DeadlineTest, IsNowForNoTimeAndNeverForAllTime) {
  for (const milliseconds none : {milliseconds(0), milliseconds(-1), milliseconds::min()}) {
    const TimePoint before = Clock::now();
    const TimePoint deadline = DeadlineAfter(none);
    EXPECT_GE(deadline, before);
    EXPECT_LE(deadline, Clock::now());
  }
  EXPECT_GT(DeadlineAfter(hours(1)), Clock::now() + hours(1) - seconds(60));
  EXPECT_EQ(DeadlineAfter(milliseconds::max()), TimePoint::max());
  EXPECT_EQ(DeadlineAfter(seconds::max()), TimePoint::max());
}

template <typename Time>
void ExpectWaitingUntilItEndsOnlyWithANotice(Time deadline) {
  Mutex mutex;
  CondVar changed;
  bool told = false;
  auto waited = std::async(std::launch::async, [&] {
    MutexLock lock(mutex);
    while (!told && changed.WaitUntil(lock, deadline)) {
    }
    return told;
  });
  EXPECT_EQ(waited.wait_for(milliseconds(20)), std::future_status::timeout);
  {
    MutexLock lock(mutex);
    told = true;
    changed.NotifyAll();
  }
  EXPECT_TRUE(waited.get());
}

TEST(DeadlineTest, TheLastTimeOfAnyClockIsNeverReached) {
  ExpectWaitingUntilItEndsOnlyWithANotice(TimePoint::max());
  ExpectWaitingUntilItEndsOnlyWithANotice(std::chrono::system_clock::time_point::max());
}

}  // namespace
}  // namespace penstock
