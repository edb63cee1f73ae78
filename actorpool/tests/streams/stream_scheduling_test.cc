// SPDX-License-Identifier: Apache-2.0
// Which stream runs when: no stream delays another, as long as a worker is free.
#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "tests/streams/stream_fixture.h"

namespace penstock::actorpool {
namespace {

class StreamSchedulingTest : public StreamTest {
 protected:
  /// A callback that appends its stream to `turns_`, the order in which messages were handled.
  Registry::Callback TakingTurns(std::string id) {
    return [this, id = std::move(id)](int) {
      {
        MutexLock lock(mutex_);
        turns_ += id;
      }
      ended_.Pass();
      return absl::OkStatus();
    };
  }

  std::string Turns() {
    MutexLock lock(mutex_);
    return turns_;
  }

  /// Occupies the only worker until `release_` passes once.
  void OccupyWorker() {
    Register("gate", Waiting("gate"));
    Dispatch("gate", 0);
    ASSERT_TRUE(began_.Await());
  }

  std::string turns_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(StreamSchedulingTest, ASlowStreamDelaysNoOther) {
  constexpr int kOthers = 500;
  Register("slow", Waiting("slow"));
  for (int i = 0; i < kOthers; ++i) Register("s" + std::to_string(i), Noting("s" + std::to_string(i)));
  DispatchMany("slow", 10);
  ASSERT_TRUE(began_.Await());
  for (int number = 0; number < 20; ++number) {
    for (int i = 0; i < kOthers; ++i) Dispatch("s" + std::to_string(i), number);
  }
  EXPECT_TRUE(ended_.Await(kOthers * 20)) << "with one actor, all streams would be behind the slow one";
  for (int i = 0; i < kOthers; ++i) EXPECT_EQ(Handled("s" + std::to_string(i)), Numbers(20));
  EXPECT_EQ(began_.passed(), 1u);
  release_.Pass(10);
  Drained();
  EXPECT_EQ(Handled("slow"), Numbers(10));
}

TEST_F(StreamSchedulingTest, ASlowActorOfThePoolDelaysNoStream) {
  ASSERT_TRUE(pool_
                  ->ProcessMessage({.work =
                                        [this] {
                                          began_.Pass();
                                          release_.Await();
                                          return absl::OkStatus();
                                        }})
                  .ok());
  ASSERT_TRUE(began_.Await());
  Register("a", Noting("a"));
  DispatchMany("a", 100);
  EXPECT_TRUE(ended_.Await(100));
  release_.Pass();
}

TEST_F(StreamSchedulingTest, SlowStreamsRunAtOnceOnAsManyWorkersAsThereAre) {
  Open({}, 4);
  for (const char* id : {"a", "b", "c", "d"}) {
    Register(id, Waiting(id));
    DispatchMany(id, 3);
  }
  EXPECT_TRUE(began_.Await(4));
  EXPECT_EQ(registry_->Stats().total.running, 4u);
  release_.Pass(12);
  EXPECT_EQ(Drained().dropped, 0u);
}

TEST_F(StreamSchedulingTest, ABusyStreamYieldsItsWorkerAfterABurst) {
  Open({.burst = 3, .slice = std::chrono::seconds(10)}, 1);
  OccupyWorker();
  Register("a", TakingTurns("a"));
  Register("b", TakingTurns("b"));
  DispatchMany("a", 7);
  DispatchMany("b", 2);
  release_.Pass();
  ASSERT_TRUE(ended_.Await(10));
  EXPECT_EQ(Turns(), "aaabbaaaa");
}

TEST_F(StreamSchedulingTest, AStreamYieldsItsWorkerAfterASlowMessage) {
  Open({.burst = 1000, .slice = std::chrono::milliseconds(1)}, 1);
  OccupyWorker();
  // Each message of it takes at least a slice and a tick of the kernel.
  Register("a", [take_turn = TakingTurns("a")](int number) mutable {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(25);
    while (std::chrono::steady_clock::now() < until) {
    }
    return take_turn(int{number});
  });
  Register("b", TakingTurns("b"));
  DispatchMany("a", 3);
  DispatchMany("b", 2);
  release_.Pass();
  ASSERT_TRUE(ended_.Await(6));
  EXPECT_EQ(Turns(), "abbaa");
}

TEST_F(StreamSchedulingTest, TenThousandStreamsOnAPoolWithOneActor) {
  constexpr int kStreams = 10'000;
  std::atomic<int> handled{0};
  for (int i = 0; i < kStreams; ++i) {
    Register(std::to_string(i), [&](int) {
      handled.fetch_add(1);
      return absl::OkStatus();
    });
  }
  // All of them are ready at once, more than the scheduler expected.
  Register("gate1", Waiting("gate1"));
  Register("gate2", Waiting("gate2"));
  Dispatch("gate1", 0);
  Dispatch("gate2", 0);
  ASSERT_TRUE(began_.Await(2));
  for (int number = 0; number < 3; ++number) {
    for (int i = 0; i < kStreams; ++i) Dispatch(std::to_string(i), number);
  }
  EXPECT_EQ(registry_->Stats().streams, kStreams + 2u);
  EXPECT_EQ(registry_->Stats().total.queued, 3u * kStreams);
  release_.Pass(2);
  Drained();
  EXPECT_EQ(handled, 3 * kStreams);
}

}  // namespace
}  // namespace penstock::actorpool
