// SPDX-License-Identifier: Apache-2.0
#include "bus/subscribe/completion_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

namespace penstock::eventbus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::uint64_t> Sequences(InFlightMessage* first) {
  std::vector<std::uint64_t> sequences;
  for (; first != nullptr; first = first->next_completed) sequences.push_back(first->sequence);
  return sequences;
}

TEST(CompletionQueueTest, AreTakenInTheOrderTheyWereAdded) {
  CompletionQueue finished;
  InFlightMessage items[3];
  for (std::uint64_t i = 0; i < 3; ++i) items[i].sequence = i + 1;
  for (InFlightMessage& item : items) finished.Add(item);
  EXPECT_THAT(Sequences(finished.Take()), ElementsAre(1, 2, 3));
  EXPECT_THAT(Sequences(finished.Take()), IsEmpty());
  finished.Add(items[1]);
  EXPECT_THAT(Sequences(finished.Take()), ElementsAre(2)) << "nothing of before hangs on to it";
}

TEST(CompletionQueueTest, OneTakesForAllAndLooksAgain) {
  CompletionQueue finished;
  EXPECT_FALSE(finished.TryAcquireConsumer()) << "there is nothing";
  InFlightMessage first, second;
  finished.Add(first);
  EXPECT_TRUE(finished.TryAcquireConsumer());
  finished.Take();
  finished.Add(second);
  EXPECT_FALSE(finished.TryAcquireConsumer()) << "the one that takes looks again";
  finished.ReleaseConsumer();
  EXPECT_TRUE(finished.TryAcquireConsumer());
  EXPECT_EQ(finished.Take(), &second);
  finished.ReleaseConsumer();
  EXPECT_FALSE(finished.TryAcquireConsumer());
}

TEST(CompletionQueueTest, AreLeftToTheOneWhoBeganBeforeThereWereAny) {
  CompletionQueue finished;
  ASSERT_TRUE(finished.BecomeConsumer());
  EXPECT_FALSE(finished.BecomeConsumer());
  InFlightMessage item;
  finished.Add(item);
  EXPECT_FALSE(finished.TryAcquireConsumer());
  EXPECT_FALSE(finished.empty());
  EXPECT_EQ(finished.Take(), &item);
  EXPECT_TRUE(finished.empty());
  finished.ReleaseConsumer();
  EXPECT_TRUE(finished.BecomeConsumer());
}

// As workers do it: who is to take counts what it took, with no other lock than that only one of them takes.
TEST(CompletionQueueTest, EachIsTakenOnceAndNoneIsLeftBehind) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEach = 20'000;
  CompletionQueue finished;
  std::vector<InFlightMessage> items(kThreads * kEach);
  std::vector<int> taken(items.size());
  std::atomic<int> takers{0};
  std::atomic<bool> two_at_once{false};
  for (std::size_t i = 0; i < items.size(); ++i) items[i].sequence = i;
  const auto finish = [&](InFlightMessage& item) {
    finished.Add(item);
    while (finished.TryAcquireConsumer()) {
      if (takers.fetch_add(1) != 0) two_at_once = true;
      for (InFlightMessage* next = finished.Take(); next != nullptr;)
        ++taken[std::exchange(next, next->next_completed)->sequence];
      takers.fetch_sub(1);
      finished.ReleaseConsumer();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kEach; ++i) finish(items[t * kEach + i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(two_at_once);
  EXPECT_THAT(taken, testing::Each(1));
}

}  // namespace
}  // namespace penstock::eventbus
