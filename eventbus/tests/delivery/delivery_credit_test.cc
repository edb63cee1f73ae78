// SPDX-License-Identifier: Apache-2.0
// How the flow stays within its messages and bytes.
#include "delivery/flow/flow_control_window.h"
#include "delivery_fixture.h"

namespace penstock::eventbus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr TimePoint kNow{std::chrono::hours{1}};

class DeliveryCreditTest : public DeliveryStateMachineTest {
 protected:
  DeliveryCreditTest() {
    options_.max_bytes = 1000;
    options_.max_in_flight = 64;
    Begin();
  }
  void Extend() {
    std::erase_if(said_, [](const std::string& said) { return said.starts_with("extend"); });
  }
};

TEST_F(DeliveryCreditTest, PutsDownWhatIsParkedFirstAndAsksForItWhenItsTurnComes) {
  bytes_ = 400;
  Arrive(1, "a");
  Arrive(2, "a");
  Arrive(3, "b");
  EXPECT_THAT(Said(), ElementsAre("run 1", "run 3"));
  EXPECT_EQ(flow_->bytes(), 800u) << "2 was evicted for 3";
  EXPECT_EQ(flow_->counters().evicted, 1u);
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("ack 1", "nak 2"));
  Arrive(2, "a", 2);
  EXPECT_THAT(Said(), ElementsAre("run 2"));
  Finish(2);
  Finish(3);
  EXPECT_EQ(flow_->bytes(), 0u);
  EXPECT_EQ(flow_->in_hand(), 0u);
}

TEST_F(DeliveryCreditTest, KeepsTheOrderOfAKeyThroughWhatWasPutDown) {
  bytes_ = 600;
  for (std::uint64_t sequence : {1, 2, 3}) Arrive(sequence, "a");
  EXPECT_LE(flow_->bytes(), 1000u);
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("run 1", "ack 1", "nak 2"));
  Arrive(2, "a", 2);
  Finish(2);
  Arrive(3, "a", 2);
  Finish(3);
  EXPECT_THAT(Said(), ElementsAre("run 2", "ack 2", "nak 3", "run 3", "ack 3"));
}

TEST_F(DeliveryCreditTest, OneMessageAloneMayExceedTheBudget) {
  bytes_ = 5000;
  Arrive(1, "a");
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  Arrive(2, "b");
  EXPECT_THAT(Said(), IsEmpty());
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("ack 1", "nak 2"));
  Arrive(2, "b", 2);
  EXPECT_THAT(Said(), ElementsAre("run 2"));
}

TEST_F(DeliveryCreditTest, ALargeMessageIsNotOvertakenForEverBySmallOnes) {
  bytes_ = 600;
  Arrive(1, "a");
  bytes_ = 900;
  Arrive(2, "b");
  bytes_ = 100;
  Arrive(3, "c");
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("ack 1", "nak 2", "nak 3"));
}

TEST_F(DeliveryCreditTest, APutDownMessageThatFailedBeforeKeepsItsAttempts) {
  bytes_ = 600;
  Arrive(1, "a");
  Arrive(2, "b");
  Finish(1);
  for (std::uint64_t copy : {2, 3}) {
    Arrive(2, "b", copy);
    Fail(2, milliseconds{0});
  }
  Arrive(2, "b", 4);
  Said();
  Fail(2);
  EXPECT_THAT(Said(), ElementsAre("letter 2")) << "the third attempt: the delivery that was evicted was none";
}

TEST_F(DeliveryCreditTest, WidensTheWindowForWhatAHeldKeyParksAndNarrowsItAfterwards) {
  options_.max_bytes = 1 << 20;
  Begin();
  Arrive(1, "a");
  Fail(1, seconds{1000});
  for (std::uint64_t sequence = 2; sequence <= 60; ++sequence) Arrive(sequence, "a");
  Said();
  const std::size_t granted = granted_;
  Pass(milliseconds{250});
  Extend();
  EXPECT_THAT(Said(), ElementsAre("window 182"));
  EXPECT_EQ(granted_ - granted, 182u - 64u);
  EXPECT_EQ(flow_->window(), 182u);
  Pass(seconds{1000});
  EXPECT_EQ(flow_->window(), 64u) << "it runs again";
}

TEST_F(DeliveryCreditTest, WidensTheWindowBeforeAKeyThatWaitsForAMomentFillsIt) {
  options_.max_bytes = 1 << 20;
  Begin();
  Pass(milliseconds{0});
  Arrive(1, "a");
  Fail(1, milliseconds{100});
  for (std::uint64_t sequence = 2; sequence <= 60; ++sequence) {
    Arrive(sequence, "a");
    now_ += milliseconds{1};
    if (now_ >= flow_->next_tick()) Tick();
  }
  EXPECT_GT(flow_->window(), 96u) << "though the key waits on";
  EXPECT_EQ(flow_->waiting(), 1u);
}

TEST_F(DeliveryCreditTest, WhatWaitsForAWorkerDoesNotWidenTheWindow) {
  options_.max_bytes = 1 << 20;
  Begin();
  for (std::uint64_t sequence = 1; sequence <= 60; ++sequence) Arrive(sequence, "a");
  Pass(milliseconds{250});
  EXPECT_EQ(flow_->window(), 64u);
  running_.at(1)->started_at.store(now_.time_since_epoch().count());
  Pass(seconds{1});
  EXPECT_EQ(flow_->window(), 182u) << "but a handler that takes long does";
}

TEST_F(DeliveryCreditTest, TheWindowOpensAsMessagesAreWeighed) {
  options_.max_bytes = 1000;
  options_.largest_message = 500;
  options_.max_in_flight = 64;
  bytes_ = 10;
  Begin();
  EXPECT_EQ(flow_->window(), 2u);
  Arrive(1, "a");
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  Arrive(2, "b");
  EXPECT_THAT(Said(), ElementsAre("window 8", "run 2"));
  EXPECT_EQ(granted_, 6u);
  for (std::uint64_t sequence = 3; sequence <= 8; ++sequence) Arrive(sequence, "");
  EXPECT_EQ(flow_->window(), 32u) << "nothing has to be settled for that";
  EXPECT_EQ(granted_, 30u);
}

TEST(CreditWindowTest, StaysAsItIsWhileLittleWaits) {
  FlowControlWindow window(100, 1 << 20, 0);
  EXPECT_EQ(window.Resize(0, kNow), 0u);
  EXPECT_EQ(window.Resize(50, kNow), 0u);
  EXPECT_EQ(window.Resize(51, kNow), 202u);
  EXPECT_EQ(window.Resize(60, kNow), 0u) << "not for every message more";
}

TEST(CreditWindowTest, WhatWasWidenedStaysSoForFiveSeconds) {
  FlowControlWindow window(100, 1 << 20, 0);
  EXPECT_EQ(window.Resize(51, kNow), 202u);
  EXPECT_EQ(window.Resize(5, kNow + seconds{4}), 0u);
  EXPECT_EQ(window.Resize(60, kNow + seconds{4}), 0u) << "it is needed again";
  EXPECT_EQ(window.Resize(0, kNow + milliseconds{8999}), 0u);
  EXPECT_EQ(window.Resize(0, kNow + seconds{9}), 100u);
}

TEST(CreditWindowTest, WhatWasWidenedIsNarrowedAtOnceWhenItsBytesWouldNotFit) {
  FlowControlWindow window(100, 10'000, 0);
  for (int i = 0; i < 100; ++i) window.RecordSize(10);
  EXPECT_EQ(window.Resize(60, kNow), 220u);
  for (int i = 0; i < 1000; ++i) window.RecordSize(60);
  EXPECT_EQ(window.Resize(0, kNow), 100u);
}

TEST(CreditWindowTest, IsNeverWiderThanSixteenTimesItsBase) {
  FlowControlWindow window(100, 1 << 20, 0);
  EXPECT_EQ(window.Resize(1'000'000, kNow), 1600u);
  EXPECT_EQ(window.Resize(1'000'000, kNow), 0u);
}

TEST(CreditWindowTest, BeginsWithWhatFitsWhateverComes) {
  EXPECT_EQ(FlowControlWindow(4096, 64 << 20, 1 << 20).size(), 64u);
  EXPECT_EQ(FlowControlWindow(16, 64 << 20, 1 << 20).size(), 16u);
  EXPECT_EQ(FlowControlWindow(4096, 64 << 10, 1 << 20).size(), 1u);
  EXPECT_EQ(FlowControlWindow(4096, 64 << 10, 0).size(), 4096u);
}

TEST(CreditWindowTest, WidensFourfoldEachTimeAsManyWereWeighed) {
  FlowControlWindow window(4096, 64 << 20, 1 << 20);
  EXPECT_EQ(window.Resize(0, kNow), 0u) << "nothing is known yet";
  std::size_t weighed = 0;
  for (const std::size_t wider : {256U, 1024U, 4096U}) {
    for (; weighed + 1 < window.size(); ++weighed) window.RecordSize(200);
    EXPECT_FALSE(window.can_grow());
    EXPECT_EQ(window.Resize(0, kNow), 0u);
    window.RecordSize(200);
    ++weighed;
    EXPECT_TRUE(window.can_grow());
    EXPECT_EQ(window.Resize(0, kNow), wider);
  }
  for (int i = 0; i < 5000; ++i) window.RecordSize(200);
  EXPECT_FALSE(window.can_grow());
}

TEST(CreditWindowTest, NarrowsToWhatFitsAndWidensWhenMessagesAreSmallAgain) {
  FlowControlWindow window(100, 1000, 0);
  for (int i = 0; i < 1000; ++i) window.RecordSize(100);
  EXPECT_EQ(window.Resize(0, kNow), 10u);
  for (int i = 0; i < 1000; ++i) window.RecordSize(1);
  EXPECT_TRUE(window.can_grow());
  EXPECT_EQ(window.Resize(0, kNow), 40u);
  for (int i = 0; i < 1000; ++i) window.RecordSize(1);
  EXPECT_EQ(window.Resize(0, kNow), 100u);
}

TEST(CreditWindowTest, IsNeverEmpty) {
  FlowControlWindow window(100, 1000, 0);
  window.RecordSize(1 << 30);
  EXPECT_EQ(window.Resize(0, kNow), 1u);
}

}  // namespace
}  // namespace penstock::eventbus
