// SPDX-License-Identifier: Apache-2.0
#include "http/handler_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>

namespace penstock::metrics {
namespace {

constexpr std::chrono::seconds kPatience{20};

TEST(HandlerThreadsTest, RunsJobsInTheirOrder) {
  std::vector<int> ran;
  std::promise<void> done;
  HandlerThreads threads(1, 10);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(threads.Post([&ran, i] { ran.push_back(i); }));
  ASSERT_TRUE(threads.Post([&done] { done.set_value(); }));
  ASSERT_EQ(done.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(ran, (std::vector<int>{0, 1, 2}));
}

TEST(HandlerThreadsTest, RefusesMoreThanMayRunOrWait) {
  std::promise<void> begun;
  std::promise<void> release;
  HandlerThreads threads(1, 2);
  ASSERT_TRUE(threads.Post([&] {
    begun.set_value();
    release.get_future().wait();
  }));
  ASSERT_EQ(begun.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(threads.Post([] {}));
  EXPECT_FALSE(threads.Post([] {}));
  release.set_value();
}

TEST(HandlerThreadsTest, DropsWhatWaitsWhenItIsClosed) {
  std::promise<void> begun;
  std::promise<void> release;
  std::atomic<bool> ran{false};
  auto held = std::make_shared<int>();
  const std::weak_ptr<int> seen = held;
  HandlerThreads threads(1, 10);
  ASSERT_TRUE(threads.Post([&] {
    begun.set_value();
    release.get_future().wait();
  }));
  ASSERT_EQ(begun.get_future().wait_for(kPatience), std::future_status::ready);
  ASSERT_TRUE(threads.Post([&ran, held = std::move(held)] { ran = true; }));
  threads.Close();
  EXPECT_TRUE(seen.expired());
  EXPECT_FALSE(threads.Post([] {}));
  release.set_value();
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace penstock::metrics
