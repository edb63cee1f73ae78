// SPDX-License-Identifier: Apache-2.0
// How full the queue of a stream may become, and what is said about it.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/streams/stream_fixture.h"

namespace penstock::actorpool {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class StreamQueueTest : public StreamTest {
 protected:
  /// Stream "a" whose first message waits for `release_` and is not in the queue any more.
  void Begin(const StreamOptions& options) {
    Register("a", Waiting("a"), options);
    Dispatch("a", 0);
    ASSERT_TRUE(began_.Await());
  }

  StreamStats Stats() { return registry_->StatsOf("a").value(); }

  /// Lets `count` messages end, and waits until the next one has begun.
  void LetEnd(std::size_t count) {
    const std::size_t began = began_.passed();
    release_.Pass(count);
    ASSERT_TRUE(began_.Await(began + count));
  }
};

/// Each message waits for one release more than the one before it.
class StreamStepTest : public StreamQueueTest {
 protected:
  void BeginStepping(const StreamOptions& options) {
    Register(
        "a",
        [this, step = std::size_t{0}](int number) mutable {
          began_.Pass();
          EXPECT_TRUE(release_.Await(++step));
          Note("a", number);
          return absl::OkStatus();
        },
        options);
    Dispatch("a", 0);
    ASSERT_TRUE(began_.Await());
  }
};

TEST_F(StreamQueueTest, AFullQueueRefusesAndCounts) {
  Begin({.capacity = 3});
  for (int i = 1; i <= 3; ++i) Dispatch("a", i);
  const absl::Status status = registry_->Dispatch("a", 4);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("dispatch to stream \"a\" of registry \"streams\": its queue is full; wait with a timeout"));
  EXPECT_EQ(Stats().refused, 1u);
  EXPECT_EQ(Stats().queued, 3u);
  release_.Pass(4);
  Drained();
  EXPECT_EQ(Handled("a"), Numbers(4));
  EXPECT_EQ(registry_->Stats().total.refused, 1u);
}

TEST_F(StreamQueueTest, AQueueWithoutBoundNeverRefuses) {
  Begin({.capacity = StreamOptions::kUnbounded});
  for (int i = 1; i < 200'000; ++i) Dispatch("a", i);
  EXPECT_EQ(Stats().queued, 199'999u);
  EXPECT_EQ(Stats().near_full, 0u);
  release_.Pass(200'000);
  Drained();
  EXPECT_EQ(Handled("a"), Numbers(200'000));
  EXPECT_THAT(lines_.all(), SizeIs(0));
}

TEST_F(StreamQueueTest, AHugeBoundTakesNoMemoryInAdvance) {
  for (int i = 0; i < 1'000; ++i) Register(std::to_string(i), Noting("x"), {.capacity = 1'000'000'000});
  Dispatch("7", 1);
  EXPECT_TRUE(ended_.Await());
}

TEST_F(StreamQueueTest, ADispatchThatWaitsIsAcceptedWhenThereIsSpace) {
  Begin({.capacity = 1});
  Dispatch("a", 1);
  std::jthread producer([this] { EXPECT_TRUE(registry_->Dispatch("a", 2, kPatience).ok()); });
  release_.Pass(3);
  producer.join();
  Drained();
  EXPECT_EQ(Handled("a"), Numbers(3));
  EXPECT_EQ(registry_->Stats().total.refused, 0u);
}

TEST_F(StreamQueueTest, ADispatchThatWaitsInVainIsRefused) {
  Begin({.capacity = 1});
  Dispatch("a", 1);
  EXPECT_EQ(registry_->Dispatch("a", 2, std::chrono::milliseconds(5)).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(registry_->Dispatch("a", 2, std::chrono::milliseconds::min()).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Stats().refused, 2u);
  release_.Pass(2);
}

TEST_F(StreamQueueTest, ADispatchFromACallbackNeverWaits) {
  absl::Status refusal;
  Register("a",
           [&](int number) {
             if (number == 0) {
               EXPECT_TRUE(registry_->Dispatch("a", 1).ok());
               refusal = registry_->Dispatch("a", 2, std::chrono::hours(1));
             }
             Note("a", number);
             return absl::OkStatus();
           },
           {.capacity = 1});
  Dispatch("a", 0);
  ASSERT_TRUE(ended_.Await(2));
  EXPECT_EQ(refusal.code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(StreamQueueTest, AProducerThatWaitsHearsOfTheStreamsEnd) {
  Begin({.capacity = 1});
  Dispatch("a", 1);
  std::jthread producer(
      [this] { EXPECT_EQ(registry_->Dispatch("a", 2, std::chrono::hours(1)).code(), absl::StatusCode::kNotFound); });
  // Unregistered while the producer waits, or before it began to: the answer is the same.
  ASSERT_TRUE(registry_->Unregister("a").ok());
  producer.join();
  release_.Pass(2);
}

TEST_F(StreamQueueTest, ANearlyFullQueueIsWarnedOfOnceAndShown) {
  Begin({.capacity = 10, .near_full_from = 0.8, .near_full_until = 0.5});
  for (int i = 1; i <= 7; ++i) Dispatch("a", i);
  EXPECT_EQ(Stats().near_full, 0u);
  EXPECT_THAT(lines_.all(), SizeIs(0));
  for (int i = 8; i <= 10; ++i) Dispatch("a", i);
  EXPECT_EQ(Stats().near_full, 1u);
  EXPECT_EQ(registry_->Stats().total.near_full, 1u);
  ASSERT_THAT(lines_.all(), SizeIs(1));
  EXPECT_EQ(lines_.all()[0].first, LogLevel::kWarning);
  EXPECT_EQ(lines_.all()[0].second,
            "stream \"a\" of registry \"streams\": its queue is nearly full, 8 of 10 messages; dispatch less or raise "
            "capacity");
  release_.Pass(11);
  Drained();
  EXPECT_EQ(registry_->Stats().total.near_full, 0u);
  EXPECT_EQ(registry_->Stats().total.near_full_rises, 1u);
}

TEST_F(StreamStepTest, TheWarningComesAgainOnlyAfterTheQueueFellBelowTheLowerMark) {
  BeginStepping({.capacity = 10, .near_full_from = 0.8, .near_full_until = 0.5});
  for (int i = 1; i <= 8; ++i) Dispatch("a", i);
  LetEnd(2);  // 6 wait: between the marks
  EXPECT_EQ(Stats().near_full, 1u);
  for (int i = 9; i <= 11; ++i) Dispatch("a", i);
  EXPECT_EQ(Stats().queued, 9u);
  EXPECT_THAT(lines_.all(), SizeIs(1)) << "it had not fallen below the lower mark";
  LetEnd(4);  // 5 wait
  EXPECT_EQ(Stats().near_full, 0u);
  for (int i = 12; i <= 14; ++i) Dispatch("a", i);
  EXPECT_EQ(Stats().near_full_rises, 2u);
  EXPECT_THAT(lines_.all(), SizeIs(2));
}

TEST_F(StreamStepTest, AQueueThatEmptiesInOneRunIsRelieved) {
  BeginStepping({.capacity = 4});
  for (int i = 1; i <= 4; ++i) Dispatch("a", i);
  EXPECT_EQ(Stats().near_full, 1u);
  release_.Pass(100);
  ASSERT_TRUE(ended_.Await(5));
  EXPECT_EQ(Stats().near_full, 0u);
}

TEST_F(StreamQueueTest, ManyWarningsAtOnceAreLimitedAndCounted) {
  Open({}, 1);
  Begin({});
  for (int i = 0; i < 100; ++i) {
    Register(absl::StrCat("s", i), Noting("s"), {.capacity = 1});
    Dispatch(absl::StrCat("s", i), 0);
  }
  EXPECT_EQ(registry_->Stats().total.near_full, 100u);
  EXPECT_LT(lines_.all().size(), 100u);
  EXPECT_GE(lines_.all().size(), 10u);
  release_.Pass();
}

}  // namespace
}  // namespace penstock::actorpool
