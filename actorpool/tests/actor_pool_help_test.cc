// SPDX-License-Identifier: Apache-2.0
// Threads that hand messages over and help to run them.
#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gate.h"
#include "gtest/gtest.h"
#include "penstock/actorpool/actor_pool.h"

namespace penstock::actorpool {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::unique_ptr<ActorPool> MakePool(ActorPoolOptions options) { return ActorPool::Create(std::move(options)).value(); }

void Send(ActorPool& pool, std::string_view key, absl::AnyInvocable<absl::Status()> work) {
  ASSERT_TRUE(pool.ProcessMessage({.key = key, .work = std::move(work)}, seconds(20)).ok());
}

// Workers that are not asleep yet may take messages too; they find nothing more to do after a round or two.
TEST(ActorPoolHelpTest, RunsMessagesOnTheThreadThatHelps) {
  Gate done;
  std::vector<std::thread::id> ran_on;
  auto pool = MakePool({.actors = 4, .workers = 2});
  const std::vector<std::thread::id> all_here(100, std::this_thread::get_id());
  std::size_t sent = 0;
  const auto deadline = std::chrono::steady_clock::now() + seconds(20);
  while (ran_on != all_here && std::chrono::steady_clock::now() < deadline) {
    ran_on.clear();
    const auto helper = pool->BeginHelp();
    ASSERT_TRUE(helper);
    for (int i = 0; i < 100; ++i, ++sent) {
      Send(*pool, "key", [&] {
        ran_on.push_back(std::this_thread::get_id());
        done.Pass();
        return absl::OkStatus();
      });
    }
    pool->Help(*helper, seconds(20));
    ASSERT_TRUE(done.Await(sent));
  }
  EXPECT_EQ(ran_on, all_here);
  ASSERT_TRUE(pool->Drain(seconds(20)).ok());
  EXPECT_EQ(pool->Stats().Total().succeeded, sent);
  EXPECT_EQ(pool->Stats().latency.count, sent);
}

TEST(ActorPoolHelpTest, BeginsNothingWhenTheMomentIsOverAndLeavesTheRestToWorkers) {
  auto pool = MakePool({.actors = 4, .workers = 1});
  const auto helper = pool->BeginHelp();
  std::atomic<int> on_helper{0};
  for (int i = 0; i < 10; ++i) {
    Send(*pool, i % 2 == 0 ? "even" : "odd", [&, me = std::this_thread::get_id()] {
      on_helper += std::this_thread::get_id() == me ? 1 : 0;
      return absl::OkStatus();
    });
  }
  pool->Help(*helper, milliseconds(0));
  EXPECT_LE(on_helper, 1);
  EXPECT_TRUE(pool->Drain(seconds(20)).ok());
  EXPECT_EQ(pool->Stats().Total().succeeded, 10U);
}

TEST(ActorPoolHelpTest, AHandlerThatKeepsTheHelperDelaysNobodyOnceItIsRelieved) {
  auto pool = MakePool({.actors = 64, .workers = 2});
  Gate begun;
  Gate release;
  Gate others;
  std::jthread helper([&] {
    const auto number = pool->BeginHelp();
    Send(*pool, "slow", [&] {
      begun.Pass();
      release.Await();
      return absl::OkStatus();
    });
    for (int i = 0; i < 20; ++i) {
      Send(*pool, "key-" + std::to_string(i), [&] {
        others.Pass();
        return absl::OkStatus();
      });
    }
    pool->Help(*number, seconds(20));
  });
  ASSERT_TRUE(begun.Await());
  pool->RelieveHelper();
  EXPECT_TRUE(others.Await(20));
  release.Pass();
  EXPECT_TRUE(pool->Drain(seconds(20)).ok());
}

TEST(ActorPoolHelpTest, IsRefusedFromAHandlerAndOnceThePoolIsStopped) {
  auto pool = MakePool({.actors = 4, .workers = 1});
  Gate done;
  Send(*pool, "key", [&] {
    EXPECT_FALSE(pool->BeginHelp());
    done.Pass();
    return absl::OkStatus();
  });
  ASSERT_TRUE(done.Await());
  pool->Stop();
  EXPECT_FALSE(pool->BeginHelp());
}

TEST(ActorPoolHelpTest, StopWaitsForTheHandlerOfAHelper) {
  auto pool = MakePool({.actors = 4, .workers = 1});
  Gate begun;
  Gate release;
  std::atomic<bool> ended{false};
  std::jthread helper([&] {
    const auto number = pool->BeginHelp();
    Send(*pool, "key", [&] {
      begun.Pass();
      release.Await();
      ended = true;
      return absl::OkStatus();
    });
    pool->Help(*number, seconds(20));
  });
  ASSERT_TRUE(begun.Await());
  Gate stopped;
  std::jthread stopper([&] {
    pool->Stop();
    EXPECT_TRUE(ended);
    stopped.Pass();
  });
  EXPECT_FALSE(stopped.Await(1, milliseconds(20)));
  release.Pass();
  EXPECT_TRUE(stopped.Await());
}

// Two threads hand over and help by turns, a third relieves whoever does, and messages throw now and then.
TEST(ActorPoolHelpTest, KeepsOrderAndTheNumberOfWorkersWhoeverHelps) {
  constexpr int kKeys = 23;
  constexpr int kPerKey = 2'000;
  constexpr int kWorkers = 2;
  auto pool = MakePool({.actors = 8,
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
  std::jthread relief([&] {
    while (!over) {
      pool->RelieveHelper();
      std::this_thread::yield();
    }
  });
  {
    std::vector<std::jthread> producers;
    for (int p = 0; p < 2; ++p) {
      producers.emplace_back([&, p] {
        for (int i = 0; i < kPerKey; ++i) {
          const auto helper = pool->BeginHelp();
          for (int key = p; key < kKeys; key += 2) {
            Send(*pool, "key-" + std::to_string(key), [&work, key, i] { return work(key, i); });
          }
          if (helper) pool->Help(*helper, std::chrono::microseconds(i % 50));
        }
      });
    }
  }
  ASSERT_TRUE(pool->Drain(seconds(60)).ok());
  over = true;
  EXPECT_EQ(disorders, 0);
  EXPECT_LE(most_inside, kWorkers);
  EXPECT_EQ(pool->Stats().latency.count, static_cast<std::uint64_t>(kKeys) * kPerKey);
}

}  // namespace
}  // namespace penstock::actorpool
