// SPDX-License-Identifier: Apache-2.0
#include "streams/begun_count.h"

#include <thread>

#include "gtest/gtest.h"

namespace penstock::actorpool {
namespace {

TEST(BegunCountTest, CountsUntilItIsShut) {
  BegunCount begun;
  EXPECT_TRUE(begun.TryBegin());
  EXPECT_TRUE(begun.TryBegin());
  EXPECT_FALSE(begun.shut());
  begun.Shut();
  begun.Shut();
  EXPECT_TRUE(begun.shut());
  EXPECT_FALSE(begun.TryBegin());
  EXPECT_EQ(begun.value(), 2u);
}

TEST(BegunCountTest, WhatItShowsOnceShutIsFinal) {
  for (int round = 0; round < 200; ++round) {
    BegunCount begun;
    std::uint64_t succeeded = 0;
    std::jthread runner([&] {
      while (begun.TryBegin()) ++succeeded;
    });
    while (begun.value() < 10) std::this_thread::yield();
    begun.Shut();
    const std::uint64_t final_count = begun.value();
    runner.join();
    ASSERT_EQ(succeeded, final_count);
  }
}

}  // namespace
}  // namespace penstock::actorpool
