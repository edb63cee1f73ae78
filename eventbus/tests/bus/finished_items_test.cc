// SPDX-License-Identifier: Apache-2.0
#include "bus/subscribe/finished_items.h"

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

std::vector<std::uint64_t> Sequences(Item* first) {
  std::vector<std::uint64_t> sequences;
  for (; first != nullptr; first = first->next_finished) sequences.push_back(first->sequence);
  return sequences;
}

TEST(FinishedItemsTest, AreTakenInTheOrderTheyWereAdded) {
  FinishedItems finished;
  Item items[3];
  for (std::uint64_t i = 0; i < 3; ++i) items[i].sequence = i + 1;
  for (Item& item : items) finished.Add(item);
  EXPECT_THAT(Sequences(finished.Take()), ElementsAre(1, 2, 3));
  EXPECT_THAT(Sequences(finished.Take()), IsEmpty());
  finished.Add(items[1]);
  EXPECT_THAT(Sequences(finished.Take()), ElementsAre(2)) << "nothing of before hangs on to it";
}

TEST(FinishedItemsTest, OneTakesForAllAndLooksAgain) {
  FinishedItems finished;
  EXPECT_FALSE(finished.ShallTake()) << "there is nothing";
  Item first, second;
  finished.Add(first);
  EXPECT_TRUE(finished.ShallTake());
  finished.Take();
  finished.Add(second);
  EXPECT_FALSE(finished.ShallTake()) << "the one that takes looks again";
  finished.TakingEnds();
  EXPECT_TRUE(finished.ShallTake());
  EXPECT_EQ(finished.Take(), &second);
  finished.TakingEnds();
  EXPECT_FALSE(finished.ShallTake());
}

TEST(FinishedItemsTest, AreLeftToTheOneWhoBeganBeforeThereWereAny) {
  FinishedItems finished;
  ASSERT_TRUE(finished.BeginTaking());
  EXPECT_FALSE(finished.BeginTaking());
  Item item;
  finished.Add(item);
  EXPECT_FALSE(finished.ShallTake());
  EXPECT_FALSE(finished.empty());
  EXPECT_EQ(finished.Take(), &item);
  EXPECT_TRUE(finished.empty());
  finished.TakingEnds();
  EXPECT_TRUE(finished.BeginTaking());
}

// As workers do it: who is to take counts what it took, with no other lock than that only one of them takes.
TEST(FinishedItemsTest, EachIsTakenOnceAndNoneIsLeftBehind) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEach = 20'000;
  FinishedItems finished;
  std::vector<Item> items(kThreads * kEach);
  std::vector<int> taken(items.size());
  std::atomic<int> takers{0};
  std::atomic<bool> two_at_once{false};
  for (std::size_t i = 0; i < items.size(); ++i) items[i].sequence = i;
  const auto finish = [&](Item& item) {
    finished.Add(item);
    while (finished.ShallTake()) {
      if (takers.fetch_add(1) != 0) two_at_once = true;
      for (Item* next = finished.Take(); next != nullptr;) ++taken[std::exchange(next, next->next_finished)->sequence];
      takers.fetch_sub(1);
      finished.TakingEnds();
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
