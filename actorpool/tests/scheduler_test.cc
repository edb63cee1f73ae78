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

/// With a worker that sleeps in `Next`, and counts what it was handed out.
class HelpTest : public SchedulerTest {
 protected:
  HelpTest() {
    while (scheduler_.sleepers() == 0) std::this_thread::yield();
  }
  ~HelpTest() override { scheduler_.Stop(); }

  Runnable* Help(std::size_t helper, bool go_on = true) { return scheduler_.NextForHelper(helper, nullptr, {}, go_on); }

  Gate served_;
  std::jthread worker_{[this] {
    while (scheduler_.Next(nullptr, {}) != nullptr) served_.Pass();
  }};
};

TEST_F(HelpTest, WhoHelpsTakesWhatIsReadyAndNobodyIsWoken) {
  const auto helper = scheduler_.BeginHelp();
  ASSERT_TRUE(helper);
  EXPECT_FALSE(scheduler_.Add(actor(0), Clock::now(), {}));
  EXPECT_FALSE(scheduler_.Add(actor(1), Clock::now(), {}));
  EXPECT_EQ(Help(*helper), actor(0));
  EXPECT_EQ(scheduler_.NextForHelper(*helper, actor(0), kAgain, true), actor(1));
  EXPECT_EQ(scheduler_.NextForHelper(*helper, actor(1), kIdle, true), actor(0));
  EXPECT_EQ(scheduler_.NextForHelper(*helper, actor(0), kIdle, true), nullptr);
  EXPECT_TRUE(scheduler_.AwaitIdle(Clock::now()));
  EXPECT_EQ(served_.passed(), 0U);
  EXPECT_EQ(scheduler_.sleepers(), 1U);
}

TEST_F(HelpTest, AWorkerIsWokenForWhatIsLeft) {
  const auto helper = scheduler_.BeginHelp();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(scheduler_.Add(actor(i), Clock::now(), {}));
  EXPECT_EQ(Help(*helper), actor(0));
  EXPECT_EQ(scheduler_.NextForHelper(*helper, actor(0), kIdle, /*go_on=*/false), nullptr);
  EXPECT_TRUE(served_.Await(2));
}

TEST_F(HelpTest, AWorkerIsWokenInsteadOfAHelperThatWasRelieved) {
  const auto helper = scheduler_.BeginHelp();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(scheduler_.Add(actor(i), Clock::now(), {}));
  EXPECT_EQ(Help(*helper), actor(0));
  scheduler_.RelieveHelper();
  EXPECT_TRUE(served_.Await(2));
  Add(actor(3));
  EXPECT_TRUE(served_.Await(3));
  EXPECT_EQ(scheduler_.NextForHelper(*helper, actor(0), kAgain, true), nullptr);
  EXPECT_TRUE(served_.Await(4)) << "what the helper gave back is left to workers too";
}

TEST_F(HelpTest, OneHelpsAtATimeAndAnotherWhenThatWasRelieved) {
  const auto first = scheduler_.BeginHelp();
  EXPECT_FALSE(scheduler_.BeginHelp());
  Add(actor(0));
  EXPECT_EQ(Help(*first), actor(0));
  scheduler_.RelieveHelper();
  const auto second = scheduler_.BeginHelp();
  ASSERT_TRUE(second);
  EXPECT_NE(*second, *first);
  scheduler_.RelieveHelper();
  EXPECT_FALSE(scheduler_.BeginHelp()) << "both are still kept";
  EXPECT_EQ(scheduler_.NextForHelper(*first, actor(0), kIdle, true), nullptr);
  EXPECT_EQ(scheduler_.BeginHelp(), first);
  EXPECT_EQ(Help(*second), nullptr) << "was relieved";
  EXPECT_EQ(Help(*first), nullptr);
}

TEST_F(HelpTest, IsRefusedOnceStoppedAndAwaited) {
  const auto helper = scheduler_.BeginHelp();
  Add(actor(0));
  scheduler_.Stop();
  Gate awaited;
  std::jthread waiter([&] {
    scheduler_.AwaitHelpers();
    awaited.Pass();
  });
  EXPECT_FALSE(awaited.Await(1, milliseconds(20)));
  EXPECT_EQ(Help(*helper), nullptr);
  EXPECT_TRUE(awaited.Await());
  EXPECT_FALSE(scheduler_.BeginHelp());
}

TEST(SeatsTest, AHelperTakesAWorkersPlace) {
  std::array<double, 3> places{};
  const auto actor = [&](std::size_t i) { return reinterpret_cast<Runnable*>(&places[i]); };
  Scheduler scheduler(3, /*seats=*/1);
  const auto helper = scheduler.BeginHelp();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(scheduler.Add(actor(i), Clock::now(), {}));
  ASSERT_EQ(scheduler.NextForHelper(*helper, nullptr, {}, true), actor(0));
  scheduler.RelieveHelper();
  Gate served;
  std::jthread worker([&] {
    if (scheduler.Next(nullptr, {}) == actor(1)) served.Pass();
  });
  while (scheduler.sleepers() == 0) std::this_thread::yield();
  EXPECT_FALSE(served.Await(1, milliseconds(20))) << "the only seat is taken";
  EXPECT_EQ(scheduler.NextForHelper(*helper, actor(0), kIdle, true), nullptr);
  EXPECT_TRUE(served.Await());
  const auto again = scheduler.BeginHelp();
  ASSERT_TRUE(again);
  EXPECT_EQ(scheduler.NextForHelper(*again, nullptr, {}, true), nullptr) << "the worker has it";
}

}  // namespace
}  // namespace penstock::actorpool
