// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "gate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "penstock/actorpool/actor_pool.h"

namespace penstock::actorpool {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Status DoNothing() { return absl::OkStatus(); }

absl::Status Throw() { throw std::runtime_error("boom"); }

/// Collects the lines that a pool logs.
class LogLines {
 public:
  LogSink sink() {
    return [this](LogLevel, std::string_view line) {
      MutexLock lock(mutex_);
      lines_.emplace_back(line);
    };
  }
  std::vector<std::string> lines() {
    MutexLock lock(mutex_);
    return lines_;
  }

 private:
  Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

/// One actor, whose completions are collected.
class SupervisionTest : public ::testing::Test {
 protected:
  void Start(RestartPolicy restart) {
    pool_ = ActorPool::Create({.actors = 1, .workers = 2, .restart = restart, .log = log_.sink()}).value();
  }

  void Send(std::function<absl::Status()> work) {
    auto settled = [this](const Completion& completion) {
      completions_.push_back(completion);
      settled_at_.push_back(std::chrono::steady_clock::now());
      settled_.Pass();
    };
    ASSERT_TRUE(pool_->ProcessMessage({.work = std::move(work), .settled = settled}).ok());
  }

  ActorStats stats() { return pool_->Stats().actors[0]; }

  LogLines log_;
  Gate settled_;
  std::vector<Completion> completions_{};  ///< written by the one actor; read once `settled_` was passed
  std::vector<std::chrono::steady_clock::time_point> settled_at_{};
  std::unique_ptr<ActorPool> pool_{};
};

TEST_F(SupervisionTest, ACompletionTellsHowLongItsActorPauses) {
  Start({.max_restarts = 1, .suspension = milliseconds{7}});
  Send(DoNothing);
  Send(Throw);
  Send(Throw);
  ASSERT_TRUE(settled_.Await(3));
  EXPECT_EQ(completions_[0].pause, milliseconds{0});
  EXPECT_EQ(completions_[1].pause, milliseconds{0}) << "the first restart is immediate";
  EXPECT_EQ(completions_[2].pause, milliseconds{7});
}

TEST_F(SupervisionTest, AThrowEndsItsMessageIsCountedAndRestartsTheActor) {
  Start({});
  Send(Throw);
  Send(DoNothing);
  ASSERT_TRUE(settled_.Await(2));
  EXPECT_EQ(completions_[0].disposition, Disposition::kThrew);
  EXPECT_EQ(completions_[0].status, absl::InternalError("handler threw: boom"));
  EXPECT_EQ(completions_[1].disposition, Disposition::kReturned);
  EXPECT_TRUE(completions_[1].status.ok());
  EXPECT_EQ(stats().restarts, 1u);
  EXPECT_EQ(stats().suspensions, 0u);
  EXPECT_EQ(stats().failed, 1u);
  EXPECT_EQ(stats().succeeded, 1u);
  EXPECT_THAT(log_.lines(), ElementsAre("actor 0 of pool \"pool\": handler threw: boom; it restarts in 0ms"));
}

TEST_F(SupervisionTest, ThrownValuesThatAreNoExceptionsAreCaughtToo) {
  Start({});
  Send([]() -> absl::Status { throw 42; });
  Send([]() -> absl::Status { throw "text"; });
  ASSERT_TRUE(settled_.Await(2));
  for (const Completion& completion : completions_) {
    EXPECT_EQ(completion.disposition, Disposition::kThrew);
    EXPECT_EQ(completion.status, absl::InternalError("handler threw: unknown exception"));
  }
}

TEST_F(SupervisionTest, ARestartIsCountedBeforeSettledIsCalled) {
  Start({});
  std::uint64_t seen = 0;
  auto settled = [&](const Completion&) {
    seen = stats().restarts;
    settled_.Pass();
  };
  ASSERT_TRUE(pool_->ProcessMessage({.work = Throw, .settled = settled}).ok());
  ASSERT_TRUE(settled_.Await());
  EXPECT_EQ(seen, 1u);
}

TEST_F(SupervisionTest, TheInboxKeepsItsOrderAcrossRestarts) {
  Start({.max_restarts = 1'000, .max_backoff = milliseconds(1)});
  std::vector<int> ran;
  for (int i = 0; i < 60; ++i) {
    Send([&, i] {
      ran.push_back(i);
      return i % 3 == 0 ? Throw() : absl::OkStatus();
    });
  }
  ASSERT_TRUE(settled_.Await(60));
  for (int i = 0; i < 60; ++i) EXPECT_EQ(ran[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(stats().restarts, 20u);
}

TEST_F(SupervisionTest, TheFirstRestartIsImmediateTheNextBacksOff) {
  Start({.window = seconds(60), .min_backoff = milliseconds(30), .max_backoff = milliseconds(30)});
  for (int i = 0; i < 3; ++i) Send(Throw);
  ASSERT_TRUE(settled_.Await(3));
  EXPECT_GE(settled_at_[2] - settled_at_[1], milliseconds(29));
}

TEST_F(SupervisionTest, AnActorThatThrowsTooOftenIsSuspendedAndThenRunsAgain) {
  Start({.max_restarts = 2, .window = seconds(60), .min_backoff = milliseconds(0), .suspension = milliseconds(40)});
  for (int i = 0; i < 4; ++i) Send(Throw);
  Send(DoNothing);
  ASSERT_TRUE(settled_.Await(5));
  EXPECT_GE(settled_at_[3] - settled_at_[2], milliseconds(39));
  EXPECT_EQ(stats().suspensions, 1u);
  EXPECT_EQ(stats().restarts, 3u);  // Two, then one in the window that the suspension cleared.
  EXPECT_EQ(stats().succeeded, 1u);
  EXPECT_THAT(log_.lines()[2], HasSubstr("too many restarts, it is suspended for 40ms"));
}

TEST_F(SupervisionTest, ASuspensionAlsoHoldsWhenTheInboxWasEmpty) {
  Start({.max_restarts = 0, .suspension = milliseconds(40)});
  Send(Throw);
  ASSERT_TRUE(settled_.Await(1));
  Send(DoNothing);
  ASSERT_TRUE(settled_.Await(2));
  EXPECT_GE(settled_at_[1] - settled_at_[0], milliseconds(39));
}

TEST_F(SupervisionTest, DrainDoesNotWaitForASuspendedActorWithAnEmptyInbox) {
  Start({.max_restarts = 0, .suspension = std::chrono::minutes(10)});
  Send(Throw);
  EXPECT_TRUE(pool_->Drain(seconds(20)).ok());
}

TEST_F(SupervisionTest, DrainFinishesTheInboxOfASuspendedActor) {
  Start({.max_restarts = 0, .suspension = milliseconds(20)});
  Send(Throw);
  Send(DoNothing);
  EXPECT_TRUE(pool_->Drain(seconds(20)).ok());
  EXPECT_EQ(completions_.back().disposition, Disposition::kReturned);
}

TEST_F(SupervisionTest, StopDoesNotWaitForTheEndOfASuspension) {
  Start({.max_restarts = 0, .suspension = std::chrono::minutes(10)});
  Gate release;
  Send([&] {
    release.Await();
    return Throw();
  });
  Send(DoNothing);
  release.Pass();
  ASSERT_TRUE(settled_.Await(1));
  pool_->Stop();
  ASSERT_EQ(completions_.size(), 2u);
  EXPECT_EQ(completions_[1].disposition, Disposition::kAbandoned);
}

TEST(SupervisionOfSeveralActorsTest, OtherActorsRunWhileOneIsSuspended) {
  auto pool = ActorPool::Create(
                  {.actors = 8, .workers = 1, .restart = {.max_restarts = 0, .suspension = std::chrono::minutes(10)}})
                  .value();
  Gate settled;
  auto pass = [&](const Completion&) { settled.Pass(); };
  ASSERT_TRUE(pool->ProcessMessage({.key = "bad", .work = Throw, .settled = pass}).ok());
  ASSERT_TRUE(settled.Await());
  ASSERT_TRUE(pool->ProcessMessage({.key = "bad", .work = DoNothing, .settled = pass}).ok());
  std::size_t others = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string key = "good-" + std::to_string(i);
    if (pool->ActorFor(key) == pool->ActorFor("bad")) continue;
    ASSERT_TRUE(pool->ProcessMessage({.key = key, .work = DoNothing, .settled = pass}).ok());
    ++others;
  }
  EXPECT_GT(others, 50u);
  EXPECT_TRUE(settled.Await(1 + others));
  const ActorStats bad = pool->Stats().actors[pool->ActorFor("bad")];
  EXPECT_EQ(bad.inbox_depth, 1u);
  EXPECT_EQ(bad.succeeded, 0u);
  EXPECT_EQ(pool->Stats().Total().succeeded, others);
}

}  // namespace
}  // namespace penstock::actorpool
