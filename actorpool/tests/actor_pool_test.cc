// SPDX-License-Identifier: Apache-2.0
#include "penstock/actorpool/actor_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock::actorpool {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

std::unique_ptr<ActorPool> MakePool(ActorPoolOptions options) { return ActorPool::Create(std::move(options)).value(); }

absl::Status DoNothing() { return absl::OkStatus(); }

/// A pool of one actor with space for `capacity` messages, whose one worker is blocked in a handler.
class HeldActor {
 public:
  explicit HeldActor(std::size_t capacity) : pool_(MakePool({.actors = 1, .inbox_capacity = capacity, .workers = 1})) {
    auto hold = [this] {
      began_.Pass();
      release_.Await();
      return absl::OkStatus();
    };
    EXPECT_TRUE(pool_->ProcessMessage({.work = hold}).ok());
    EXPECT_TRUE(began_.Await());
  }
  ~HeldActor() { Release(); }

  void Fill() {
    while (pool_->ProcessMessage({.work = DoNothing}).ok()) {
    }
  }
  void Release() { release_.Pass(); }
  ActorPool& pool() { return *pool_; }
  ActorStats stats() { return pool_->Stats().actors[0]; }

 private:
  Gate began_;
  Gate release_;
  std::unique_ptr<ActorPool> pool_;
};

TEST(ActorPoolTest, RunsWorkAndReportsItsStatus) {
  Gate settled;
  std::vector<Completion> seen(2);
  auto pool = MakePool({.workers = 2});
  auto note = [&](std::size_t i) {
    return [&, i](const Completion& completion) {
      seen[i] = completion;
      settled.Pass();
    };
  };
  EXPECT_TRUE(pool->ProcessMessage({.key = "a", .work = DoNothing, .settled = note(0)}).ok());
  EXPECT_TRUE(pool->ProcessMessage({.work = [] { return absl::NotFoundError("none"); }, .settled = note(1)}).ok());
  ASSERT_TRUE(settled.Await(2));
  EXPECT_EQ(seen[0].disposition, Disposition::kReturned);
  EXPECT_TRUE(seen[0].status.ok());
  EXPECT_EQ(seen[1].disposition, Disposition::kReturned);
  EXPECT_EQ(seen[1].status, absl::NotFoundError("none"));
}

TEST(ActorPoolTest, AKeyAlwaysGoesToTheActorThatActorForReruns) {
  auto pool = MakePool({.actors = 16, .workers = 2});
  std::vector<std::uint64_t> expected(16);
  for (int i = 0; i < 300; ++i) {
    const std::string key = "order-" + std::to_string(i % 60);
    ++expected[pool->ActorFor(key)];
    ASSERT_TRUE(pool->ProcessMessage({.key = key, .work = DoNothing}).ok());
  }
  ASSERT_TRUE(pool->Drain(seconds(20)).ok());
  const PoolStats stats = pool->Stats();
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(stats.actors[i].sent, expected[i]) << i;
}

TEST(ActorPoolTest, TenThousandKeysReachEveryActor) {
  auto pool = MakePool({.workers = 1});
  std::vector<int> keys(256);
  for (int i = 0; i < 10'000; ++i) ++keys[pool->ActorFor("order-" + std::to_string(i))];
  EXPECT_THAT(keys, Each(::testing::AllOf(::testing::Gt(10), ::testing::Lt(80))));
}

TEST(ActorPoolTest, PoolsOfEqualSizeRouteAKeyToTheSameActor) {
  auto one = MakePool({.name = "one", .actors = 77, .workers = 1});
  auto other = MakePool({.name = "other", .actors = 77, .workers = 2});
  for (const char* key : {"", "a", "order-4711", "\xff\xfe"}) EXPECT_EQ(one->ActorFor(key), other->ActorFor(key));
}

TEST(ActorPoolTest, MessagesWithoutKeyAreSpreadExactlyEvenly) {
  auto pool = MakePool({.actors = 64, .workers = 2});
  std::vector<std::jthread> producers;
  for (int p = 0; p < 4; ++p) {
    producers.emplace_back([&] {
      for (int i = 0; i < 64 * 5; ++i) EXPECT_TRUE(pool->ProcessMessage({.work = DoNothing}).ok());
    });
  }
  producers.clear();
  EXPECT_THAT(pool->Stats().actors, Each(Field(&ActorStats::sent, 20u)));
}

TEST(ActorPoolTest, RefusesAMessageWithoutWork) {
  auto pool = MakePool({.workers = 1});
  EXPECT_EQ(pool->ProcessMessage({}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(pool->Stats().Total().sent, 0u);
}

TEST(ActorPoolTest, AFullInboxRefusesAndCountsAMessageAndLeavesItUnchanged) {
  HeldActor held(3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(held.pool().ProcessMessage({.work = DoNothing}).ok());
  Gate ran;
  Message message = {.key = "k", .work = [&] {
                       ran.Pass();
                       return absl::OkStatus();
                     }};
  const absl::Status refusal = Offer(held.pool(), message);
  EXPECT_EQ(refusal.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refusal.message()), HasSubstr("\"pool\" holds 3 messages"));
  EXPECT_EQ(Offer(held.pool(), message).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(held.stats().inbox_full, 2u);
  EXPECT_EQ(held.stats().inbox_depth, 3u);
  EXPECT_EQ(held.stats().sent, 4u);
  held.Release();
  EXPECT_TRUE(Offer(held.pool(), message, seconds(20)).ok());
  EXPECT_TRUE(ran.Await());
}

TEST(ActorPoolTest, WaitingForSpaceTimesOutAndCountsOnce) {
  HeldActor held(1);
  held.Fill();
  const std::uint64_t before = held.stats().inbox_full;
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(held.pool().ProcessMessage({.work = DoNothing}, milliseconds(20)).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_GE(std::chrono::steady_clock::now() - began, milliseconds(20));
  EXPECT_EQ(held.stats().inbox_full, before + 1);
}

TEST(ActorPoolTest, WaitingForSpaceEndsAsSoonAsThereIsSome) {
  HeldActor held(1);
  held.Fill();
  const std::uint64_t before = held.stats().inbox_full;
  Gate accepted;
  std::jthread producer([&] {
    // The longest timeout there is must not overflow into the past.
    EXPECT_TRUE(held.pool().ProcessMessage({.work = DoNothing}, milliseconds::max()).ok());
    accepted.Pass();
  });
  while (held.stats().inbox_full == before) std::this_thread::yield();
  EXPECT_EQ(accepted.passed(), 0u);
  held.Release();
  EXPECT_TRUE(accepted.Await());
  EXPECT_EQ(held.stats().inbox_full, before + 1);
}

TEST(ActorPoolTest, AProducerGetsSpaceBeforeTheBurstHasEnded) {
  HeldActor held(1);
  Gate second_began;
  Gate release_second;
  auto hold = [&] {
    second_began.Pass();
    release_second.Await();
    return absl::OkStatus();
  };
  ASSERT_TRUE(held.pool().ProcessMessage({.work = hold}).ok());
  Gate accepted;
  std::jthread producer([&] {
    EXPECT_TRUE(held.pool().ProcessMessage({.work = DoNothing}, milliseconds::max()).ok());
    accepted.Pass();
  });
  while (held.stats().inbox_full == 0) std::this_thread::yield();
  held.Release();
  EXPECT_TRUE(second_began.Await());
  EXPECT_TRUE(accepted.Await());
  release_second.Pass();
}

TEST(ActorPoolTest, ANegativeTimeoutDoesNotWait) {
  HeldActor held(1);
  held.Fill();
  EXPECT_EQ(held.pool().ProcessMessage({.work = DoNothing}, milliseconds::min()).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(ActorPoolTest, AWorkerNeverWaitsForSpaceInItsOwnPool) {
  auto pool = MakePool({.actors = 1, .inbox_capacity = 1, .workers = 1});
  Gate done;
  absl::Status second;
  auto refill = [&] {
    EXPECT_TRUE(pool->ProcessMessage({.work = DoNothing}, std::chrono::hours(1)).ok());
    second = pool->ProcessMessage({.work = DoNothing}, std::chrono::hours(1));
    done.Pass();
    return absl::OkStatus();
  };
  ASSERT_TRUE(pool->ProcessMessage({.work = refill}).ok());
  ASSERT_TRUE(done.Await());
  EXPECT_EQ(second.code(), absl::StatusCode::kResourceExhausted);
}

TEST(ActorPoolTest, AWorkerMayWaitForSpaceInAnotherPool) {
  HeldActor held(1);
  held.Fill();
  const std::uint64_t before = held.stats().inbox_full;
  auto outer = MakePool({.workers = 1});
  Gate done;
  auto forward = [&] {
    absl::Status status = held.pool().ProcessMessage({.work = DoNothing}, seconds(20));
    done.Pass();
    return status;
  };
  ASSERT_TRUE(outer->ProcessMessage({.work = forward}).ok());
  while (held.stats().inbox_full == before) std::this_thread::yield();
  held.Release();
  ASSERT_TRUE(done.Await());
  ASSERT_TRUE(outer->Drain(seconds(20)).ok());
  EXPECT_EQ(outer->Stats().Total().succeeded, 1u);
}

TEST(ActorPoolTest, SettledMaySendTheNextMessage) {
  auto pool = MakePool({.actors = 4, .workers = 2});
  constexpr int kRounds = 20'000;
  Gate finished;
  int round = 0;  // Only the one message in flight touches it.
  std::function<void(const Completion&)> next = [&](const Completion&) {
    if (++round == kRounds) return finished.Pass();
    const std::string key = std::to_string(round);
    Message message = {.key = key, .work = DoNothing, .settled = next};
    EXPECT_TRUE(pool->ProcessMessage(std::move(message)).ok());
  };
  ASSERT_TRUE(pool->ProcessMessage({.work = DoNothing, .settled = next}).ok());
  ASSERT_TRUE(finished.Await());
  ASSERT_TRUE(pool->Drain(seconds(20)).ok());
  EXPECT_EQ(pool->Stats().Total().succeeded, static_cast<std::uint64_t>(kRounds));
}

TEST(ActorPoolTest, ABusyActorYieldsTheWorkerAfterABurst) {
  auto pool = MakePool({.actors = 2, .workers = 1, .burst = 2});
  Gate began;
  Gate release;
  std::vector<std::size_t> runs;
  // Round-robin: even messages go to actor 0, odd ones to actor 1.
  auto note = [&](std::size_t actor) {
    return [&, actor] {
      if (runs.empty()) {
        began.Pass();
        release.Await();
      }
      runs.push_back(actor);
      return absl::OkStatus();
    };
  };
  for (std::size_t i = 0; i < 8; ++i) ASSERT_TRUE(pool->ProcessMessage({.work = note(i % 2)}).ok());
  ASSERT_TRUE(began.Await());
  release.Pass();
  ASSERT_TRUE(pool->Drain(seconds(20)).ok());
  EXPECT_THAT(runs, ElementsAre(0, 0, 1, 1, 0, 0, 1, 1));
}

TEST(ActorPoolTest, CapturesOfAMessageAreDestroyedBeforeTheNextOneRuns) {
  HeldActor held(10);
  auto payload = std::make_shared<int>(7);
  std::weak_ptr<int> watch = payload;
  bool gone = false;
  ASSERT_TRUE(
      held.pool()
          .ProcessMessage({.work = [payload] { return DoNothing(); }, .settled = [payload](const Completion&) {}})
          .ok());
  payload.reset();
  EXPECT_FALSE(watch.expired());
  auto look = [&] {
    gone = watch.expired();
    return absl::OkStatus();
  };
  ASSERT_TRUE(held.pool().ProcessMessage({.work = look}).ok());
  held.Release();
  ASSERT_TRUE(held.pool().Drain(seconds(20)).ok());
  EXPECT_TRUE(gone);
}

TEST(ActorPoolTest, ABlockedHandlerDelaysNoOtherActor) {
  auto pool = MakePool({.actors = 8, .workers = 2});
  Gate began;
  Gate release;
  Gate others;
  auto block = [&] {
    began.Pass();
    release.Await();
    return absl::OkStatus();
  };
  ASSERT_TRUE(pool->ProcessMessage({.work = block}).ok());
  ASSERT_TRUE(began.Await());
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(pool->ProcessMessage({.work = DoNothing, .settled = [&](const Completion&) { others.Pass(); }}).ok());
  }
  EXPECT_TRUE(others.Await(7));
  release.Pass();
}

TEST(ActorPoolTest, StatsCountEveryMessageSent) {
  auto pool = MakePool({.name = "orders", .actors = 8, .inbox_capacity = 500, .workers = 2});
  for (int i = 0; i < 1'000; ++i) {
    auto work = [i] { return i % 10 == 0 ? absl::AbortedError("odd") : absl::OkStatus(); };
    ASSERT_TRUE(pool->ProcessMessage({.work = work}, seconds(20)).ok());
  }
  ASSERT_TRUE(pool->Drain(seconds(20)).ok());
  const PoolStats stats = pool->Stats();
  EXPECT_EQ(stats.name, "orders");
  EXPECT_EQ(stats.inbox_capacity, 500u);
  EXPECT_EQ(stats.workers, 2u);
  EXPECT_EQ(stats.actors.size(), 8u);
  EXPECT_EQ(stats.Total().sent, 1'000u);
  EXPECT_EQ(stats.Total().succeeded, 900u);
  EXPECT_EQ(stats.Total().failed, 100u);
  EXPECT_EQ(stats.Total().inbox_depth, 0u);
  EXPECT_EQ(stats.abandoned, 0u);
  EXPECT_EQ(stats.latency.count, 1'000u);
  EXPECT_GT(stats.latency.sum_seconds, 0);
}

TEST(ActorPoolTest, LatencyRunsFromAcceptanceToTheEndOfTheHandler) {
  HeldActor held(10);
  ASSERT_TRUE(held.pool().ProcessMessage({.work = DoNothing}).ok());
  const auto began = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - began < milliseconds(6)) std::this_thread::yield();
  held.Release();
  ASSERT_TRUE(held.pool().Drain(seconds(20)).ok());
  const LatencySnapshot latency = held.pool().Stats().latency;
  EXPECT_EQ(latency.count, 2u);
  EXPECT_GE(latency.sum_seconds, 0.012);
  EXPECT_GE(latency.Quantile(0.01), 0.01);
}

TEST(ActorPoolTest, WorkerThreadsAreNamedAfterThePool) {
  Gate entered;
  auto pool = MakePool({.name = "a-rather-long-name", .actors = 2, .workers = 2});
  std::vector<std::string> seen(2);
  for (std::size_t i = 0; i < 2; ++i) {
    auto work = [&, i] {
      char name[16];
      pthread_getname_np(pthread_self(), name, sizeof(name));
      seen[i] = name;
      entered.Pass();
      entered.Await(2);  // Both at once, so on two workers.
      return absl::OkStatus();
    };
    ASSERT_TRUE(pool->ProcessMessage({.work = work}).ok());
  }
  ASSERT_TRUE(pool->Drain(seconds(20)).ok());
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("a-rather-lon-w0", "a-rather-lon-w1"));
}

TEST(ActorPoolTest, ByDefaultThereIsOneWorkerPerCore) {
  EXPECT_EQ(MakePool({})->Stats().workers, std::max(1U, std::thread::hardware_concurrency()));
}

TEST(ActorPoolTest, CreateFailsWhenAThreadCannotBeMade) {
  pthread_attr_t usual;
  pthread_attr_t boundless;
  ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
  ASSERT_EQ(pthread_attr_init(&boundless), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&boundless, std::size_t{1} << 47), 0);
  ASSERT_EQ(pthread_setattr_default_np(&boundless), 0);
  const absl::Status status = ActorPool::Create({.workers = 1}).status();
  pthread_setattr_default_np(&usual);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  pthread_attr_destroy(&usual);
  pthread_attr_destroy(&boundless);
}

}  // namespace
}  // namespace penstock::actorpool
