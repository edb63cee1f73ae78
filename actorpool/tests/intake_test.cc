// SPDX-License-Identifier: Apache-2.0
#include "intake.h"

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

/// An intake with a few actors in front of a scheduler, and as many workers as a test starts.
class IntakeTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kActors = 3;
  static constexpr std::size_t kCapacity = 1'000;

  IntakeTest() {
    for (std::size_t i = 0; i < kActors; ++i) {
      intake_.Serve(actors_.emplace_back(i, options_, scheduler_, log_, intake_, i));
    }
  }
  ~IntakeTest() override { StopWorkers(); }

  void StartWorkers(int workers) {
    for (int i = 0; i < workers; ++i) {
      workers_.emplace_back([this] {
        LatencyMeter meter;
        Turn turn;
        for (Runnable* next = nullptr; (next = scheduler_.Next(next, turn)) != nullptr;)
          turn = next->Run(meter, TimePoint::max());
      });
    }
  }

  void StopWorkers() {
    scheduler_.Stop();
    workers_.clear();
  }

  /// Takes one turn as a worker would, and returns what had it.
  Runnable* TakeTurn() {
    Runnable* const next = scheduler_.Next(previous_, turn_);
    turn_ = next->Run(meter_, TimePoint::max());
    return previous_ = next;
  }

  Admission Offer(std::size_t number, absl::AnyInvocable<absl::Status()> work, milliseconds timeout = {}) {
    Message message = {.work = std::move(work)};
    bool wake = false;
    const Admission admission = intake_.Offer(number, message, timeout, wake);
    if (wake) scheduler_.WakeOne();
    return admission;
  }

  ActorPoolOptions options_ = {.actors = kActors, .inbox_capacity = kCapacity};
  RestartLog log_{"pool", {}};
  Scheduler scheduler_{kActors + 1, 1};
  Intake intake_{kCapacity, scheduler_};
  std::deque<Actor> actors_{};
  LatencyMeter meter_;
  Turn turn_{};
  Runnable* previous_ = nullptr;
  std::vector<std::jthread> workers_{};
};

TEST_F(IntakeTest, OneTurnMakesReadyEveryActorThatHasMessages) {
  std::vector<int> ran;
  for (int i : {2, 0, 2, 2}) {
    ASSERT_EQ(Offer(static_cast<std::size_t>(i), [&ran, i] { return ran.push_back(i), absl::OkStatus(); }),
              Admission::kAccepted);
  }
  EXPECT_EQ(TakeTurn(), &intake_);
  EXPECT_EQ(ran.size(), 0u);
  EXPECT_EQ(TakeTurn(), &actors_[2]);
  EXPECT_EQ(TakeTurn(), &actors_[0]);
  EXPECT_EQ(ran, (std::vector{2, 2, 2, 0}));
}

TEST_F(IntakeTest, KeepsOrderFromChunkToChunk) {
  std::vector<std::size_t> ran;
  for (std::size_t i = 0; i < kCapacity; ++i) {
    ASSERT_EQ(Offer(1, [&ran, i] { return ran.push_back(i), absl::OkStatus(); }), Admission::kAccepted);
  }
  while (ran.size() < kCapacity) TakeTurn();
  EXPECT_TRUE(std::is_sorted(ran.begin(), ran.end()));
}

TEST_F(IntakeTest, MessagesNotYetSortedCountAgainstTheBound) {
  for (std::size_t i = 0; i < kCapacity; ++i)
    ASSERT_EQ(Offer(0, [] { return absl::OkStatus(); }), Admission::kAccepted);
  EXPECT_EQ(Offer(0, [] { return absl::OkStatus(); }), Admission::kFull);
  EXPECT_EQ(Offer(1, [] { return absl::OkStatus(); }), Admission::kAccepted);
  EXPECT_EQ(TakeTurn(), &intake_);
  EXPECT_EQ(Offer(0, [] { return absl::OkStatus(); }), Admission::kFull);
  while (TakeTurn() != &actors_[0]) {
  }
  EXPECT_EQ(Offer(0, [] { return absl::OkStatus(); }), Admission::kAccepted);
  EXPECT_EQ(intake_.Stats(0).inbox_full, 2u);
  EXPECT_EQ(intake_.Stats(0).inbox_depth_highest, kCapacity);
}

TEST_F(IntakeTest, AClosedOneRefusesAndFlushHandsOnWhatItHad) {
  for (std::size_t i = 0; i < 600; ++i) ASSERT_EQ(Offer(i % 2, [] { return absl::OkStatus(); }), Admission::kAccepted);
  StopWorkers();
  intake_.Close();
  EXPECT_EQ(Offer(
                0, [] { return absl::OkStatus(); }, seconds(20)),
            Admission::kClosed);
  intake_.Flush();
  EXPECT_EQ(actors_[0].Abandon(), 300u);
  EXPECT_EQ(actors_[1].Abandon(), 300u);
  EXPECT_EQ(actors_[2].Abandon(), 0u);
  EXPECT_EQ(intake_.Stats(0).inbox_depth, 0u);
}

TEST_F(IntakeTest, ManyProducersAndWorkersLoseNothingAndKeepEveryOrder) {
  constexpr std::size_t kProducers = 4;
  constexpr int kMessages = 20'000;
  struct Lane {
    int next = 0;
    int disorders = 0;
  };
  std::vector<std::vector<Lane>> lanes(kActors, std::vector<Lane>(kProducers));
  StartWorkers(3);
  {
    std::vector<std::jthread> producers;
    for (std::size_t producer = 0; producer < kProducers; ++producer) {
      producers.emplace_back([&, producer] {
        for (int i = 0; i < kMessages; ++i) {
          const auto number = static_cast<std::size_t>(i) % kActors;
          Lane& lane = lanes[number][producer];
          auto work = [&lane, due = i / static_cast<int>(kActors)] {
            lane.disorders += lane.next++ == due ? 0 : 1;
            return absl::OkStatus();
          };
          ASSERT_EQ(Offer(number, work, seconds(20)), Admission::kAccepted);
        }
      });
    }
  }
  EXPECT_TRUE(scheduler_.AwaitIdle(Clock::now() + seconds(20)));
  int handled = 0;
  for (const auto& of_actor : lanes) {
    for (const Lane& lane : of_actor) {
      handled += lane.next;
      EXPECT_EQ(lane.disorders, 0);
    }
  }
  EXPECT_EQ(handled, static_cast<int>(kProducers) * kMessages);
  for (std::size_t i = 0; i < kActors; ++i) EXPECT_LE(intake_.Stats(i).inbox_depth_highest, kCapacity);
}

}  // namespace
}  // namespace penstock::actorpool
