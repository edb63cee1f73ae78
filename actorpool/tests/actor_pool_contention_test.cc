// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "penstock/actorpool/actor_pool.h"

namespace penstock::actorpool {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kProducers = 4;
constexpr int kPerProducer = 2'000;

std::unique_ptr<ActorPool> MakePool(ActorPoolOptions options) { return ActorPool::Create(std::move(options)).value(); }

void InParallel(int threads, const std::function<void(int)>& body) {
  std::vector<std::jthread> running;
  for (int i = 0; i < threads; ++i) running.emplace_back([&body, i] { body(i); });
}

/// The order of the messages of one producer and key, and how many run at once.
struct KeyLog {
  std::atomic<int> last{-1};
  std::atomic<int> inside{0};
};

TEST(ActorPoolContentionTest, MessagesOfAKeyRunInOrderAndOneAtATime) {
  constexpr int kKeys = 23;
  auto pool = MakePool({.actors = 8, .inbox_capacity = 50, .workers = 3, .burst = 7});
  std::vector<std::array<KeyLog, kKeys>> logs(kProducers);
  std::atomic<int> disorders{0};
  std::atomic<int> overlaps{0};
  InParallel(kProducers, [&](int producer) {
    for (int i = 0; i < kPerProducer; ++i) {
      KeyLog& log = logs[static_cast<std::size_t>(producer)][static_cast<std::size_t>(i % kKeys)];
      const std::string key = std::to_string(producer) + "/" + std::to_string(i % kKeys);
      auto work = [&, i] {
        if (log.inside.fetch_add(1) > 0) ++overlaps;
        if (log.last.exchange(i) >= i) ++disorders;
        log.inside.fetch_sub(1);
        return absl::OkStatus();
      };
      ASSERT_TRUE(pool->ProcessMessage({.key = key, .work = work}, seconds(20)).ok());
    }
  });
  ASSERT_TRUE(pool->Drain(seconds(20)).ok());
  EXPECT_EQ(disorders, 0);
  EXPECT_EQ(overlaps, 0);
  EXPECT_EQ(pool->Stats().Total().succeeded, static_cast<std::uint64_t>(kProducers * kPerProducer));
}

TEST(ActorPoolContentionTest, AnActorRunsMessagesOfAllItsKeysOneAtATime) {
  auto pool = MakePool({.actors = 2, .workers = 4, .burst = 1});
  std::array<std::atomic<int>, 2> inside{};
  std::atomic<int> overlaps{0};
  InParallel(kProducers, [&](int) {
    for (int i = 0; i < kPerProducer; ++i) {
      const std::string key = std::to_string(i % 50);
      std::atomic<int>& actor = inside[pool->ActorFor(key)];
      auto work = [&] {
        if (actor.fetch_add(1) > 0) ++overlaps;
        actor.fetch_sub(1);
        return absl::OkStatus();
      };
      ASSERT_TRUE(pool->ProcessMessage({.key = key, .work = work}, seconds(20)).ok());
    }
  });
  ASSERT_TRUE(pool->Drain(seconds(20)).ok());
  EXPECT_EQ(overlaps, 0);
}

/// An independent count of accepted messages that have not begun.
class OutsideDepth {
 public:
  void Accepted() { Note(depth_.fetch_add(1) + 1); }
  void Begun() { depth_.fetch_sub(1); }
  int highest() const { return highest_; }

 private:
  void Note(int depth) {
    int highest = highest_;
    while (depth > highest && !highest_.compare_exchange_weak(highest, depth)) {
    }
  }
  std::atomic<int> depth_{0};
  std::atomic<int> highest_{0};
};

TEST(ActorPoolContentionTest, NoInboxExceedsItsCapacityAndRetryingProducersLoseNothing) {
  constexpr std::size_t kCapacity = 5;
  auto pool = MakePool({.actors = 2, .inbox_capacity = kCapacity, .workers = 2, .burst = 3});
  std::array<OutsideDepth, 2> outside;
  std::atomic<int> ran{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<bool> done{false};
  std::atomic<std::size_t> depth_seen{0};
  std::jthread observer([&] {
    while (!done) {
      for (const ActorStats& actor : pool->Stats().actors) depth_seen = std::max(depth_seen.load(), actor.inbox_depth);
      std::this_thread::yield();
    }
  });
  InParallel(kProducers, [&](int producer) {
    for (int i = 0; i < kPerProducer; ++i) {
      const std::string key = std::to_string(producer) + "/" + std::to_string(i);
      OutsideDepth& depth = outside[pool->ActorFor(key)];
      Message message = {.key = key, .work = [&] {
                           depth.Begun();
                           ++ran;
                           return absl::OkStatus();
                         }};
      while (!Offer(*pool, message).ok()) {
        ++refused;
        std::this_thread::yield();
      }
      depth.Accepted();
    }
  });
  ASSERT_TRUE(pool->Drain(seconds(20)).ok());
  done = true;
  observer.join();
  EXPECT_EQ(ran, kProducers * kPerProducer);
  // Each producer counts shortly after its message was accepted, each worker shortly after one began.
  for (const OutsideDepth& depth : outside) EXPECT_LE(depth.highest(), static_cast<int>(kCapacity) + 2);
  EXPECT_LE(depth_seen, kCapacity);
  EXPECT_LE(pool->Stats().Total().inbox_depth_highest, kCapacity);
  EXPECT_EQ(pool->Stats().Total().inbox_full, refused);
}

TEST(ActorPoolContentionTest, EveryWaitingProducerIsWoken) {
  auto pool = MakePool({.actors = 1, .inbox_capacity = 1, .workers = 2});
  std::atomic<int> ran{0};
  auto work = [&] {
    ++ran;
    return absl::OkStatus();
  };
  InParallel(kProducers, [&](int) {
    // A producer that is not woken would time out and fail.
    for (int i = 0; i < kPerProducer; ++i) ASSERT_TRUE(pool->ProcessMessage({.work = work}, seconds(30)).ok());
  });
  ASSERT_TRUE(pool->Drain(seconds(20)).ok());
  EXPECT_EQ(ran, kProducers * kPerProducer);
  EXPECT_EQ(pool->Stats().Total().inbox_depth_highest, 1u);
}

TEST(ActorPoolContentionTest, SleepingWorkersAreWokenForEveryMessage) {
  auto pool = MakePool({.actors = 4, .workers = 3});
  for (int i = 0; i < 3'000; ++i) {
    Gate settled;
    ASSERT_TRUE(pool->ProcessMessage({.work = [] { return absl::OkStatus(); },
                                      .settled = [&](const Completion&) { settled.Pass(); }})
                    .ok());
    ASSERT_TRUE(settled.Await()) << i;
  }
}

TEST(ActorPoolContentionTest, HandlersThatWaitForEachOtherRunOnAWorkerEach) {
  auto pool = MakePool({.actors = 3, .workers = 3});
  for (int i = 0; i < 2'000; ++i) {
    Gate together;
    Gate settled;
    auto meet = [&] {
      together.Pass();
      return together.Await(3) ? absl::OkStatus() : absl::DeadlineExceededError("left alone");
    };
    auto pass = [&](const Completion& completion) {
      EXPECT_TRUE(completion.status.ok());
      settled.Pass();
    };
    for (int m = 0; m < 3; ++m) ASSERT_TRUE(pool->ProcessMessage({.work = meet, .settled = pass}).ok());
    ASSERT_TRUE(settled.Await(3)) << i;
  }
}

TEST(ActorPoolContentionTest, EveryAcceptedMessageIsSettledOnceDespiteThrowsAndStop) {
  for (int round = 0; round < 20; ++round) {
    auto pool = MakePool({.actors = 8,
                          .inbox_capacity = 100,
                          .workers = 3,
                          .restart = {.max_backoff = milliseconds(1), .suspension = milliseconds(1)}});
    std::array<std::atomic<int>, kProducers * 500> settled{};
    std::atomic<int> accepted{0};
    Gate enough;
    std::jthread stopper([&] {
      enough.Await();
      pool->Stop();
    });
    InParallel(kProducers, [&](int producer) {
      for (int i = 0; i < 500; ++i) {
        std::atomic<int>& mine = settled[static_cast<std::size_t>(producer * 500 + i)];
        auto work = [i] { return i % 50 == 3 ? throw std::runtime_error("boom") : absl::OkStatus(); };
        auto count = [&mine](const Completion&) { ++mine; };
        if (!pool->ProcessMessage({.work = work, .settled = count}, seconds(20)).ok()) mine = 100;
        if (mine < 100 && ++accepted == 300) enough.Pass();
      }
    });
    stopper.join();
    const auto times = [&](int n) { return std::count(settled.begin(), settled.end(), n); };
    EXPECT_EQ(times(1) + times(100), kProducers * 500);
    EXPECT_EQ(times(1), accepted);
    const PoolStats stats = pool->Stats();
    EXPECT_EQ(stats.Total().sent, static_cast<std::uint64_t>(accepted));
    EXPECT_EQ(stats.Total().succeeded + stats.Total().failed + stats.abandoned, stats.Total().sent);
  }
}

TEST(ActorPoolContentionTest, DrainRacingWithProducersFinishesExactlyTheAcceptedMessages) {
  for (int round = 0; round < 50; ++round) {
    auto pool = MakePool({.actors = 8, .workers = 2});
    std::atomic<int> accepted{0};
    std::atomic<int> ran{0};
    std::jthread producer([&] {
      absl::Status status;
      do {
        status = pool->ProcessMessage({.work = [&] {
          ++ran;
          return absl::OkStatus();
        }});
      } while (status.code() != absl::StatusCode::kUnavailable && ++accepted < 1'000'000);
    });
    while (accepted < 20) std::this_thread::yield();
    ASSERT_TRUE(pool->Drain(seconds(20)).ok());
    const int ran_when_drained = ran;
    producer.join();
    EXPECT_EQ(ran_when_drained, static_cast<int>(pool->Stats().Total().sent));
  }
}

TEST(ActorPoolContentionTest, StatsNeverShowMoreHandledThanSent) {
  auto pool = MakePool({.actors = 4, .workers = 2});
  std::atomic<bool> done{false};
  std::jthread observer([&] {
    while (!done) {
      for (const ActorStats& actor : pool->Stats().actors) {
        EXPECT_LE(actor.succeeded + actor.failed + actor.inbox_depth, actor.sent);
      }
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(pool->ProcessMessage({.work = [] { return absl::OkStatus(); }}, seconds(20)).ok());
  }
  ASSERT_TRUE(pool->Drain(seconds(20)).ok());
  done = true;
}

}  // namespace
}  // namespace penstock::actorpool
