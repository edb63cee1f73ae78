// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/message_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::size_t kSize = 200;

// Some share their memory with neighbours, some have their own.
std::size_t SizeOf(int number) { return static_cast<std::size_t>(number) * 37 % 1500; }

TEST(MessagePoolTest, EachIsAlignedAndItsOwn) {
  std::vector<void*> taken;
  for (int i = 0; i < 200; ++i) {
    taken.push_back(MessagePool::Allocate(SizeOf(i)));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(taken.back()) % alignof(std::max_align_t), 0u);
    std::memset(taken.back(), i, SizeOf(i));
  }
  for (int i = 0; i < 200; ++i) {
    const auto* const bytes = static_cast<const unsigned char*>(taken[static_cast<std::size_t>(i)]);
    EXPECT_EQ(std::count(bytes, bytes + SizeOf(i), i), static_cast<std::ptrdiff_t>(SizeOf(i)));
  }
  for (void* each : taken) MessagePool::Free(each);
}

// Round after round out of what the one before gave back, and more of it than is kept.
TEST(MessagePoolTest, WhatIsUsedAgainIsStillEachItsOwn) {
  std::thread([] {
    std::vector<unsigned char*> taken(1003);
    for (std::size_t round = 0; round < 20; ++round) {
      for (std::size_t i = 0; i < taken.size(); ++i) {
        taken[i] = static_cast<unsigned char*>(MessagePool::Allocate(kSize));
        std::memset(taken[i], static_cast<int>(i + round) % 251, kSize);
      }
      for (std::size_t i = 0; i < taken.size(); ++i) {
        ASSERT_EQ(std::count(taken[i], taken[i] + kSize, (i + round) % 251), static_cast<std::ptrdiff_t>(kSize));
      }
      for (unsigned char* each : taken) MessagePool::Free(each);
    }
  }).join();
}

TEST(MessagePoolTest, OneThatIsKeptForLongKeepsNoNeighbours) {
  void* const alone = MessagePool::AllocateAlone(kSize);
  void* const neighbour = MessagePool::Allocate(kSize);
  std::memset(alone, 1, kSize);
  MessagePool::Free(alone);
  std::memset(neighbour, 2, kSize);
  MessagePool::Free(neighbour);
}

// The address sanitizer's runs show that nothing is freed too early, or never.
TEST(MessagePoolTest, AnyThreadGivesBackInAnyOrderAlsoAfterTheTaker) {
  std::vector<void*> taken(1003);
  std::thread([&] {
    for (void*& each : taken) each = MessagePool::Allocate(kSize);
  }).join();
  std::ranges::shuffle(taken, std::mt19937(7));
  const auto give_back = [&taken](std::size_t first) {
    for (std::size_t i = first; i < taken.size(); i += 2) {
      std::memset(taken[i], 1, kSize);
      MessagePool::Free(taken[i]);
    }
  };
  std::thread other(give_back, 1);
  give_back(0);
  other.join();
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
