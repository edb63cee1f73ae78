// SPDX-License-Identifier: Apache-2.0
#include "ingress_queue.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include "actor.h"
#include "gate.h"
#include "gtest/gtest.h"

namespace penstock::actorpool {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// An ingress queue with three actors, a scheduler, and as many workers as a test starts.
class IngressQueueTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kActors = 3;
  static constexpr std::size_t kCapacity = 1'000;

  IngressQueueTest() {
    for (std::size_t i = 0; i < kActors; ++i) {
      queue_.AddActor(actors_.emplace_back(i, options_, scheduler_, log_, queue_, i));
    }
  }
  ~IngressQueueTest() override { StopWorkers(); }

  void StartWorkers(int workers) {
    for (int i = 0; i < workers; ++i) {
      workers_.emplace_back([this] {
        LatencyMeter meter;
        RunResult result;
        for (Runnable* next = nullptr; (next = scheduler_.Next(next, result)) != nullptr;)
          result = next->Run(meter, TimePoint::max());
      });
    }
  }

  void StopWorkers() {
    scheduler_.Stop();
    workers_.clear();
  }

  /// Runs the next runnable as a worker would, and returns it.
  Runnable* RunNext() {
    Runnable* const next = scheduler_.Next(previous_, result_);
    result_ = next->Run(meter_, TimePoint::max());
    return previous_ = next;
  }

  Admission TryEnqueue(std::size_t index, absl::AnyInvocable<absl::Status()> work, milliseconds timeout = {}) {
    Message message = {.work = std::move(work)};
    bool wake = false;
    const Admission admission = queue_.TryEnqueue(index, message, timeout, wake);
    if (wake) scheduler_.WakeOne();
    return admission;
  }

  ActorPoolOptions options_ = {.actors = kActors, .inbox_capacity = kCapacity};
  RestartLog log_{"pool", {}};
  Scheduler scheduler_{kActors + 1, 1};
  IngressQueue queue_{kCapacity, scheduler_};
  std::deque<Actor> actors_{};
  LatencyMeter meter_;
  RunResult result_{};
  Runnable* previous_ = nullptr;
  std::vector<std::jthread> workers_{};
};

TEST_F(IngressQueueTest, OneRunMakesEveryActorWithMessagesReady) {
  std::vector<int> ran;
  for (int i : {2, 0, 2, 2}) {
    ASSERT_EQ(TryEnqueue(static_cast<std::size_t>(i), [&ran, i] { return ran.push_back(i), absl::OkStatus(); }),
              Admission::kAccepted);
  }
  EXPECT_EQ(RunNext(), &queue_);
  EXPECT_EQ(ran.size(), 0u);
  EXPECT_EQ(RunNext(), &actors_[2]);
  EXPECT_EQ(RunNext(), &actors_[0]);
  EXPECT_EQ(ran, (std::vector{2, 2, 2, 0}));
}

TEST_F(IngressQueueTest, KeepsOrderFromChunkToChunk) {
  std::vector<std::size_t> ran;
  for (std::size_t i = 0; i < kCapacity; ++i) {
    ASSERT_EQ(TryEnqueue(1, [&ran, i] { return ran.push_back(i), absl::OkStatus(); }), Admission::kAccepted);
  }
  while (ran.size() < kCapacity) RunNext();
  EXPECT_TRUE(std::is_sorted(ran.begin(), ran.end()));
}

TEST_F(IngressQueueTest, MessagesThatAreNotSortedYetCountAgainstTheCapacity) {
  for (std::size_t i = 0; i < kCapacity; ++i)
    ASSERT_EQ(TryEnqueue(0, [] { return absl::OkStatus(); }), Admission::kAccepted);
  EXPECT_EQ(TryEnqueue(0, [] { return absl::OkStatus(); }), Admission::kFull);
  EXPECT_EQ(TryEnqueue(1, [] { return absl::OkStatus(); }), Admission::kAccepted);
  EXPECT_EQ(RunNext(), &queue_);
  EXPECT_EQ(TryEnqueue(0, [] { return absl::OkStatus(); }), Admission::kFull);
  while (RunNext() != &actors_[0]) {
  }
  EXPECT_EQ(TryEnqueue(0, [] { return absl::OkStatus(); }), Admission::kAccepted);
  EXPECT_EQ(queue_.Stats(0).inbox_full, 2u);
  EXPECT_EQ(queue_.Stats(0).inbox_depth_highest, kCapacity);
}

TEST_F(IngressQueueTest, AClosedQueueRefusesMessagesAndFlushSortsTheAcceptedOnes) {
  for (std::size_t i = 0; i < 600; ++i)
    ASSERT_EQ(TryEnqueue(i % 2, [] { return absl::OkStatus(); }), Admission::kAccepted);
  StopWorkers();
  queue_.Close();
  EXPECT_EQ(TryEnqueue(
                0, [] { return absl::OkStatus(); }, seconds(20)),
            Admission::kClosed);
  queue_.Flush();
  EXPECT_EQ(actors_[0].Abandon(), 300u);
  EXPECT_EQ(actors_[1].Abandon(), 300u);
  EXPECT_EQ(actors_[2].Abandon(), 0u);
  EXPECT_EQ(queue_.Stats(0).inbox_depth, 0u);
}

TEST_F(IngressQueueTest, ManyProducersAndWorkersLoseNoMessageAndKeepTheOrder) {
  constexpr std::size_t kProducers = 4;
  constexpr int kMessages = 20'000;
  /// The messages of one producer for one actor.
  struct Sequence {
    int next = 0;
    int disorders = 0;
  };
  std::vector<std::vector<Sequence>> sequences(kActors, std::vector<Sequence>(kProducers));
  StartWorkers(3);
  {
    std::vector<std::jthread> producers;
    for (std::size_t producer = 0; producer < kProducers; ++producer) {
      producers.emplace_back([&, producer] {
        for (int i = 0; i < kMessages; ++i) {
          const auto index = static_cast<std::size_t>(i) % kActors;
          Sequence& sequence = sequences[index][producer];
          auto work = [&sequence, due = i / static_cast<int>(kActors)] {
            sequence.disorders += sequence.next++ == due ? 0 : 1;
            return absl::OkStatus();
          };
          ASSERT_EQ(TryEnqueue(index, work, seconds(20)), Admission::kAccepted);
        }
      });
    }
  }
  EXPECT_TRUE(scheduler_.AwaitIdle(Clock::now() + seconds(20)));
  int handled = 0;
  for (const auto& of_actor : sequences) {
    for (const Sequence& sequence : of_actor) {
      handled += sequence.next;
      EXPECT_EQ(sequence.disorders, 0);
    }
  }
  EXPECT_EQ(handled, static_cast<int>(kProducers) * kMessages);
  for (std::size_t i = 0; i < kActors; ++i) EXPECT_LE(queue_.Stats(i).inbox_depth_highest, kCapacity);
}

}  // namespace
}  // namespace penstock::actorpool
