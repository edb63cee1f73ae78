// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/loop_crew.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

bool Within(std::chrono::milliseconds time, const std::function<bool()>& condition) {
  for (const auto deadline = Clock::now() + time; !condition(); std::this_thread::yield()) {
    if (Clock::now() > deadline) return false;
  }
  return true;
}
bool Soon(const std::function<bool()>& condition) { return Within(seconds(20), condition); }

/// A watch that does nothing but lend a hand whenever it may.
class Lender final : public Watch {
 public:
  explicit Lender(LoopCrew& crew) : crew_(crew) {}

  void Run() override {
    EXPECT_FALSE(run_.exchange(true)) << "two run it";
    thread_ = std::this_thread::get_id();
    ++runs_;
    while (!ending_) {
      ++turns_;
      const std::optional<std::size_t> helper = crew_.BeginLending();
      if (!helper) {
        std::this_thread::yield();
        continue;
      }
      run_ = false;
      if (!crew_.Lend(*helper)) return;
      run_ = true;
    }
    run_ = false;
  }
  void End() override { ending_ = true; }

  int runs() const { return runs_; }
  int turns() const { return turns_; }
  std::thread::id thread() const { return thread_; }

 private:
  LoopCrew& crew_;
  std::atomic<bool> ending_{false};
  std::atomic<bool> run_{false};
  std::atomic<int> runs_{0};
  std::atomic<int> turns_{0};
  std::atomic<std::thread::id> thread_{};
};

/// An executor whose next run lasts as long as the handler that a test sets.
class OneHandler final : public actorpool::internal::InlineExecutor {
 public:
  std::optional<std::size_t> TryReserve() override { return refusing ? std::nullopt : std::optional<std::size_t>(7); }
  void RunFor(std::size_t slot, std::chrono::nanoseconds) override {
    EXPECT_EQ(slot, 7U);
    ++helps;
    std::function<void()> handler;
    {
      MutexLock lock(mutex_);
      handler.swap(next_);
    }
    if (handler) handler();
  }
  void Abandon() override { ++relieved; }

  void Next(std::function<void()> handler) {
    MutexLock lock(mutex_);
    next_ = std::move(handler);
  }

  std::atomic<bool> refusing{false};
  std::atomic<int> helps{0};
  std::atomic<int> relieved{0};

 private:
  Mutex mutex_;
  std::function<void()> next_ ABSL_GUARDED_BY(mutex_);
};

/// Something for a handler to wait for.
class Latch {
 public:
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  void Await() { AwaitUntil(Clock::time_point::max()); }
  void AwaitUntil(Clock::time_point deadline) {
    MutexLock lock(mutex_);
    while (!open_ && changed_.WaitUntil(lock, deadline)) {
    }
    passed_ = open_;
  }
  bool passed() const { return passed_; }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<bool> passed_{false};
};

class LoopCrewTest : public ::testing::Test {
 protected:
  ~LoopCrewTest() override {
    crew_.Stop(watch_);
    latch_.Open();
    again_.Open();
    enough_ = true;
    crew_.Join();
  }

  OneHandler hands_;
  Latch latch_;
  Latch again_;
  std::atomic<bool> enough_{false};
  LoopCrew crew_;
  Lender watch_{crew_};
};

TEST_F(LoopCrewTest, LendsNoHandToNobody) {
  crew_.Start(watch_);
  EXPECT_TRUE(Soon([&] { return watch_.turns() > 100; }));
  EXPECT_EQ(watch_.runs(), 1);
}

TEST_F(LoopCrewTest, LendsAHandBetweenTurns) {
  crew_.SetHands(&hands_);
  crew_.Start(watch_);
  EXPECT_TRUE(Soon([&] { return hands_.helps > 100; }));
}

TEST_F(LoopCrewTest, GoesOnAloneWhereHelpIsRefused) {
  hands_.refusing = true;
  crew_.SetHands(&hands_);
  crew_.Start(watch_);
  EXPECT_TRUE(Soon([&] { return watch_.turns() > 100; }));
  EXPECT_EQ(hands_.helps, 0);
}

TEST_F(LoopCrewTest, AnotherTakesTheWatchOverFromWhoSleepsInAHandler) {
  crew_.SetHands(&hands_);
  hands_.Next([&] { latch_.Await(); });
  crew_.Start(watch_);
  ASSERT_TRUE(Soon([&] { return watch_.runs() == 2; }));
  EXPECT_TRUE(Soon([&] { return hands_.relieved == 1; }));
  const auto second = watch_.thread();
  const int turns = watch_.turns();
  EXPECT_TRUE(Soon([&] { return watch_.turns() > turns + 100; }));
  EXPECT_EQ(hands_.helps, 1) << "nobody stands by, so no hand is lent";
  // The first one stands by again, once it is back.
  latch_.Open();
  ASSERT_TRUE(Soon([&] { return latch_.passed() && hands_.helps > 1; }));
  hands_.Next([&] { again_.Await(); });
  EXPECT_TRUE(Soon([&] { return watch_.runs() == 3; }));
  EXPECT_NE(watch_.thread(), second);
  again_.Open();
  EXPECT_TRUE(Soon([&] { return again_.passed(); }));
}

TEST_F(LoopCrewTest, AnotherTakesTheWatchOverFromWhoComputesForLong) {
  crew_.SetHands(&hands_);
  hands_.Next([&] {
    while (!enough_) {
    }
  });
  crew_.Start(watch_);
  EXPECT_TRUE(Soon([&] { return watch_.runs() == 2; }));
}

TEST_F(LoopCrewTest, LendsNoHandForAWhileAfterAHandlerThatSlept) {
  crew_.SetHands(&hands_);
  hands_.Next([&] { latch_.Await(); });
  const auto begun = Clock::now();
  crew_.Start(watch_);
  ASSERT_TRUE(Soon([&] { return watch_.runs() == 2; }));
  latch_.Open();
  ASSERT_TRUE(Soon([&] { return hands_.helps > 1; }));
  EXPECT_GE(Clock::now() - begun, milliseconds(100));
}

TEST_F(LoopCrewTest, StopDoesNotWaitForAHandler) {
  crew_.SetHands(&hands_);
  hands_.Next([&] { latch_.Await(); });
  crew_.Start(watch_);
  ASSERT_TRUE(Soon([&] { return hands_.helps == 1; }));
  crew_.Stop(watch_);
  EXPECT_FALSE(latch_.passed());
  EXPECT_EQ(hands_.relieved, 1) << "others could not go on";
  const int turns = watch_.turns();
  // The one that stood by runs the next watch.
  Lender next(crew_);
  crew_.Start(next);
  EXPECT_TRUE(Soon([&] { return next.turns() > 100; }));
  crew_.Stop(next);
  EXPECT_EQ(watch_.turns(), turns);
}

TEST_F(LoopCrewTest, JoinWaitsForAHandler) {
  crew_.SetHands(&hands_);
  hands_.Next([&] { latch_.Await(); });
  crew_.Start(watch_);
  ASSERT_TRUE(Soon([&] { return hands_.helps == 1; }));
  crew_.Stop(watch_);
  std::atomic<bool> joined{false};
  std::thread joiner([&] {
    crew_.Join();
    joined = true;
  });
  EXPECT_FALSE(Within(milliseconds(20), [&] { return joined.load(); }));
  latch_.Open();
  joiner.join();
  EXPECT_TRUE(latch_.passed());
}

TEST_F(LoopCrewTest, AWatchThatIsStoppedIsRunNoMoreHoweverOftenItChangesHands) {
  crew_.SetHands(&hands_);
  for (int round = 0; round < 200; ++round) {
    auto watch = std::make_unique<Lender>(crew_);
    const milliseconds length(round % 5);
    if (round % 3 == 0) hands_.Next([this, length] { latch_.AwaitUntil(Clock::now() + length); });
    crew_.Start(*watch);
    ASSERT_TRUE(Soon([&] { return watch->turns() > round % 7; }));
    crew_.Stop(*watch);
    const int turns = watch->turns();
    std::this_thread::yield();
    EXPECT_EQ(watch->turns(), turns);
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
