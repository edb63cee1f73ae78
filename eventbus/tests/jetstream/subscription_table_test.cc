// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/subscription_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

namespace penstock::eventbus::jetstream {
namespace {

class Handler final : public InboundHandler {
 public:
  explicit Handler(bool feeds = false) : feeds_(feeds) {}
  bool feeds_handlers() const override { return feeds_; }
  void OnMessage(MessageHandle /*message*/) override {}
  void OnReadable() override {
    ++calls;
    if (on_call) on_call();
  }
  void OnIdle() override {}

  int calls = 0;
  std::function<void()> on_call{};

 private:
  const bool feeds_;
};

void CallAll(SubscriptionTable& table) {
  table.BeginCalls();
  table.ForEach([](InboundHandler& each) { each.OnReadable(); });
  table.EndCalls();
}

TEST(SubscriptionTableTest, FindsHandlersByTheirNumbers) {
  SubscriptionTable table;
  Handler one, other(/*feeds=*/true);
  const std::uint64_t first = table.Add(one);
  table.BeginCalls();
  EXPECT_EQ(table.Find(first), &one);
  EXPECT_EQ(table.Find(first + 1), nullptr);
  EXPECT_FALSE(table.feeds_handlers());
  table.EndCalls();
  const std::uint64_t second = table.Add(other);
  EXPECT_NE(first, second);
  table.BeginCalls();
  EXPECT_EQ(table.Find(second), &other);
  EXPECT_TRUE(table.feeds_handlers());
  table.EndCalls();
}

TEST(SubscriptionTableTest, ARemovedHandlerIsNotCalledAnyMore) {
  SubscriptionTable table;
  Handler one, other;
  table.Add(one);
  const std::uint64_t second = table.Add(other);
  one.on_call = [&] {
    EXPECT_TRUE(table.Remove(other)) << "from a call";
    EXPECT_EQ(table.Find(second), nullptr);
  };
  CallAll(table);
  EXPECT_EQ(other.calls, 0);
  EXPECT_FALSE(table.Remove(other));
  EXPECT_TRUE(table.Remove(one));
  CallAll(table);
  EXPECT_EQ(one.calls, 1);
}

TEST(SubscriptionTableTest, RemovingWaitsForACallThatRuns) {
  SubscriptionTable table;
  Handler handler;
  std::atomic<bool> removing{false}, removed{false};
  std::thread remover;
  table.Add(handler);
  handler.on_call = [&] {
    remover = std::thread([&] {
      removing = true;
      table.Remove(handler);
      removed = true;
    });
    while (!removing) std::this_thread::yield();
    EXPECT_FALSE(removed);
  };
  CallAll(table);
  remover.join();
  EXPECT_TRUE(removed);
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
