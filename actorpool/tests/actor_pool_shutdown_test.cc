// SPDX-License-Identifier: Apache-2.0
#include <atomic>
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
using ::testing::HasSubstr;

absl::Status DoNothing() { return absl::OkStatus(); }

/// Four actors, two workers, and handlers that can be held.
class ShutdownTest : public ::testing::Test {
 protected:
  void SendHeld() { Send(Hold()); }
  void SendQuick() { Send(DoNothing); }

  absl::AnyInvocable<absl::Status()> Hold() {
    return [this] {
      began_.Pass();
      release_.Await();
      return absl::OkStatus();
    };
  }

  void Send(absl::AnyInvocable<absl::Status()> work) {
    auto settled = [this](const Completion& completion) {
      const bool abandoned = completion.disposition == Disposition::kAbandoned;
      ++(abandoned ? abandoned_ : finished_);
      EXPECT_EQ(completion.status.code(), abandoned ? absl::StatusCode::kCancelled : absl::StatusCode::kOk);
    };
    ASSERT_TRUE(pool_->ProcessMessage({.work = std::move(work), .settled = settled}).ok());
  }

  void ExpectClosed() {
    Message message = {.work = DoNothing};
    EXPECT_EQ(Offer(*pool_, message).code(), absl::StatusCode::kUnavailable);
    EXPECT_TRUE(message.work != nullptr) << "a refused message is left as it was";
    const absl::Status status = Offer(*pool_, message, seconds(20));
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(status.message()), HasSubstr("draining or stopped"));
  }

  std::atomic<int> finished_{0};
  std::atomic<int> abandoned_{0};
  Gate began_;
  Gate release_;
  std::unique_ptr<ActorPool> pool_ = ActorPool::Create({.actors = 4, .workers = 2}).value();
};

TEST_F(ShutdownTest, DrainFinishesAllMessagesAndRefusesNewOnes) {
  for (int i = 0; i < 1'000; ++i) SendQuick();
  EXPECT_TRUE(pool_->Drain(seconds(20)).ok());
  EXPECT_EQ(finished_, 1'000);
  ExpectClosed();
  EXPECT_TRUE(pool_->Drain(milliseconds(0)).ok());
  pool_->Stop();
  EXPECT_EQ(abandoned_, 0);
}

TEST_F(ShutdownTest, DrainOfAnUnusedPoolIsImmediate) { EXPECT_TRUE(pool_->Drain(milliseconds(0)).ok()); }

TEST_F(ShutdownTest, ADrainThatTimedOutCanBeRepeated) {
  SendHeld();
  ASSERT_TRUE(began_.Await());
  for (int i = 0; i < 10; ++i) SendQuick();
  const absl::Status status = pool_->Drain(milliseconds(10));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("drain pool \"pool\": "));
  EXPECT_EQ(pool_->Drain(milliseconds::min()).code(), absl::StatusCode::kDeadlineExceeded);
  ExpectClosed();
  release_.Pass();
  EXPECT_TRUE(pool_->Drain(milliseconds::max()).ok());
  EXPECT_EQ(finished_, 11);
}

TEST_F(ShutdownTest, StopAbandonsMessagesThatHaveNotBegunAndWaitsForTheOthers) {
  SendHeld();
  SendHeld();
  ASSERT_TRUE(began_.Await(2));
  for (int i = 0; i < 100; ++i) SendQuick();
  Gate stopped;
  std::jthread stopper([&] {
    pool_->Stop();
    stopped.Pass();
  });
  while (pool_->ProcessMessage({.work = DoNothing}).code() != absl::StatusCode::kUnavailable) {
  }
  EXPECT_EQ(stopped.passed(), 0u);
  const std::uint64_t sent = pool_->Stats().Total().sent;
  release_.Pass();
  ASSERT_TRUE(stopped.Await());
  EXPECT_EQ(finished_, 2);
  EXPECT_EQ(abandoned_, 100);
  const PoolStats stats = pool_->Stats();
  EXPECT_EQ(stats.abandoned, sent - 2);
  EXPECT_EQ(stats.Total().inbox_depth, 0u);
  EXPECT_EQ(stats.Total().succeeded, 2u);
  EXPECT_EQ(pool_->Drain(seconds(20)).code(), absl::StatusCode::kCancelled);
}

TEST_F(ShutdownTest, TheDestructorAbandonsMessagesToo) {
  SendHeld();
  SendHeld();
  ASSERT_TRUE(began_.Await(2));
  for (int i = 0; i < 10; ++i) SendQuick();
  std::jthread releaser([&] {
    // Abandoning comes after the handlers, so this alone lets the destructor go on.
    release_.Pass();
  });
  pool_.reset();
  EXPECT_EQ(finished_ + abandoned_, 12);
}

TEST_F(ShutdownTest, StopDuringDrainEndsBoth) {
  SendHeld();
  SendHeld();
  ASSERT_TRUE(began_.Await(2));
  for (int i = 0; i < 10; ++i) SendQuick();
  absl::Status drained;
  std::jthread drainer([&] { drained = pool_->Drain(std::chrono::hours(1)); });
  std::jthread stopper([&] { pool_->Stop(); });
  while (pool_->ProcessMessage({.work = DoNothing}).code() != absl::StatusCode::kUnavailable) {
  }
  release_.Pass();
  drainer.join();
  stopper.join();
  EXPECT_EQ(finished_ + abandoned_, 12);
  EXPECT_EQ(drained.code(), pool_->Stats().abandoned > 0 ? absl::StatusCode::kCancelled : absl::StatusCode::kOk);
}

TEST_F(ShutdownTest, ManyThreadsMayDrainAndStopAtOnce) {
  for (int i = 0; i < 1'000; ++i) SendQuick();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { EXPECT_TRUE(pool_->Drain(seconds(20)).ok()); });
  threads.clear();
  EXPECT_EQ(finished_, 1'000);
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { pool_->Stop(); });
  threads.clear();
  EXPECT_EQ(abandoned_, 0);
}

TEST_F(ShutdownTest, ManyThreadsMayStopAtOnce) {
  for (int i = 0; i < 1'000; ++i) SendQuick();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      pool_->Stop();
      EXPECT_EQ(finished_ + abandoned_, 1'000);
    });
}

TEST_F(ShutdownTest, ProducersThatWaitForSpaceAreRefused) {
  auto pool = ActorPool::Create({.actors = 1, .inbox_capacity = 1, .workers = 1}).value();
  ASSERT_TRUE(pool->ProcessMessage({.work = Hold()}).ok());
  ASSERT_TRUE(began_.Await());
  ASSERT_TRUE(pool->ProcessMessage({.work = DoNothing}).ok());
  std::vector<std::jthread> producers;
  for (int i = 0; i < 3; ++i) {
    producers.emplace_back([&] {
      EXPECT_EQ(pool->ProcessMessage({.work = DoNothing}, std::chrono::hours(1)).code(),
                absl::StatusCode::kUnavailable);
    });
  }
  while (pool->Stats().Total().inbox_full < 3) std::this_thread::yield();
  EXPECT_EQ(pool->Drain(milliseconds(0)).code(), absl::StatusCode::kDeadlineExceeded);
  producers.clear();
  release_.Pass();
  EXPECT_TRUE(pool->Drain(seconds(20)).ok());
}

TEST_F(ShutdownTest, AWorkerCannotDrainItsPool) {
  absl::Status drained;
  Send([&] {
    drained = pool_->Drain(seconds(20));
    return absl::OkStatus();
  });
  SendQuick();
  EXPECT_TRUE(pool_->Drain(seconds(20)).ok());
  EXPECT_EQ(drained.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(finished_, 2);
}

TEST_F(ShutdownTest, AWorkerCannotStopItsPoolAndTheLogSaysSo) {
  std::string logged;
  auto log = [&](LogLevel level, std::string_view line) {
    EXPECT_EQ(level, LogLevel::kError);
    logged = line;
  };
  pool_ = ActorPool::Create({.name = "orders", .workers = 1, .log = log}).value();
  Send([&] {
    pool_->Stop();
    return absl::OkStatus();
  });
  EXPECT_TRUE(pool_->Drain(seconds(20)).ok());
  EXPECT_THAT(logged, HasSubstr("stop pool \"orders\": called from one of its workers"));
}

TEST_F(ShutdownTest, HandlersOfADrainingPoolCannotSendToIt) {
  Gate closed;
  absl::Status refusal;
  Send([&] {
    closed.Await();
    refusal = pool_->ProcessMessage({.work = DoNothing});
    return absl::OkStatus();
  });
  EXPECT_EQ(pool_->Drain(milliseconds(0)).code(), absl::StatusCode::kDeadlineExceeded);
  closed.Pass();
  EXPECT_TRUE(pool_->Drain(seconds(20)).ok());
  EXPECT_EQ(refusal.code(), absl::StatusCode::kUnavailable);
}

TEST_F(ShutdownTest, SettledOfAnAbandonedMessageMayCallThePool) {
  auto pool = ActorPool::Create({.actors = 1, .workers = 1}).value();
  ASSERT_TRUE(pool->ProcessMessage({.work = Hold()}).ok());
  ASSERT_TRUE(began_.Await());
  absl::Status refusal;
  absl::Status drained;
  auto settled = [&](const Completion& completion) {
    EXPECT_EQ(completion.disposition, Disposition::kAbandoned);
    refusal = pool->ProcessMessage({.work = DoNothing});
    drained = pool->Drain(seconds(20));
    pool->Stop();
  };
  ASSERT_TRUE(pool->ProcessMessage({.work = DoNothing, .settled = settled}).ok());
  std::jthread stopper([&] { pool->Stop(); });
  while (pool->ProcessMessage({.work = DoNothing}).code() != absl::StatusCode::kUnavailable) {
  }
  release_.Pass();
  stopper.join();
  EXPECT_EQ(refusal.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(drained.code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ShutdownTest, MessagesOwnTheirCapturesUntilTheyAreSettled) {
  auto payload = std::make_shared<int>(7);
  std::weak_ptr<int> watch = payload;
  Send([payload = std::move(payload)] { return *payload == 7 ? absl::OkStatus() : absl::DataLossError("gone"); });
  EXPECT_TRUE(pool_->Drain(seconds(20)).ok());
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(pool_->Stats().Total().succeeded, 1u);
}

}  // namespace
}  // namespace penstock::actorpool
