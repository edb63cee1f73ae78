// SPDX-License-Identifier: Apache-2.0
#include "bus/subscriber/bounded_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace penstock::eventbus {
namespace {

using ::testing::ElementsAre;

class NumberedMessage final : public StoredMessage {
 public:
  explicit NumberedMessage(std::uint64_t sequence) { stream_sequence_ = sequence; }
  std::optional<std::string_view> Header(std::string_view) const override { return std::nullopt; }
  Headers AllHeaders() const override { return {}; }
  std::unique_ptr<StoredMessage> Stub() const override { return nullptr; }
};

class BoundedQueueTest : public testing::TestWithParam<WhenFull> {
 protected:
  void Push(std::uint64_t first, std::uint64_t last) {
    for (; first <= last; ++first) queue_.Push(std::make_unique<NumberedMessage>(first));
  }
  std::vector<std::uint64_t> PopAll() {
    std::vector<std::uint64_t> all;
    while (auto next = queue_.Pop()) all.push_back(next->stream_sequence());
    return all;
  }
  BoundedQueue queue_{4, GetParam()};
};

using AnyPolicy = BoundedQueueTest;
INSTANTIATE_TEST_SUITE_P(Every, AnyPolicy,
                         testing::Values(WhenFull::kBlock, WhenFull::kDropOldest, WhenFull::kDropNewest,
                                         WhenFull::kDisconnect));

TEST_P(AnyPolicy, KeepsTheOrderAndDropsNothingUpToItsCapacity) {
  Push(1, 4);
  EXPECT_FALSE(queue_.TakeNews());
  EXPECT_THAT(PopAll(), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(queue_.Pop(), nullptr);
  EXPECT_EQ(queue_.dropped(), 0u);
  EXPECT_FALSE(queue_.disconnected());
}

TEST_P(AnyPolicy, ClearingDropsWithoutCounting) {
  Push(1, 3);
  EXPECT_EQ(queue_.Clear(), 3u);
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.dropped(), 0u);
}

TEST(BlockTest, LeavesTheBoundToTheCredit) {
  BoundedQueue queue(1, WhenFull::kBlock);
  for (std::uint64_t i = 1; i <= 3; ++i) queue.Push(std::make_unique<NumberedMessage>(i));
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(queue.dropped(), 0u);
}

using Dropping = BoundedQueueTest;
INSTANTIATE_TEST_SUITE_P(Of, Dropping, testing::Values(WhenFull::kDropOldest, WhenFull::kDropNewest));

TEST_P(Dropping, KeepsTheOldestOrTheNewest) {
  Push(1, 10);
  EXPECT_EQ(queue_.size(), 4u);
  EXPECT_EQ(queue_.dropped(), 6u);
  if (GetParam() == WhenFull::kDropOldest) {
    EXPECT_THAT(PopAll(), ElementsAre(7, 8, 9, 10));
  } else {
    EXPECT_THAT(PopAll(), ElementsAre(1, 2, 3, 4));
  }
}

TEST_P(Dropping, IsNewsOncePerRise) {
  Push(1, 10);
  EXPECT_TRUE(queue_.TakeNews());
  EXPECT_FALSE(queue_.TakeNews());
  queue_.Pop();
  Push(11, 20);
  EXPECT_FALSE(queue_.TakeNews()) << "it was not down to half in between";
  queue_.Pop();
  queue_.Pop();
  Push(21, 22);
  EXPECT_FALSE(queue_.TakeNews()) << "there was room";
  Push(23, 23);
  EXPECT_TRUE(queue_.TakeNews());
}

TEST(DisconnectTest, TakesNothingMoreOnceItWasFull) {
  BoundedQueue queue(2, WhenFull::kDisconnect);
  for (std::uint64_t i = 1; i <= 3; ++i) queue.Push(std::make_unique<NumberedMessage>(i));
  EXPECT_TRUE(queue.disconnected());
  EXPECT_EQ(queue.Pop()->stream_sequence(), 1u);
  queue.Push(std::make_unique<NumberedMessage>(4));
  EXPECT_EQ(queue.Pop()->stream_sequence(), 2u);
  EXPECT_EQ(queue.Pop(), nullptr) << "what came after the gap is not taken";
  EXPECT_EQ(queue.dropped(), 2u);
}

}  // namespace
}  // namespace penstock::eventbus
