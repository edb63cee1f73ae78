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

constexpr RunResult kIdle = {.next = RunResult::Next::kIdle};
constexpr RunResult kAgain = {.next = RunResult::Next::kAgain};

RunResult PauseUntil(TimePoint time) { return {.next = RunResult::Next::kPause, .resume_at = time}; }

/// A runnable that only the scheduler's bookkeeping is tested with: to run it is a failure.
class IdentityRunnable final : public Runnable {
 public:
  RunResult Run(LatencyMeter&, TimePoint) override {
    ADD_FAILURE() << "the scheduler called a runnable";
    return kIdle;
  }
};

class SchedulerTest : public ::testing::Test {
 protected:
  Runnable* actor(std::size_t i) { return &actors_[i]; }

  void Add(Runnable* actor, TimePoint not_before = {}) {
    if (scheduler_.Add(actor, Clock::now(), not_before)) scheduler_.WakeOne();
  }

  std::array<IdentityRunnable, 4> actors_{};
  Scheduler scheduler_{4, 4};
};

TEST_F(SchedulerTest, ReturnsActorsInTheOrderTheyBecameReady) {
  for (std::size_t i : {2, 0, 3, 1}) Add(actor(i));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(2));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(0));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(3));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(1));
}

TEST_F(SchedulerTest, MoreRunnablesThanExpectedKeepTheirOrder) {
  std::array<IdentityRunnable, 100> many{};
  for (std::size_t i : {0, 1, 2}) Add(actor(i));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(0));
  for (IdentityRunnable& runnable : many) Add(&runnable);
  EXPECT_EQ(scheduler_.Next(actor(0), kIdle), actor(1));
  EXPECT_EQ(scheduler_.Next(actor(1), kIdle), actor(2));
  Runnable* previous = actor(2);
  for (IdentityRunnable& runnable : many) {
    EXPECT_EQ(scheduler_.Next(previous, kIdle), &runnable);
    previous = &runnable;
  }
}

TEST_F(SchedulerTest, GrowsFromNothing) {
  Scheduler scheduler(0, 1);
  EXPECT_FALSE(scheduler.Add(actor(0), {}, {}));
  EXPECT_FALSE(scheduler.Add(actor(1), {}, {}));
  EXPECT_EQ(scheduler.Next(nullptr, {}), actor(0));
  EXPECT_EQ(scheduler.Next(actor(0), kIdle), actor(1));
}

TEST_F(SchedulerTest, HandsOverWhatIsReadyAndWhatPausesOnceItIsStopped) {
  Add(actor(0));
  Add(actor(1), Clock::now() + hours(1));
  Add(actor(2));
  scheduler_.Stop();
  EXPECT_EQ(scheduler_.TakeRemaining(), (std::vector<Runnable*>{actor(0), actor(2), actor(1)}));
  EXPECT_TRUE(scheduler_.TakeRemaining().empty());
}

TEST_F(SchedulerTest, AnActorThatRunsAgainQueuesBehindTheReadyOnes) {
  Add(actor(0));
  Add(actor(1));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(0));
  EXPECT_EQ(scheduler_.Next(actor(0), kAgain), actor(1));
  EXPECT_EQ(scheduler_.Next(actor(1), kIdle), actor(0));
}

TEST_F(SchedulerTest, AddAllKeepsTheOrderAndDelaysThoseThatPause) {
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

TEST_F(SchedulerTest, AddAsksForNoWakeUpWhileNoWorkerSleeps) {
  EXPECT_FALSE(scheduler_.Add(actor(0), Clock::now(), {}));
}

TEST_F(SchedulerTest, PausesEndAtTheirTimeAndInOrder) {
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

TEST_F(SchedulerTest, APauseThatEndsInThePastMeansReadyNow) {
  Add(actor(0), Clock::now() - seconds(1));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(0));
}

TEST_F(SchedulerTest, ASleepingWorkerEndsAPauseThatWasAddedAfterItFellAsleep) {
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

TEST_F(SchedulerTest, IsIdleOnceEveryActorWasReturnedAsIdle) {
  EXPECT_TRUE(scheduler_.AwaitIdle(Clock::now()));
  Add(actor(0));
  EXPECT_FALSE(scheduler_.AwaitIdle(Clock::now()));
  EXPECT_EQ(scheduler_.Next(nullptr, {}), actor(0));
  EXPECT_FALSE(scheduler_.AwaitIdle(Clock::now() + milliseconds(1)));
  std::jthread worker([&] { EXPECT_EQ(scheduler_.Next(actor(0), kIdle), nullptr); });
  EXPECT_TRUE(scheduler_.AwaitIdle(Clock::now() + seconds(20)));
  scheduler_.Stop();
}

TEST_F(SchedulerTest, IsNotIdleWhileAnActorPauses) {
  Add(actor(0), Clock::now() + hours(1));
  EXPECT_FALSE(scheduler_.AwaitIdle(Clock::now() + milliseconds(1)));
}

TEST_F(SchedulerTest, AfterStopNextReturnsNullWhateverIsReady) {
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

/// With one worker, which sleeps in `Next` when a test begins, and a count of what `Next` returned to it.
class InlineRunTest : public SchedulerTest {
 protected:
  InlineRunTest() {
    while (scheduler_.sleepers() == 0) std::this_thread::yield();
  }
  ~InlineRunTest() override { scheduler_.Stop(); }

  Runnable* NextInline(std::size_t slot) { return scheduler_.NextInline(slot, nullptr, {}, true); }

  Gate served_;
  std::jthread worker_{[this] {
    while (scheduler_.Next(nullptr, {}) != nullptr) served_.Pass();
  }};
};

TEST_F(InlineRunTest, TheInlineRunnerTakesReadyActorsAndNoWorkerIsWoken) {
  const auto slot = scheduler_.ReserveInline();
  ASSERT_TRUE(slot);
  EXPECT_FALSE(scheduler_.Add(actor(0), Clock::now(), {}));
  EXPECT_FALSE(scheduler_.Add(actor(1), Clock::now(), {}));
  EXPECT_EQ(NextInline(*slot), actor(0));
  EXPECT_EQ(scheduler_.NextInline(*slot, actor(0), kAgain, true), actor(1));
  EXPECT_EQ(scheduler_.NextInline(*slot, actor(1), kIdle, true), actor(0));
  EXPECT_EQ(scheduler_.NextInline(*slot, actor(0), kIdle, true), nullptr);
  EXPECT_TRUE(scheduler_.AwaitIdle(Clock::now()));
  EXPECT_EQ(served_.passed(), 0U);
  EXPECT_EQ(scheduler_.sleepers(), 1U);
}

TEST_F(InlineRunTest, AWorkerIsWokenForActorsThatAreReadyWhenTheBudgetIsUsedUp) {
  const auto slot = scheduler_.ReserveInline();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(scheduler_.Add(actor(i), Clock::now(), {}));
  EXPECT_EQ(NextInline(*slot), actor(0));
  EXPECT_EQ(scheduler_.NextInline(*slot, actor(0), kIdle, /*budget_left=*/false), nullptr);
  EXPECT_TRUE(served_.Await(2));
}

TEST_F(InlineRunTest, AWorkerIsWokenInPlaceOfAnAbandonedInlineRunner) {
  const auto slot = scheduler_.ReserveInline();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(scheduler_.Add(actor(i), Clock::now(), {}));
  EXPECT_EQ(NextInline(*slot), actor(0));
  scheduler_.AbandonInline();
  EXPECT_TRUE(served_.Await(2));
  Add(actor(3));
  EXPECT_TRUE(served_.Await(3));
  EXPECT_EQ(scheduler_.NextInline(*slot, actor(0), kAgain, true), nullptr);
  EXPECT_TRUE(served_.Await(4)) << "a worker also runs what the abandoned runner returned";
}

TEST_F(InlineRunTest, OneThreadRunsInlineAndASecondOnceTheFirstIsAbandoned) {
  const auto first = scheduler_.ReserveInline();
  EXPECT_FALSE(scheduler_.ReserveInline());
  Add(actor(0));
  EXPECT_EQ(NextInline(*first), actor(0));
  scheduler_.AbandonInline();
  const auto second = scheduler_.ReserveInline();
  ASSERT_TRUE(second);
  EXPECT_NE(*second, *first);
  scheduler_.AbandonInline();
  EXPECT_FALSE(scheduler_.ReserveInline()) << "both slots are taken";
  EXPECT_EQ(scheduler_.NextInline(*first, actor(0), kIdle, true), nullptr);
  EXPECT_EQ(scheduler_.ReserveInline(), first);
  EXPECT_EQ(NextInline(*second), nullptr) << "it was abandoned";
  EXPECT_EQ(NextInline(*first), nullptr);
}

TEST_F(InlineRunTest, AfterStopNoSlotIsReservedAndTheTakenOneIsAwaited) {
  const auto slot = scheduler_.ReserveInline();
  Add(actor(0));
  scheduler_.Stop();
  EXPECT_FALSE(scheduler_.ReserveInline());
  std::atomic<bool> releasing{false};
  Gate waiting;
  std::jthread waiter([&] {
    waiting.Pass();
    scheduler_.AwaitInlineRunners();
    EXPECT_TRUE(releasing);
  });
  ASSERT_TRUE(waiting.Await());
  std::this_thread::yield();  // gives a wait that returns too early the chance to do so
  releasing = true;
  EXPECT_EQ(NextInline(*slot), nullptr);
  waiter.join();
  EXPECT_FALSE(scheduler_.ReserveInline());
}

TEST(MaxConcurrencyTest, AnInlineRunnerCountsAsAWorker) {
  std::array<IdentityRunnable, 3> actors{};
  Scheduler scheduler(3, /*max_concurrency=*/1);
  const auto slot = scheduler.ReserveInline();
  for (IdentityRunnable& actor : actors) EXPECT_FALSE(scheduler.Add(&actor, Clock::now(), {}));
  ASSERT_EQ(scheduler.NextInline(*slot, nullptr, {}, true), actors.data());
  scheduler.AbandonInline();
  Gate served;
  std::jthread worker([&] {
    EXPECT_EQ(scheduler.Next(nullptr, {}), &actors[1]);
    served.Pass();
  });
  while (scheduler.sleepers() == 0 && served.passed() == 0) std::this_thread::yield();
  EXPECT_EQ(served.passed(), 0U) << "the worker sleeps, although actors are ready: one runs inline";
  EXPECT_EQ(scheduler.NextInline(*slot, &actors[0], kIdle, true), nullptr);
  EXPECT_TRUE(served.Await());
  const auto again = scheduler.ReserveInline();
  ASSERT_TRUE(again);
  EXPECT_EQ(scheduler.NextInline(*again, nullptr, {}, true), nullptr) << "the worker has not returned its actor";
}

}  // namespace
}  // namespace penstock::actorpool
