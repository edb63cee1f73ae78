// SPDX-License-Identifier: Apache-2.0
#include "scheduler.h"

#include <array>
#include <thread>
#include <vector>

#include "gate.h"
#include "gtest/gtest.h"

namespace penstock::actorpool {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Turn kIdle = {.next = Turn::Next::kIdle};
constexpr Turn kAgain = {.next = Turn::Next::kAgain};

/// Actors by address only: the scheduler never looks at one.
class SchedulerTest : public ::testing::Test {
 protected:
  Runnable* actor(std::size_t i) { return reinterpret_cast<Runnable*>(&places_[i]); }

  void Add(Runnable* actor, TimePoint not_before = {}) {
    if (scheduler_.Add(actor, Clock::now(), not_before)) scheduler_.WakeOne();
  }

  static Turn PauseUntil(TimePoint time) { return {.next = Turn::Next::kPause, .resume_at = time}; }

  std::array<double, 4> places_{};
  Scheduler scheduler_{4, 4};
};

TEST_F(SchedulerTest, HandsActorsOutInTheOrderTheyBecameReady) {
  for (std::size_t i : {2, 0, 3, 1}) Add(actor(i));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(2));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(0));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(3));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(1));
}

TEST_F(SchedulerTest, AnotherTurnComesBehindTheOthers) {
  Add(actor(0));
  Add(actor(1));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(0));
  EXPECT_EQ(scheduler_.Next(actor(0), kAgain), actor(1));
  EXPECT_EQ(scheduler_.Next(actor(1), kIdle), actor(0));
}

TEST_F(SchedulerTest, ManyAddedAtOnceComeInOrderButForThoseThatPause) {
  const TimePoint resume_at = Clock::now() + milliseconds(20);
  Add(actor(3));
  scheduler_.AddAll({});
  const std::vector<Scheduler::Activation> activations = {
      {.runnable = actor(2)}, {.runnable = actor(0), .not_before = resume_at}, {.runnable = actor(1)}};
  scheduler_.AddAll(activations);
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(3));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(2));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(1));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(0));
  EXPECT_GE(Clock::now(), resume_at);
  EXPECT_FALSE(scheduler_.AwaitIdle(Clock::now()));
}

TEST_F(SchedulerTest, WakesNobodyWhenNobodySleeps) { EXPECT_FALSE(scheduler_.Add(actor(0), Clock::now(), {})); }

TEST_F(SchedulerTest, PausesEndInTimeAndInOrder) {
  const TimePoint now = Clock::now();
  Add(actor(0), now + milliseconds(40));
  Add(actor(1), now + milliseconds(20));
  Add(actor(2));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(2));
  EXPECT_EQ(scheduler_.Next(actor(2), PauseUntil(now + milliseconds(30))), actor(1));
  EXPECT_GE(Clock::now(), now + milliseconds(20));
  EXPECT_EQ(scheduler_.Next(actor(1), kIdle), actor(2));
  EXPECT_EQ(scheduler_.Next(actor(2), kIdle), actor(0));
  EXPECT_GE(Clock::now(), now + milliseconds(40));
}

TEST_F(SchedulerTest, APauseInThePastIsNone) {
  Add(actor(0), Clock::now() - seconds(1));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(0));
}

TEST_F(SchedulerTest, ASleeperServesAPauseThatABusyWorkerLeftBehind) {
  Gate served;
  std::jthread sleeper([&] {
    if (scheduler_.Next(nullptr, {}) == actor(0)) served.Pass();
  });
  Add(actor(1), Clock::now() + hours(1));
  while (scheduler_.sleepers() == 0) std::this_thread::yield();
  Add(actor(0), Clock::now() + milliseconds(10));
  EXPECT_TRUE(served.Await());
}

TEST_F(SchedulerTest, WakesAsManyWorkersAsThereAreReadyActors) {
  Gate served;
  std::vector<std::jthread> workers;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back([&] {
      if (scheduler_.Next(nullptr, {}) != nullptr) served.Pass();
    });
  }
  for (std::size_t i = 0; i < 3; ++i) Add(actor(i));
  EXPECT_TRUE(served.Await(3));
}

TEST_F(SchedulerTest, IsIdleOnceEveryActorWasGivenBack) {
  EXPECT_TRUE(scheduler_.AwaitIdle(Clock::now()));
  Add(actor(0));
  EXPECT_FALSE(scheduler_.AwaitIdle(Clock::now()));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(0));
  EXPECT_FALSE(scheduler_.AwaitIdle(Clock::now() + milliseconds(1)));
  std::jthread worker([&] { EXPECT_EQ(scheduler_.Next(actor(0), kIdle), nullptr); });
  EXPECT_TRUE(scheduler_.AwaitIdle(Clock::now() + seconds(20)));
  scheduler_.Stop();
}

TEST_F(SchedulerTest, APausingActorIsNotIdle) {
  Add(actor(0), Clock::now() + hours(1));
  EXPECT_FALSE(scheduler_.AwaitIdle(Clock::now() + milliseconds(1)));
}

TEST_F(SchedulerTest, StopSendsEveryWorkerHomeWhateverIsLeft) {
  std::vector<std::jthread> workers;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back([&] { EXPECT_EQ(scheduler_.Next(nullptr, {}), nullptr); });
  }
  Add(actor(1), Clock::now() + hours(1));
  scheduler_.Stop();
  workers.clear();
  Add(actor(0));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), nullptr);
  EXPECT_TRUE(scheduler_.AwaitIdle(Clock::now()));
}

}  // namespace
}  // namespace penstock::actorpool
