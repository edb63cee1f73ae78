// SPDX-License-Identifier: Apache-2.0
#include "bucket/watch_thread.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <vector>

namespace penstock::eventbus {
namespace {

TEST(WatchThreadTest, StopRequestsTheEndAndWaitsForIt) {
  std::atomic<bool> ended = false;
  WatchThread thread;
  thread.Start([&](const std::stop_token& stop) {
    std::promise<void> stopped;
    const std::stop_callback told(stop, [&] { stopped.set_value(); });
    stopped.get_future().wait();
    ended.store(true);
  });
  std::vector<std::jthread> others;
  for (int i = 0; i < 4; ++i) others.emplace_back([&] { thread.Stop(); });
  thread.Stop();
  EXPECT_TRUE(ended.load());
}

TEST(WatchThreadTest, FromItselfItDoesNotWait) {
  std::promise<void> left;
  WatchThread thread;
  thread.Start([&](const std::stop_token& stop) {
    thread.Stop();
    EXPECT_TRUE(stop.stop_requested());
    left.set_value();
  });
  left.get_future().wait();
}

TEST(WatchThreadTest, OneThatNeverStartedIsStopped) {
  WatchThread thread;
  thread.Stop();
}

}  // namespace
}  // namespace penstock::eventbus
