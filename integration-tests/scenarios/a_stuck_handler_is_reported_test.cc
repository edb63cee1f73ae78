// SPDX-License-Identifier: Apache-2.0
#include "scenarios/gate.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

/// Counts the log lines that contain a text. Thread-safe.
class LineCount {
 public:
  explicit LineCount(std::string text) : text_(std::move(text)) {}
  LogSink Sink() {
    return [this](LogLevel, std::string_view line) {
      if (line.find(text_) != std::string_view::npos) lines_.fetch_add(1);
    };
  }
  int lines() const { return lines_; }

 private:
  const std::string text_;
  std::atomic<int> lines_{0};
};

class AStuckHandlerIsReported : public EveryTransport {
 protected:
  /// k0's first event is with its handler until the gate opens, when it comes for the first time.
  EnvelopeHandler WaitingOnce(const Gate& gate) {
    return [this, opened = gate.opened()](const Envelope& envelope, const Delivery&) {
      log_.Add(envelope.aggregate_id, envelope.payload);
      if (envelope.aggregate_id == "k0" && envelope.payload == "0" && !waited_.exchange(true)) opened.wait();
      return Ack();
    };
  }
  /// Whether the handler stays stuck for `time`.
  static bool StuckFor(const EventBus& bus, milliseconds time) {
    return !Eventually([&] { return OnlySubscription(bus).stuck_handlers != 1; }, time);
  }

  Log log_;
  std::atomic<bool> waited_{false};
};
PENSTOCK_ON_EVERY_TRANSPORT(AStuckHandlerIsReported);

TEST_P(AStuckHandlerIsReported, InTheStatsUntilItEndsAndOnceInTheLog) {
  LineCount stuck("counts as stuck");
  auto options = Options();
  options.log = stuck.Sink();
  auto bus = Connect(options);
  Gate gate;
  ASSERT_THAT(
      bus->SubscribeEnvelope("orders", {.durable = "billing", .stuck_after = milliseconds{100}, .ack_wait = seconds{1}},
                             WaitingOnce(gate)),
      IsOk());
  PublishNumbered(*bus, "orders", 5, 10);
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).stuck_handlers == 1; }, kPatience));
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 40; }, kPatience));
  EXPECT_TRUE(StuckFor(*bus, milliseconds{600}));
  EXPECT_EQ(stuck.lines(), 1);

  gate.Open();
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).stuck_handlers == 0; }, kPatience));
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 50; }, kPatience));
  EXPECT_EQ(log_.Of("k0"), Numbers(10));
  EXPECT_EQ(stuck.lines(), 1);
}

TEST_P(AStuckHandlerIsReported, NotWhenItIsMerelyQueuedBehindAnother) {
  auto options = Options();
  options.pool.actors = 1;
  auto bus = Connect(options);
  Gate gate;
  ASSERT_THAT(
      bus->SubscribeEnvelope("orders", {.durable = "billing", .stuck_after = milliseconds{100}, .ack_wait = seconds{1}},
                             WaitingOnce(gate)),
      IsOk());
  PublishNumbered(*bus, "orders", 5, 10);
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).stuck_handlers == 1; }, kPatience));
  EXPECT_TRUE(StuckFor(*bus, milliseconds{600}));
  gate.Open();
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 50; }, kPatience));
}

TEST_P(AStuckHandlerIsReported, AndItsOwnDurableIsKeptWhenItIsExclusive) {
  auto bus = Connect();
  Gate gate;
  ASSERT_THAT(
      bus->SubscribeEnvelope("orders", {.durable = "billing", .stuck_after = milliseconds{100}, .ack_wait = seconds{1}},
                             WaitingOnce(gate)),
      IsOk());
  PublishNumbered(*bus, "orders", 1, 3);
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).stuck_handlers == 1; }, kPatience));
  EXPECT_TRUE(StuckFor(*bus, milliseconds{2500}));
  gate.Open();
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 3; }, kPatience));
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0", "1", "2"));
}

TEST_P(AStuckHandlerIsReported, AndAnotherMemberGetsItsMessageWhenTheDurableIsShared) {
  const EnvelopeSubscribeOptions shared{
      .durable = "billing", .sharing = Sharing::kShared, .stuck_after = milliseconds{100}, .ack_wait = seconds{1}};
  auto first = Connect(Options("first"));
  auto second = Connect(Options("second"));
  Gate gate;
  for (auto* bus : {first.get(), second.get()}) {
    ASSERT_THAT(bus->SubscribeEnvelope("orders", shared, WaitingOnce(gate)), IsOk());
  }
  PublishNumbered(*first, "orders", 1, 1);
  ASSERT_TRUE(log_.Reaches(2)) << "the message did not come again";
  EXPECT_TRUE(
      Eventually([&] { return OnlySubscription(*first).acked + OnlySubscription(*second).acked == 1; }, kPatience));
  EXPECT_EQ(OnlySubscription(*first).stuck_handlers + OnlySubscription(*second).stuck_handlers, 1u);
  gate.Open();
  EXPECT_TRUE(
      Eventually([&] { return OnlySubscription(*first).acked + OnlySubscription(*second).acked == 2; }, kPatience));
}

TEST_P(AStuckHandlerIsReported, AndWithoutALimitNobodyElseGetsItsMessage) {
  const EnvelopeSubscribeOptions shared{
      .durable = "billing", .sharing = Sharing::kShared, .stuck_after = milliseconds{0}, .ack_wait = seconds{1}};
  auto first = Connect(Options("first"));
  auto second = Connect(Options("second"));
  Gate gate;
  for (auto* bus : {first.get(), second.get()}) {
    ASSERT_THAT(bus->SubscribeEnvelope("orders", shared, WaitingOnce(gate)), IsOk());
  }
  PublishNumbered(*first, "orders", 1, 1);
  EXPECT_FALSE(log_.Reaches(2, seconds{3}));
  EXPECT_EQ(log_.count(), 1u);
  EXPECT_EQ(OnlySubscription(*first).stuck_handlers + OnlySubscription(*second).stuck_handlers, 0u);
  gate.Open();
}

}  // namespace
}  // namespace penstock::testing
