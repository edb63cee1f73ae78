// SPDX-License-Identifier: Apache-2.0
#include "bus/subscribe/subscription.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace penstock::eventbus {
namespace {

constexpr std::chrono::seconds kPatience{20};

class KeyedMessage final : public StoredMessage {
 public:
  KeyedMessage(std::uint64_t sequence, std::string key, std::uint64_t fence = 0, std::uint64_t deliveries = 1)
      : key_(std::move(key)) {
    stream_sequence_ = sequence;
    delivery_count_ = deliveries;
    fence_ = fence;
  }
  std::unique_ptr<StoredMessage> Stub() const override {
    return std::make_unique<KeyedMessage>(stream_sequence(), std::string{}, fence());
  }
  std::optional<std::string_view> Header(std::string_view name) const override {
    return name == header::kAggregateId ? std::optional<std::string_view>(key_) : std::nullopt;
  }
  Headers AllHeaders() const override { return {}; }

 private:
  const std::string key_;
};

/// Acknowledges nothing while the test holds it back.
class IdleConsumer final : public Consumer {
 public:
  IdleConsumer(std::shared_future<void> released, std::atomic<int>& may_handle)
      : released_(std::move(released)), may_handle_(may_handle) {}
  using Consumer::Acknowledge;
  void AddCredit(std::size_t) override {}
  absl::Status Acknowledge(std::span<const Acknowledgement>) override {
    released_.wait_for(kPatience);
    return absl::OkStatus();
  }
  void SetWindow(std::size_t) override {}
  bool MayHandle(std::chrono::steady_clock::time_point) const override { return --may_handle_ >= 0; }
  void StopArrivals() override {}
  void Stop() override {}
  ConsumerStats Stats() const override { return {.active = true}; }

 private:
  const std::shared_future<void> released_;
  std::atomic<int>& may_handle_;
};

/// Of its one consumer, the test is the thread.
class HandFedTransport final : public Transport {
 public:
  std::string_view name() const override { return "hand-fed"; }
  absl::StatusOr<StreamFacts> EnsureStream(const StreamSpec&) override { return absl::UnimplementedError("none"); }
  absl::StatusOr<StreamFacts> FindStream(const std::string&) override { return absl::NotFoundError("none"); }
  absl::StatusOr<std::vector<std::string>> ListStreams(const std::string&) override {
    return std::vector<std::string>{};
  }
  absl::StatusOr<std::unique_ptr<Consumer>> OpenConsumer(const ConsumerSpec&, ConsumerEvents events) override {
    events_ = std::move(events);
    return std::make_unique<IdleConsumer>(released_.get_future().share(), may_handle_);
  }
  absl::Status Publish(OutboundMessage, PublishDone) override { return absl::UnimplementedError("none"); }
  absl::StatusOr<std::unique_ptr<StoredMessage>> ReadMessage(const std::string&, const std::string&,
                                                             std::uint64_t) override {
    return absl::NotFoundError("none");
  }
  absl::StatusOr<StreamContents> ReadHeaders(const std::string&, const std::string&, std::uint64_t,
                                             const HeaderReader& reader) override {
    reader.begin(0);
    ++readings_;
    if (while_reading_) std::exchange(while_reading_, nullptr)();
    return StreamContents{.last_sequence = readings_};
  }
  absl::StatusOr<StreamContents> LookAtContents(const std::string&) override { return absl::NotFoundError("none"); }
  absl::StatusOr<bool> HasMessage(const std::string&, std::uint64_t) override { return true; }
  absl::Status DeleteMessage(const std::string&, std::uint64_t) override { return absl::NotFoundError("none"); }
  absl::StatusOr<std::unique_ptr<KeyValueStore>> OpenBucket(const BucketSpec&, const CallLimit&) override {
    return absl::UnimplementedError("none");
  }
  std::size_t max_payload_bytes() const override { return 1 << 20; }
  bool connected() const override { return true; }
  std::uint64_t generation() const override { return 1; }
  ConnectionStats Stats() const override { return {}; }
  absl::Status Flush(std::chrono::milliseconds) override { return absl::OkStatus(); }
  void Close() override {}

  const ConsumerEvents& events() const { return events_; }
  /// Once, before the next reading ends.
  void WhileReading(std::function<void()> what) { while_reading_ = std::move(what); }
  std::uint64_t readings() const { return readings_; }
  /// The durable is another process' after so many more looks.
  void OwnsFor(int looks) { may_handle_ = looks; }
  /// Lets acknowledgements through.
  void Release() { released_.set_value(); }

 private:
  std::promise<void> released_;
  ConsumerEvents events_;
  std::function<void()> while_reading_;
  std::uint64_t readings_ = 0;
  std::atomic<int> may_handle_{std::numeric_limits<int>::max()};
};

class SubscriptionTest : public testing::Test {
 protected:
  void Open(std::function<void(const StoredMessage&)> handler, AfterDeadLetter after = AfterDeadLetter::kContinue) {
    spec_.flow.after_dead_letter = after;
    spec_.handle = [this, handler = std::move(handler)](const StoredMessage& message, const Attempt& attempt,
                                                        DeferralSource&) {
      fences_.push_back(attempt.fence);
      handler(message);
      return HandlerResult{};
    };
    Subscribe();
  }
  void Subscribe() {
    subscription_ =
        std::make_unique<Subscription>(spec_, SubscriptionContext{.pool = actorpool::internal::PoolAccess(*pool_),
                                                                  .dead_letters = letters_,
                                                                  .look_ups = look_ups_,
                                                                  .deadlines = deadlines_,
                                                                  .log = log_,
                                                                  .slots = slots_,
                                                                  .request_tick = [] {}});
    ASSERT_TRUE(subscription_->Open(transport_).ok());
    if (holds_acknowledgements_) return;
    transport_.Release();
    released_ = true;
  }
  // Until what the letters' thread was given is done.
  void AwaitLetters() {
    std::promise<void> done;
    ASSERT_TRUE(letters_.Later([&done] { done.set_value(); }));
    ASSERT_EQ(done.get_future().wait_for(kPatience), std::future_status::ready);
  }
  void Arrive(std::uint64_t first, std::uint64_t last, const std::string& key, std::uint64_t fence = 0) {
    std::vector<std::unique_ptr<StoredMessage>> messages;
    for (std::uint64_t i = first; i <= last; ++i) messages.push_back(std::make_unique<KeyedMessage>(i, key, fence));
    transport_.events().on_messages(std::move(messages));
  }
  void TearDown() override {
    if (!subscription_) return;
    if (!released_) transport_.Release();
    subscription_->StopReceiving();
    EXPECT_TRUE(subscription_->WaitQuiescent(std::chrono::steady_clock::now() + kPatience));
    subscription_->HandBack();
  }

  SubscriptionSpec spec_{.id = 1, .topic = "orders"};
  const BusOptions options_{.client_id = "billing"};
  const LogSink log_{};
  HandFedTransport transport_;
  TopicStreams streams_{options_, transport_};
  DeadLetterWriter letters_{options_, transport_, streams_};
  MessageLookUp look_ups_{transport_};
  DeadlineWatch deadlines_;
  PoolSlots slots_{1, 4};
  std::unique_ptr<actorpool::ActorPool> pool_ = *actorpool::ActorPool::Create({.actors = 4, .workers = 1});
  std::unique_ptr<Subscription> subscription_;
  std::vector<std::uint64_t> fences_;  // of the handlers, by one worker
  bool holds_acknowledgements_ = false;
  bool released_ = false;
};

TEST_F(SubscriptionTest, AKeyOfWhichManyWaitGoesOnWithoutTheConsumer) {
  constexpr std::uint64_t kCount = 100;
  std::vector<std::uint64_t> handled;  // by one worker, at last read after `all`
  std::promise<void> most;
  std::promise<void> all;
  Open([&](const StoredMessage& message) {
    handled.push_back(message.stream_sequence());
    if (handled.size() == kCount / 2) most.set_value();
    if (handled.size() == kCount) all.set_value();
  });
  Arrive(1, kCount, "k");
  EXPECT_EQ(most.get_future().wait_for(kPatience), std::future_status::ready)
      << "the consumer neither rests nor goes on";
  transport_.events().on_idle();
  ASSERT_EQ(all.get_future().wait_for(kPatience), std::future_status::ready);
  for (std::uint64_t i = 0; i < kCount; ++i) EXPECT_EQ(handled[i], i + 1);
}

TEST_F(SubscriptionTest, WhenTheConsumerIsIdleWorkersTakeWhatIsFinished) {
  constexpr std::uint64_t kCount = 3;
  std::atomic<std::uint64_t> handled{0};
  std::promise<void> all;
  Open([&](const StoredMessage&) {
    if (++handled == kCount) all.set_value();
  });
  Arrive(1, kCount, "k");
  transport_.events().on_idle();
  EXPECT_EQ(all.get_future().wait_for(kPatience), std::future_status::ready);
}

TEST_F(SubscriptionTest, AHandlerHasTheFenceOfTheLatestDelivery) {
  std::promise<void> running;
  std::promise<void> all;
  std::promise<void> arrived;
  int calls = 0;
  Open([&, go = arrived.get_future().share()](const StoredMessage&) {
    if (++calls == 1) running.set_value();
    go.wait_for(kPatience);
    if (calls == 3) all.set_value();
  });
  Arrive(1, 2, "k", 17);
  Arrive(3, 3, "another", 17);
  transport_.events().on_idle();
  ASSERT_EQ(running.get_future().wait_for(kPatience), std::future_status::ready);
  // Message 3 is in an inbox, and 2 waits behind 1.
  transport_.events().on_ownership_lost();
  Arrive(1, 2, "k", 19);
  Arrive(3, 3, "another", 19);
  transport_.events().on_idle();
  arrived.set_value();
  ASSERT_EQ(all.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(fences_, (std::vector<std::uint64_t>{17, 19, 19})) << "that of a handler that runs stays";
}

// It became the owner when it had begun to drain: there is nothing that may run again.
TEST_F(SubscriptionTest, ADrainIsNotToldOfATakeOverWhereNothingWasFinishedOrInHand) {
  Open([](const StoredMessage&) {});
  subscription_->StopReceiving();
  transport_.events().on_ownership_lost();
  EXPECT_FALSE(subscription_->HandBack().taken_over);
}

TEST_F(SubscriptionTest, ADrainIsToldOfATakeOverOfWhatWasFinished) {
  std::promise<void> handled;
  Open([&](const StoredMessage&) { handled.set_value(); });
  Arrive(1, 1, "k");
  transport_.events().on_idle();
  ASSERT_EQ(handled.get_future().wait_for(kPatience), std::future_status::ready);
  subscription_->StopReceiving();
  transport_.events().on_ownership_lost();
  EXPECT_TRUE(subscription_->HandBack().taken_over);
}

// Looking for a request takes as long as a proof of ownership lasts.
TEST_F(SubscriptionTest, AnEventDoesNotBeginIfTheDurableIsAnothersByTheTimeThatItsRequestWasLookedFor) {
  auto bus = EventBus::Connect({.url = "memory://", .client_id = "test"});
  ASSERT_TRUE(bus.ok());
  auto watch = CancelWatch::Open(**bus, {.topic = "orders", .durable = "billing"});
  ASSERT_TRUE(watch.ok());
  std::promise<EventGate::Verdict> first, second;
  int asked = 0;
  spec_.cancels = *watch;
  spec_.handle = [&](const StoredMessage&, const Attempt& attempt, DeferralSource&) {
    const EventGate::Verdict verdict = attempt.gate->Ask("1");
    (++asked == 1 ? first : second).set_value(verdict);
    return HandlerResult{.kind = verdict == EventGate::Verdict::kBegin ? HandlerResult::Kind::kHandled
                                                                       : HandlerResult::Kind::kPostponed};
  };
  Subscribe();
  transport_.OwnsFor(1);
  std::vector<std::unique_ptr<StoredMessage>> messages;
  messages.push_back(std::make_unique<KeyedMessage>(1, "k", 0, /*deliveries=*/2));
  transport_.events().on_messages(std::move(messages));
  transport_.events().on_idle();
  EXPECT_EQ(first.get_future().get(), EventGate::Verdict::kPostponed);
  transport_.OwnsFor(std::numeric_limits<int>::max());
  auto again = second.get_future();
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (again.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "it does not begin when the durable is ours again";
    subscription_->Tick(std::chrono::steady_clock::now());
  }
  EXPECT_EQ(again.get(), EventGate::Verdict::kBegin);
  TearDown();
  subscription_.reset();
  spec_ = {};  // its watch does not outlive the bus
}

TEST_F(SubscriptionTest, WhatWasReadBeforeOwnershipWasLostOnceMoreDoesNotCount) {
  Open([](const StoredMessage&) {}, AfterDeadLetter::kQuarantine);
  EXPECT_EQ(transport_.readings(), 1U);
  transport_.events().on_ownership_lost();
  EXPECT_TRUE(subscription_->Stats().reading_letters);
  transport_.WhileReading([&] { transport_.events().on_ownership_lost(); });
  auto now = std::chrono::steady_clock::now();
  subscription_->Tick(now);
  AwaitLetters();
  EXPECT_EQ(transport_.readings(), 2U);
  EXPECT_TRUE(subscription_->Stats().reading_letters) << "the other owner may have stored letters since";
  subscription_->Tick(now += std::chrono::seconds(2));
  AwaitLetters();
  EXPECT_EQ(transport_.readings(), 3U);
  EXPECT_FALSE(subscription_->Stats().reading_letters);
}

TEST_F(SubscriptionTest, ATickDoesNotWaitUntilLettersAreRead) {
  Open([](const StoredMessage&) {}, AfterDeadLetter::kQuarantine);
  transport_.events().on_ownership_lost();
  std::promise<void> ticked;
  transport_.WhileReading([&, go = ticked.get_future().share()] { go.wait_for(kPatience); });
  const auto now = std::chrono::steady_clock::now();
  subscription_->Tick(now);
  subscription_->Tick(now + std::chrono::seconds(2));
  EXPECT_TRUE(subscription_->Stats().reading_letters);
  ticked.set_value();
  AwaitLetters();
  EXPECT_EQ(transport_.readings(), 2U) << "one at a time";
  EXPECT_FALSE(subscription_->Stats().reading_letters);
}

TEST_F(SubscriptionTest, WaitingEndsAtItsDeadlineAlsoWhileAnAcknowledgementIsBeingSent) {
  holds_acknowledgements_ = true;
  std::promise<void> idle;
  std::promise<void> handled;
  Open([&, go = idle.get_future().share()](const StoredMessage&) {
    go.wait_for(kPatience);
    handled.set_value();
  });
  Arrive(1, 1, "k");
  transport_.events().on_idle();  // so that it is the worker that acknowledges
  idle.set_value();
  ASSERT_EQ(handled.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_FALSE(subscription_->WaitQuiescent(std::chrono::steady_clock::now() + std::chrono::milliseconds(50)));
  EXPECT_FALSE(subscription_->idle());
}

}  // namespace
}  // namespace penstock::eventbus
