// SPDX-License-Identifier: Apache-2.0
// The inline executor of a pool: threads that enqueue messages and then run them.
#include "penstock/actorpool/internal/inline_executor.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gate.h"
#include "gtest/gtest.h"
#include "penstock/actorpool/internal/pool_access.h"

namespace penstock::actorpool::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class InlineExecutorTest : public ::testing::Test {
 protected:
  void Start(ActorPoolOptions options) { pool_ = ActorPool::Create(std::move(options)).value(); }
  InlineExecutor& executor() { return PoolAccess(*pool_).inline_executor(); }

  void Send(std::string_view key, absl::AnyInvocable<absl::Status()> work) {
    ASSERT_TRUE(pool_->ProcessMessage({.key = key, .work = std::move(work)}, seconds(20)).ok());
  }

  std::unique_ptr<ActorPool> pool_{};
};

// Workers that have not fallen asleep yet may take messages too. They sleep after a round or two without work.
TEST_F(InlineExecutorTest, RunsMessagesOnTheThreadThatReservedTheSlot) {
  Start({.actors = 4, .workers = 2});
  Gate done;
  std::vector<std::thread::id> ran_on;
  const std::vector<std::thread::id> all_on_this_thread(100, std::this_thread::get_id());
  std::size_t sent = 0;
  const auto deadline = std::chrono::steady_clock::now() + seconds(20);
  while (ran_on != all_on_this_thread && std::chrono::steady_clock::now() < deadline) {
    ran_on.clear();
    const auto slot = executor().TryReserve();
    ASSERT_TRUE(slot);
    for (int i = 0; i < 100; ++i, ++sent) {
      Send("key", [&] {
        ran_on.push_back(std::this_thread::get_id());
        done.Pass();
        return absl::OkStatus();
      });
    }
    executor().RunFor(*slot, seconds(20));
    ASSERT_TRUE(done.Await(sent));
  }
  EXPECT_EQ(ran_on, all_on_this_thread);
  ASSERT_TRUE(pool_->Drain(seconds(20)).ok());
  EXPECT_EQ(pool_->Stats().Total().succeeded, sent);
  EXPECT_EQ(pool_->Stats().latency.count, sent);
}

TEST_F(InlineExecutorTest, BeginsNoMessageWithoutBudgetAndLeavesThemToWorkers) {
  Start({.actors = 4, .workers = 1});
  const auto slot = executor().TryReserve();
  ASSERT_TRUE(slot);
  std::atomic<int> inline_runs{0};
  for (int i = 0; i < 10; ++i) {
    Send(i % 2 == 0 ? "even" : "odd", [&, me = std::this_thread::get_id()] {
      inline_runs += std::this_thread::get_id() == me ? 1 : 0;
      return absl::OkStatus();
    });
  }
  executor().RunFor(*slot, milliseconds(0));
  EXPECT_LE(inline_runs, 1);
  EXPECT_TRUE(pool_->Drain(seconds(20)).ok());
  EXPECT_EQ(pool_->Stats().Total().succeeded, 10U);
}

TEST_F(InlineExecutorTest, AbandonLetsWorkersRunTheMessagesBehindABlockedHandler) {
  Start({.actors = 64, .workers = 2});
  Gate begun;
  Gate release;
  Gate others;
  std::jthread inline_runner([&] {
    const auto slot = executor().TryReserve();
    ASSERT_TRUE(slot);
    Send("slow", [&] {
      begun.Pass();
      release.Await();
      return absl::OkStatus();
    });
    for (int i = 0; i < 20; ++i) {
      Send("key-" + std::to_string(i), [&] {
        others.Pass();
        return absl::OkStatus();
      });
    }
    executor().RunFor(*slot, seconds(20));
  });
  ASSERT_TRUE(begun.Await());
  executor().Abandon();
  EXPECT_TRUE(others.Await(20));
  release.Pass();
  EXPECT_TRUE(pool_->Drain(seconds(20)).ok());
}

TEST_F(InlineExecutorTest, RefusesAReservationFromAHandlerAndOfAStoppedPool) {
  Start({.actors = 4, .workers = 1});
  Gate done;
  Send("key", [&] {
    EXPECT_FALSE(executor().TryReserve());
    done.Pass();
    return absl::OkStatus();
  });
  ASSERT_TRUE(done.Await());
  pool_->Stop();
  EXPECT_FALSE(executor().TryReserve());
}

TEST_F(InlineExecutorTest, StopWaitsForAHandlerThatRunsInline) {
  Start({.actors = 4, .workers = 1});
  Gate begun;
  Gate release;
  std::atomic<bool> released{false};
  std::jthread inline_runner([&] {
    const auto slot = executor().TryReserve();
    ASSERT_TRUE(slot);
    Send("key", [&] {
      begun.Pass();
      release.Await();
      return absl::OkStatus();
    });
    executor().RunFor(*slot, seconds(20));
  });
  ASSERT_TRUE(begun.Await());
  std::jthread stopper([&] {
    pool_->Stop();
    EXPECT_TRUE(released) << "Stop returned while the handler ran";
  });
  // Stop refuses messages before it waits for handlers.
  while (pool_->ProcessMessage({.work = [] { return absl::OkStatus(); }}).code() != absl::StatusCode::kUnavailable) {
    std::this_thread::yield();
  }
  released = true;
  release.Pass();
  stopper.join();
}

// Two threads enqueue and run inline, a third abandons them, and messages throw now and then.
TEST_F(InlineExecutorTest, KeepsOrderAndConcurrencyWhileThreadsRunInlineAndAreAbandoned) {
  constexpr int kKeys = 23;
  constexpr int kPerKey = 2'000;
  constexpr int kWorkers = 2;
  Start({.actors = 8,
         .inbox_capacity = 100'000,
         .workers = kWorkers,
         .burst = 7,
         .restart = {.max_restarts = 1000, .min_backoff = milliseconds(0)}});
  std::vector<int> last(kKeys, -1);
  std::atomic<int> inside{0};
  std::atomic<int> most_inside{0};
  std::atomic<int> disorders{0};
  std::atomic<bool> over{false};
  const auto work = [&](int key, int i) -> absl::Status {
    const int now = inside.fetch_add(1) + 1;
    int most = most_inside.load();
    while (now > most && !most_inside.compare_exchange_weak(most, now)) {
    }
    if (last[static_cast<std::size_t>(key)] >= i) ++disorders;
    last[static_cast<std::size_t>(key)] = i;
    inside.fetch_sub(1);
    if (i % 997 == 0) throw 1;
    return absl::OkStatus();
  };
  std::jthread abandoner([&] {
    while (!over) {
      executor().Abandon();
      std::this_thread::yield();
    }
  });
  {
    std::vector<std::jthread> producers;
    for (int p = 0; p < 2; ++p) {
      producers.emplace_back([&, p] {
        for (int i = 0; i < kPerKey; ++i) {
          const auto slot = executor().TryReserve();
          for (int key = p; key < kKeys; key += 2) {
            Send("key-" + std::to_string(key), [&work, key, i] { return work(key, i); });
          }
          if (slot) executor().RunFor(*slot, std::chrono::microseconds(i % 50));
        }
      });
    }
  }
  const absl::Status drained = pool_->Drain(seconds(60));
  over = true;
  ASSERT_TRUE(drained.ok()) << drained;
  EXPECT_EQ(disorders, 0);
  EXPECT_LE(most_inside, kWorkers);
  EXPECT_EQ(pool_->Stats().latency.count, static_cast<std::uint64_t>(kKeys) * kPerKey);
}

}  // namespace
}  // namespace penstock::actorpool::internal
