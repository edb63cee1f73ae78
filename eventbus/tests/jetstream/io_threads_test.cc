// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/io_threads.h"

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

bool Soon(const std::function<bool()>& condition) {
  for (const auto deadline = Clock::now() + seconds(20); !condition(); std::this_thread::yield()) {
    if (Clock::now() > deadline) return false;
  }
  return true;
}

/// A task that does nothing but run handlers whenever it may.
class InlineTask final : public LeaderTask {
 public:
  explicit InlineTask(IoThreads& threads) : threads_(threads) {}

  void Lead() override {
    EXPECT_FALSE(run_.exchange(true)) << "two run it";
    thread_ = std::this_thread::get_id();
    ++runs_;
    while (!ending_) {
      ++turns_;
      const std::optional<std::size_t> slot = threads_.ReserveInline();
      if (!slot) {
        std::this_thread::yield();
        continue;
      }
      run_ = false;
      if (!threads_.RunInline(*slot)) return;
      run_ = true;
    }
    run_ = false;
  }
  void EndLead() override { ending_ = true; }

  int runs() const { return runs_; }
  int turns() const { return turns_; }
  std::thread::id thread() const { return thread_; }

 private:
  IoThreads& threads_;
  std::atomic<bool> ending_{false};
  std::atomic<bool> run_{false};
  std::atomic<int> runs_{0};
  std::atomic<int> turns_{0};
  std::atomic<std::thread::id> thread_{};
};

/// An executor that runs the handler put here next.
class OneHandler final : public actorpool::internal::InlineExecutor {
 public:
  std::optional<std::size_t> TryReserve() override { return refusing ? std::nullopt : std::optional<std::size_t>(7); }
  void RunFor(std::size_t slot, std::chrono::nanoseconds /*budget*/) override {
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

class IoThreadsTest : public ::testing::Test {
 protected:
  ~IoThreadsTest() override {
    threads_.Stop(task_);
    latch_.Open();
    again_.Open();
    enough_ = true;
    threads_.Join();
  }

  OneHandler executor_;
  Latch latch_;
  Latch again_;
  std::atomic<bool> enough_{false};
  IoThreads threads_;
  InlineTask task_{threads_};
};

TEST_F(IoThreadsTest, LeadsAloneWithoutAnExecutor) {
  threads_.Start(task_);
  EXPECT_TRUE(Soon([&] { return task_.turns() > 100; }));
  EXPECT_EQ(task_.runs(), 1);
}

TEST_F(IoThreadsTest, RunsHandlersBetweenTurns) {
  threads_.SetExecutor(&executor_);
  threads_.Start(task_);
  EXPECT_TRUE(Soon([&] { return executor_.helps > 100; }));
}

TEST_F(IoThreadsTest, GoesOnWhereTheExecutorHasNoSlot) {
  executor_.refusing = true;
  threads_.SetExecutor(&executor_);
  threads_.Start(task_);
  EXPECT_TRUE(Soon([&] { return task_.turns() > 100; }));
  EXPECT_EQ(executor_.helps, 0);
}

TEST_F(IoThreadsTest, TheFollowerLeadsWhileAHandlerBlocksTheLeader) {
  threads_.SetExecutor(&executor_);
  executor_.Next([&] { latch_.Await(); });
  threads_.Start(task_);
  ASSERT_TRUE(Soon([&] { return task_.runs() == 2; }));
  EXPECT_TRUE(Soon([&] { return executor_.relieved == 1; }));
  const auto second = task_.thread();
  const int turns = task_.turns();
  EXPECT_TRUE(Soon([&] { return task_.turns() > turns + 100; }));
  EXPECT_EQ(executor_.helps, 1) << "there is no follower, so no handler runs inline";
  // The first one follows again, once it is back.
  latch_.Open();
  ASSERT_TRUE(Soon([&] { return latch_.passed() && executor_.helps > 1; }));
  executor_.Next([&] { again_.Await(); });
  EXPECT_TRUE(Soon([&] { return task_.runs() == 3; }));
  EXPECT_NE(task_.thread(), second);
  again_.Open();
  EXPECT_TRUE(Soon([&] { return again_.passed(); }));
}

TEST_F(IoThreadsTest, TheFollowerLeadsWhileAHandlerComputesForLong) {
  threads_.SetExecutor(&executor_);
  executor_.Next([&] {
    while (!enough_) {
    }
  });
  threads_.Start(task_);
  EXPECT_TRUE(Soon([&] { return task_.runs() == 2; }));
}

TEST_F(IoThreadsTest, RunsNoHandlersForAWhileAfterOneThatBlocked) {
  threads_.SetExecutor(&executor_);
  executor_.Next([&] { latch_.Await(); });
  const auto begun = Clock::now();
  threads_.Start(task_);
  ASSERT_TRUE(Soon([&] { return task_.runs() == 2; }));
  latch_.Open();
  ASSERT_TRUE(Soon([&] { return executor_.helps > 1; }));
  EXPECT_GE(Clock::now() - begun, milliseconds(100));
}

TEST_F(IoThreadsTest, StopDoesNotWaitForAHandler) {
  threads_.SetExecutor(&executor_);
  executor_.Next([&] { latch_.Await(); });
  threads_.Start(task_);
  ASSERT_TRUE(Soon([&] { return executor_.helps == 1; }));
  threads_.Stop(task_);
  EXPECT_FALSE(latch_.passed());
  EXPECT_EQ(executor_.relieved, 1) << "others could not go on";
  const int turns = task_.turns();
  // The follower leads the next task.
  InlineTask next(threads_);
  threads_.Start(next);
  EXPECT_TRUE(Soon([&] { return next.turns() > 100; }));
  threads_.Stop(next);
  EXPECT_EQ(task_.turns(), turns);
}

TEST_F(IoThreadsTest, WhoeverStopsATaskFindsItStopped) {
  for (int round = 0; round < 200; ++round) {
    auto task = std::make_unique<InlineTask>(threads_);
    threads_.Start(*task);
    ASSERT_TRUE(Soon([&] { return task->turns() > round % 7; }));
    const auto stop = [&] {
      threads_.Stop(*task);
      const int turns = task->turns();
      std::this_thread::yield();
      EXPECT_EQ(task->turns(), turns);
    };
    std::thread other(stop);
    stop();
    other.join();
  }
}

TEST_F(IoThreadsTest, JoinWaitsForAHandler) {
  threads_.SetExecutor(&executor_);
  executor_.Next([&] { latch_.Await(); });
  threads_.Start(task_);
  ASSERT_TRUE(Soon([&] { return executor_.helps == 1; }));
  threads_.Stop(task_);
  std::thread joiner([&] {
    threads_.Join();
    EXPECT_TRUE(latch_.passed()) << "it did not wait";
  });
  latch_.Open();
  joiner.join();
}

TEST_F(IoThreadsTest, StopPreventsFurtherRunsAfterLeaderChanges) {
  threads_.SetExecutor(&executor_);
  for (int round = 0; round < 200; ++round) {
    auto task = std::make_unique<InlineTask>(threads_);
    const milliseconds length(round % 5);
    if (round % 3 == 0) executor_.Next([this, length] { latch_.AwaitUntil(Clock::now() + length); });
    threads_.Start(*task);
    ASSERT_TRUE(Soon([&] { return task->turns() > round % 7; }));
    threads_.Stop(*task);
    const int turns = task->turns();
    std::this_thread::yield();
    EXPECT_EQ(task->turns(), turns);
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
