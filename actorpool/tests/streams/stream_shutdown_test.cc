// SPDX-License-Identifier: Apache-2.0
// How a registry ends, by itself or with its pool.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/streams/stream_fixture.h"

namespace penstock::actorpool {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

class StreamShutdownTest : public StreamTest {
 protected:
  /// Two streams whose callbacks occupy both workers, `queued` more messages each.
  void Begin(int queued) {
    for (const char* id : {"a", "b"}) {
      Register(id, Waiting(id));
      Dispatch(id, 0);
    }
    ASSERT_TRUE(began_.Await(2));
    for (int i = 1; i <= queued; ++i) {
      Dispatch("a", i);
      Dispatch("b", i);
    }
  }

  void AwaitClosed() {
    while (registry_->Dispatch("a", 99).code() != absl::StatusCode::kFailedPrecondition) std::this_thread::yield();
  }

  void ExpectClosed() {
    const absl::Status status = registry_->Dispatch("a", 1);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("the registry or its pool is draining or stopped; dispatch to before that"));
    EXPECT_EQ(registry_->Register("c", Noting("c")).code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(registry_->Unregister("a").code(), absl::StatusCode::kFailedPrecondition);
  }
};

TEST_F(StreamShutdownTest, DrainFinishesWhatWasAcceptedAndReportsIt) {
  Begin(5);
  std::jthread releaser([this] {
    AwaitClosed();
    release_.Pass(12);
  });
  const StreamDrainReport report = Drained();
  releaser.join();
  EXPECT_EQ(report.finished, registry_->Stats().total.succeeded);
  EXPECT_EQ(report.dropped, 0u);
  EXPECT_EQ(report.running, 0u);
  EXPECT_EQ(registry_->Stats().streams, 0u);
  ExpectClosed();
  EXPECT_EQ(Drained().finished, 0u) << "a second drain has nothing to do";
}

TEST_F(StreamShutdownTest, AtTheDeadlineADrainDropsTheRestAndSaysWhatRuns) {
  Begin(5);
  const auto report = registry_->Drain(milliseconds(5));
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->finished, 0u);
  EXPECT_EQ(report->dropped, 10u);
  EXPECT_EQ(report->running, 2u);
  ExpectClosed();
  release_.Pass(2);
  registry_->Stop();
  EXPECT_EQ(registry_->Stats().total.succeeded, 2u);
  EXPECT_EQ(registry_->Stats().total.dropped, 10u);
  EXPECT_EQ(registry_->Stats().total.running, 0u);
}

TEST_F(StreamShutdownTest, ADrainWithoutTimeDoesNotWait) {
  Begin(1);
  EXPECT_EQ(registry_->Drain(milliseconds::min())->dropped, 2u);
  EXPECT_EQ(registry_->Drain(milliseconds(0))->running, 2u);
  release_.Pass(2);
}

TEST_F(StreamShutdownTest, ADrainOfTheLongestTimeIsNoOverflow) {
  Register("a", Noting("a"));
  Dispatch("a", 1);
  EXPECT_EQ(registry_->Drain(milliseconds::max())->finished, 1u);
}

TEST_F(StreamShutdownTest, StopDropsWhatHasNotBegunAndWaitsForTheRest) {
  Begin(5);
  Gate stopped;
  std::jthread stopper([&] {
    registry_->Stop();
    stopped.Pass();
  });
  AwaitClosed();
  EXPECT_EQ(stopped.passed(), 0u);
  release_.Pass(2);
  ASSERT_TRUE(stopped.Await());
  EXPECT_EQ(registry_->Stats().total.succeeded, 2u);
  registry_->Stop();
}

TEST_F(StreamShutdownTest, StopDoesNotWaitForAStreamThatPauses) {
  Open({.restart = {.max_restarts = 0, .suspension = std::chrono::minutes(10)}});
  Register("a", [](int) -> absl::Status { throw 1; });
  DispatchMany("a", 3);
  while (registry_->Stats().total.suspensions == 0 || registry_->Stats().total.running > 0) std::this_thread::yield();
  registry_->Stop();
  EXPECT_EQ(registry_->Stats().total.dropped, 2u);
  registry_.reset();
  pool_.reset();
}

TEST_F(StreamShutdownTest, StopDoesNotWaitForAWorkerThatIsBusyElsewhere) {
  Begin(0);
  auto other = Registry::Create(*pool_).value();
  ASSERT_TRUE(other->Register("c", Noting("c")).ok());
  ASSERT_TRUE(other->Dispatch("c", 1).ok());
  other->Stop();
  EXPECT_EQ(other->Stats().total.dropped, 1u);
  other.reset();
  release_.Pass(2);
  EXPECT_TRUE(pool_->Drain(kPatience).ok()) << "the pool forgets the ended stream that was ready";
}

TEST_F(StreamShutdownTest, TheDestructorWaitsForCallbacksAndDropsTheRest) {
  auto count = std::make_shared<int>(0);
  Register("a", [this, count](int) {
    began_.Pass();
    release_.Await();
    ++*count;
    return absl::OkStatus();
  });
  DispatchMany("a", 3);
  ASSERT_TRUE(began_.Await());
  std::jthread releaser([this] { release_.Pass(); });
  registry_.reset();
  EXPECT_GE(*count, 1);
  EXPECT_EQ(count.use_count(), 1) << "the callback is gone";
}

TEST_F(StreamShutdownTest, ADrainOfThePoolFinishesTheStreamsToo) {
  Begin(5);
  EXPECT_EQ(pool_->Drain(milliseconds(5)).code(), absl::StatusCode::kDeadlineExceeded);
  ExpectClosed();
  release_.Pass(12);
  EXPECT_TRUE(pool_->Drain(kPatience).ok());
  EXPECT_EQ(Handled("a"), Numbers(6));
  EXPECT_EQ(Handled("b"), Numbers(6));
  EXPECT_EQ(Drained().finished, 0u);
}

TEST_F(StreamShutdownTest, ADrainOfThePoolFinishesHeldStreamsToo) {
  Register("a", Waiting("a"));
  Dispatch("a", 0);
  ASSERT_TRUE(began_.Await());
  ASSERT_TRUE(registry_->Unregister("a").ok());
  Register("a", Noting("again"));
  Dispatch("a", 1);
  EXPECT_EQ(pool_->Drain(milliseconds(0)).code(), absl::StatusCode::kDeadlineExceeded);
  release_.Pass();
  EXPECT_TRUE(pool_->Drain(kPatience).ok());
  EXPECT_EQ(Handled("again"), std::vector<int>{1});
}

TEST_F(StreamShutdownTest, AStopOfThePoolDropsWhatHasNotBegun) {
  Begin(5);
  std::jthread stopper([this] { pool_->Stop(); });
  AwaitClosed();
  release_.Pass(2);
  stopper.join();
  const StreamStats total = registry_->Stats().total;
  EXPECT_EQ(total.succeeded, 2u);
  EXPECT_EQ(total.dropped, total.accepted - 2);
  EXPECT_EQ(pool_->Stats().abandoned, total.dropped);
  EXPECT_EQ(pool_->Drain(kPatience).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(registry_->Stats().ending, 0u);
  ExpectClosed();
}

TEST_F(StreamShutdownTest, AStopOfThePoolDropsStreamsThatWaitForAWorkerOrPause) {
  Open({.restart = {.max_restarts = 0, .suspension = std::chrono::minutes(10)}}, 1);
  Register("throws", [](int) -> absl::Status { throw 1; });
  DispatchMany("throws", 2);
  while (registry_->Stats().total.suspensions == 0) std::this_thread::yield();
  Register("a", Waiting("a"));
  Dispatch("a", 0);
  ASSERT_TRUE(began_.Await());
  for (int i = 0; i < 100; ++i) {
    Register(std::to_string(i), Noting("x"));
    Dispatch(std::to_string(i), 0);
  }
  std::jthread stopper([this] { pool_->Stop(); });
  AwaitClosed();
  release_.Pass();
  stopper.join();
  const StreamStats total = registry_->Stats().total;
  EXPECT_EQ(total.dropped, total.accepted - 2);
  EXPECT_GE(total.dropped, 101u);
  EXPECT_EQ(registry_->Stats().ending, 0u);
}

TEST_F(StreamShutdownTest, ManyThreadsMayEndEverythingAtOnce) {
  for (int i = 0; i < 100; ++i) {
    Register(std::to_string(i), Noting("x"));
    DispatchMany(std::to_string(i), 10);
  }
  std::vector<std::jthread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([this] { EXPECT_TRUE(registry_->Drain(kPatience).ok()); });
    threads.emplace_back([this] { registry_->Stop(); });
    threads.emplace_back([this] { pool_->Stop(); });
    threads.emplace_back([this] { (void)pool_->Drain(kPatience); });
  }
  threads.clear();
  const StreamStats total = registry_->Stats().total;
  EXPECT_EQ(total.succeeded + total.dropped, 1'000u);
  EXPECT_EQ(total.queued, 0u);
}

TEST_F(StreamShutdownTest, AForkedChildMayExitWithACopyOfTheRegistry) {
  Begin(2);
  const pid_t child = fork();
  if (child == 0) {
    registry_.reset();
    pool_.reset();
    _exit(0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  release_.Pass(6);
  EXPECT_EQ(Drained().dropped, 0u);
}

}  // namespace
}  // namespace penstock::actorpool
