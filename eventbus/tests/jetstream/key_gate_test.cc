// SPDX-License-Identifier: Apache-2.0
#include "jetstream/publish/key_gate.h"

#include <gtest/gtest.h>

#include <iterator>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace penstock::eventbus::jetstream {
namespace {

TEST(KeyGateTest, LetsTheFirstOfEachKeyGoOut) {
  KeyGate gate;
  EXPECT_TRUE(gate.Enter(7, 1));
  EXPECT_TRUE(gate.Enter(8, 2));
}

TEST(KeyGateTest, LetsLaterOnesOfAKeyGoOneByOneInTheirOrder) {
  KeyGate gate;
  EXPECT_TRUE(gate.Enter(7, 1));
  EXPECT_FALSE(gate.Enter(7, 2));
  EXPECT_FALSE(gate.Enter(7, 3));
  EXPECT_EQ(gate.Leave(7, 1), 2U);
  EXPECT_FALSE(gate.Enter(7, 4)) << "the second is out";
  EXPECT_EQ(gate.Leave(7, 2), 3U);
  EXPECT_EQ(gate.Leave(7, 3), 4U);
  EXPECT_EQ(gate.Leave(7, 4), 0U);
  EXPECT_TRUE(gate.Enter(7, 5));
}

TEST(KeyGateTest, TheOrderIsThatOfEnteringNotOfTheIndexes) {
  KeyGate gate;
  EXPECT_TRUE(gate.Enter(7, 9));
  EXPECT_FALSE(gate.Enter(7, 5));
  EXPECT_FALSE(gate.Enter(7, 3));
  EXPECT_EQ(gate.Leave(7, 9), 5U);
  EXPECT_EQ(gate.Leave(7, 5), 3U);
}

TEST(KeyGateTest, OneThatEndsWhileItWaitsIsPassedOver) {
  KeyGate gate;
  for (std::uint64_t index = 1; index <= 4; ++index) gate.Enter(7, index);
  EXPECT_EQ(gate.Leave(7, 2), 0U) << "the first is still out";
  EXPECT_EQ(gate.Leave(7, 4), 0U);
  EXPECT_EQ(gate.Leave(7, 1), 3U);
  EXPECT_EQ(gate.Leave(7, 3), 0U);
}

TEST(KeyGateTest, OneThatIsNotThereChangesNothing) {
  KeyGate gate;
  EXPECT_EQ(gate.Leave(7, 1), 0U);
  EXPECT_TRUE(gate.Enter(7, 1));
  EXPECT_EQ(gate.Leave(7, 2), 0U);
  EXPECT_FALSE(gate.Enter(7, 3));
}

TEST(KeyGateTest, OneThatFailedTakesThoseBehindItAlong) {
  KeyGate gate;
  for (std::uint64_t index = 1; index <= 5; ++index) gate.Enter(7, index);
  EXPECT_EQ(gate.Drop(7, 3), (std::vector<std::uint64_t>{4, 5}));
  EXPECT_EQ(gate.Drop(7, 9), std::vector<std::uint64_t>()) << "it is not there";
  EXPECT_EQ(gate.Drop(8, 1), std::vector<std::uint64_t>()) << "nor is its key";
  EXPECT_FALSE(gate.Enter(7, 6));
  EXPECT_EQ(gate.Drop(7, 1), (std::vector<std::uint64_t>{2, 6}));
  EXPECT_TRUE(gate.Enter(7, 7)) << "none is out";
}

// Against a model that is too simple to be wrong.
TEST(KeyGateTest, NeverHasTwoOfAKeyOutAndForgetsNone) {
  std::minstd_rand random(1);
  KeyGate gate;
  std::map<std::uint64_t, std::vector<std::uint64_t>> model;  // the first is out
  std::uint64_t last = 0;
  for (int step = 0; step < 20'000; ++step) {
    const std::uint64_t key = 1 + random() % 5;
    auto& queue = model[key];
    if (random() % 20 == 0 && !queue.empty()) {
      const auto failed = queue.begin() + static_cast<std::ptrdiff_t>(random() % queue.size());
      ASSERT_EQ(gate.Drop(key, *failed), std::vector<std::uint64_t>(std::next(failed), queue.end()));
      queue.erase(failed, queue.end());
    } else if (random() % 2 == 0) {
      queue.push_back(++last);
      ASSERT_EQ(gate.Enter(key, last), queue.size() == 1);
    } else if (!queue.empty()) {
      const std::size_t which = random() % 4 == 0 ? random() % queue.size() : 0;
      const std::uint64_t left = queue[which];
      queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(which));
      ASSERT_EQ(gate.Leave(key, left), which == 0 && !queue.empty() ? queue.front() : 0);
    }
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
