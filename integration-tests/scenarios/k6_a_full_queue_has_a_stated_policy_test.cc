// SPDX-License-Identifier: Apache-2.0
#include "scenarios/gate.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr std::size_t kCount = 500;
constexpr std::size_t kCapacity = 10;
constexpr std::size_t kInPool = 4;  // twice the workers

/// The subscriber under test is on a bus of its own, since handlers of one bus share its workers.
class AFullQueueHasAStatedPolicy : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    auto options = Options("slow");
    options.log = [this](LogLevel, std::string_view line) {
      const std::lock_guard<std::mutex> lock(mutex_);
      lines_.emplace_back(line);
    };
    slow_ = Connect(options);
    publisher_ = Connect(Options("publisher"));
  }

  /// Publishes while another subscriber of the topic listens, which gets everything.
  void PublishPastOthers() {
    Log all;
    ASSERT_THAT(publisher_->Subscribe("notices",
                                      [&](const Delivery& delivery) {
                                        all.Add("", std::string(delivery.payload()));
                                        return absl::OkStatus();
                                      }),
                IsOk());
    for (std::size_t i = 0; i < kCount; ++i) {
      ASSERT_THAT(publisher_->Publish("notices", std::to_string(i), {.key = "k"}), IsOk());
    }
    EXPECT_TRUE(all.Reaches(kCount)) << "a slow subscriber slows no other";
    EXPECT_EQ(all.Of(""), Numbers(kCount));
    ASSERT_THAT(publisher_->Drain(kPatience).status, IsOk());
  }
  absl::StatusOr<SubscriptionId> SubscribeGated(WhenFull when_full) {
    return slow_->Subscribe("notices", {.queue_capacity = kCapacity, .when_full = when_full},
                            [this](const Delivery& delivery) {
                              gate_.opened().wait();
                              handled_.Add("", std::string(delivery.payload()));
                              return absl::OkStatus();
                            });
  }
  bool Received(std::size_t count) {
    return Eventually([&] { return OnlySubscription(*slow_).received == count; }, kPatience);
  }
  std::size_t LinesWith(const std::string& part) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return static_cast<std::size_t>(
        std::ranges::count_if(lines_, [&](const auto& line) { return line.find(part) != std::string::npos; }));
  }

  std::mutex mutex_;
  std::vector<std::string> lines_;
  Log handled_;
  std::unique_ptr<EventBus> publisher_;
  std::unique_ptr<EventBus> slow_;
  Gate gate_;
};
PENSTOCK_ON_EVERY_TRANSPORT(AFullQueueHasAStatedPolicy);

TEST_P(AFullQueueHasAStatedPolicy, BlockKeepsEverythingInTheStream) {
  ASSERT_THAT(SubscribeGated(WhenFull::kBlock), IsOk());
  PublishPastOthers();
  ASSERT_TRUE(Received(kCapacity));
  EXPECT_EQ(OnlySubscription(*slow_).in_flight, kCapacity);
  gate_.Open();
  ASSERT_TRUE(handled_.Reaches(kCount));
  EXPECT_EQ(handled_.Of(""), Numbers(kCount));
  EXPECT_EQ(OnlySubscription(*slow_).dropped, 0u);
}

TEST_P(AFullQueueHasAStatedPolicy, DropOldestKeepsTheLastMessages) {
  ASSERT_THAT(SubscribeGated(WhenFull::kDropOldest), IsOk());
  PublishPastOthers();
  ASSERT_TRUE(Received(kCount));
  EXPECT_EQ(OnlySubscription(*slow_).in_flight, kCapacity + kInPool);
  EXPECT_EQ(OnlySubscription(*slow_).dropped, kCount - kCapacity - kInPool);
  gate_.Open();
  ASSERT_TRUE(handled_.Reaches(kCapacity + kInPool));
  std::vector<std::string> expected = Numbers(kInPool);
  for (std::size_t i = kCount - kCapacity; i < kCount; ++i) expected.push_back(std::to_string(i));
  EXPECT_EQ(handled_.Of(""), expected);
  ASSERT_THAT(slow_->Drain(kPatience).status, IsOk());
  EXPECT_EQ(handled_.count(), kCapacity + kInPool);
  EXPECT_EQ(LinesWith("is full"), 1u) << "warned of once";
}

TEST_P(AFullQueueHasAStatedPolicy, DropNewestKeepsTheFirstMessages) {
  ASSERT_THAT(SubscribeGated(WhenFull::kDropNewest), IsOk());
  PublishPastOthers();
  ASSERT_TRUE(Received(kCount));
  EXPECT_EQ(OnlySubscription(*slow_).dropped, kCount - kCapacity - kInPool);
  gate_.Open();
  ASSERT_TRUE(handled_.Reaches(kCapacity + kInPool));
  ASSERT_THAT(slow_->Drain(kPatience).status, IsOk());
  EXPECT_EQ(handled_.Of(""), Numbers(kCapacity + kInPool));
  EXPECT_EQ(LinesWith("is full"), 1u);
}

TEST_P(AFullQueueHasAStatedPolicy, DisconnectEndsTheSubscription) {
  const auto id = SubscribeGated(WhenFull::kDisconnect);
  ASSERT_THAT(id, IsOk());
  PublishPastOthers();
  ASSERT_TRUE(Eventually([&] { return slow_->Stats().subscriptions.empty(); }, kPatience));
  gate_.Open();
  ASSERT_TRUE(Eventually(
      [&] {
        const auto ended = slow_->Stats().ended_subscriptions;
        return ended.size() == 1 && ended[0].disconnects == 1 && ended[0].dropped >= kCapacity;
      },
      kPatience));
  EXPECT_THAT(slow_->Unsubscribe(*id), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(LinesWith("has ended"), 1u);
  EXPECT_LE(handled_.count(), kInPool);
}

TEST_P(AFullQueueHasAStatedPolicy, APatternDisconnectsAsAWhole) {
  ASSERT_THAT(publisher_->Publish("notices", "before"), IsOk());
  ASSERT_THAT(publisher_->Publish("quiet", "before"), IsOk());
  const auto id =
      slow_->Subscribe("*", {.queue_capacity = kCapacity, .when_full = WhenFull::kDisconnect}, [this](const Delivery&) {
        gate_.opened().wait();
        return absl::OkStatus();
      });
  ASSERT_THAT(id, IsOk());
  EXPECT_EQ(slow_->Stats().subscriptions.size(), 2u);
  PublishPastOthers();
  EXPECT_TRUE(Eventually([&] { return slow_->Stats().subscriptions.empty(); }, kPatience));
  gate_.Open();
  EXPECT_THAT(slow_->Unsubscribe(*id), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(AFullQueueHasAStatedPolicy, AReaderThatBlocksMissesNothing) {
  auto reader = slow_->Read("notices", {.queue_capacity = kCapacity});
  ASSERT_THAT(reader, IsOk());
  PublishPastOthers();
  ASSERT_TRUE(Received(kCapacity));
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto message = reader->Next(kPatience);
    ASSERT_THAT(message, IsOk());
    ASSERT_EQ(message->payload(), std::to_string(i));
  }
  EXPECT_EQ(reader->dropped(), 0u);
}

TEST_P(AFullQueueHasAStatedPolicy, AReaderDropsTheOldestOrTheNewest) {
  auto oldest = slow_->Read("notices", {.queue_capacity = kCapacity, .when_full = WhenFull::kDropOldest});
  auto newest = slow_->Read("notices", {.queue_capacity = kCapacity, .when_full = WhenFull::kDropNewest});
  ASSERT_THAT(oldest, IsOk());
  ASSERT_THAT(newest, IsOk());
  PublishPastOthers();
  ASSERT_TRUE(Eventually(
      [&] { return oldest->dropped() == kCount - kCapacity && newest->dropped() == kCount - kCapacity; }, kPatience));
  for (std::size_t i = 0; i < kCapacity; ++i) {
    const auto last = oldest->Next(kPatience);
    const auto first = newest->Next(kPatience);
    ASSERT_THAT(last, IsOk());
    ASSERT_THAT(first, IsOk());
    EXPECT_EQ(last->payload(), std::to_string(kCount - kCapacity + i));
    EXPECT_EQ(first->payload(), std::to_string(i));
  }
  EXPECT_THAT(oldest->Next(milliseconds(0)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(LinesWith("its queue is full"), 2u) << "each warned of once";
}

TEST_P(AFullQueueHasAStatedPolicy, AReaderIsDisconnectedAfterWhatItHas) {
  auto reader = slow_->Read("notices", {.queue_capacity = kCapacity, .when_full = WhenFull::kDisconnect});
  ASSERT_THAT(reader, IsOk());
  PublishPastOthers();
  ASSERT_TRUE(Eventually([&] { return slow_->Stats().subscriptions.empty(); }, kPatience));
  for (std::size_t i = 0; i < kCapacity; ++i) ASSERT_THAT(reader->Next(kPatience), IsOk());
  EXPECT_THAT(reader->Next(kPatience), StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("queue_capacity")));
  EXPECT_THAT(reader->Next(), StatusIs(absl::StatusCode::kOutOfRange));
  const auto ended = slow_->Stats().ended_subscriptions;
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].disconnects, 1u);
  reader->Close();
  EXPECT_THAT(reader->Next(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_P(AFullQueueHasAStatedPolicy, OptionsThatMakeNoSenseAreRefused) {
  const auto subscribe = [&](SubscribeOptions options) {
    return slow_->Subscribe("notices", std::move(options), [](const Delivery&) { return absl::OkStatus(); });
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(subscribe({.when_full = WhenFull::kDropOldest}), StatusIs(kInvalid, HasSubstr("queue_capacity")));
  EXPECT_THAT(subscribe({.queue_capacity = static_cast<std::size_t>(-1)}), StatusIs(kInvalid));
  EXPECT_THAT(subscribe({.queue_capacity = 10, .when_full = static_cast<WhenFull>(-1)}),
              StatusIs(kInvalid, HasSubstr("when_full")));
  EXPECT_THAT(subscribe({.queue_capacity = 1, .when_full = WhenFull::kDropNewest}), IsOk());
  EXPECT_THAT(subscribe({.queue_capacity = 65'536, .when_full = WhenFull::kDropOldest}), IsOk());
}

}  // namespace
}  // namespace penstock::testing
