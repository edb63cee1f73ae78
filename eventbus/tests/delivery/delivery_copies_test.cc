// SPDX-License-Identifier: Apache-2.0
// Events that the server has stored twice within the duplicate window.
#include "delivery_fixture.h"

namespace penstock::eventbus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using enum HandlerResult::Kind;

class DeliveryCopiesTest : public DeliveryStateMachineTest {
 protected:
  void SetUp() override {
    options_.duplicate_window = seconds{120};
    Begin();
  }

  void ArriveAs(const std::string& id, std::uint64_t sequence, const std::string& key, seconds stored_at = seconds{0}) {
    auto item = Make(sequence, key);
    item->message = std::make_unique<TestMessage>(
        sequence, 1, bytes_, id, std::chrono::system_clock::time_point(std::chrono::hours(1)) + stored_at);
    Arrive(std::move(item));
  }
};

TEST_F(DeliveryCopiesTest, ACopyOfAFinishedEventIsAcknowledgedAndNotRun) {
  ArriveAs("e-1", 1, "a");
  Finish(1);
  Said();
  granted_ = 0;
  ArriveAs("e-1", 2, "a", seconds{30});
  EXPECT_THAT(Said(), ElementsAre("ack 2"));
  EXPECT_EQ(granted_, 1U);
  EXPECT_EQ(flow_->counters().stored_twice, 1U);
  EXPECT_EQ(flow_->counters().handled, 1U);
  EXPECT_EQ(flow_->counters().acked, 2U);
  EXPECT_EQ(flow_->in_hand(), 0U);
  ArriveAs("e-2", 3, "a", seconds{30});
  EXPECT_THAT(Said(), ElementsAre("run 3"));
}

TEST_F(DeliveryCopiesTest, ACopyWaitsBehindTheFirstOneAndItsSuccessorsGoOn) {
  ArriveAs("e-1", 1, "a");
  ArriveAs("e-1", 2, "a");
  ArriveAs("e-1", 3, "a");
  ArriveAs("e-2", 4, "a");
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  Fail(1, milliseconds{100});
  EXPECT_THAT(Said(), IsEmpty());
  Pass(milliseconds{100});
  EXPECT_THAT(Said(), ElementsAre("nak 1", "run 1"));
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("ack 2", "ack 3", "run 4", "ack 1"));
  EXPECT_EQ(flow_->counters().stored_twice, 2U);
}

TEST_F(DeliveryCopiesTest, ACopyOfADeadLetterIsNotRunEither) {
  ArriveAs("e-1", 1, "a");
  ArriveAs("e-1", 2, "a");
  Finish(1, {.kind = kReject});
  StoreLetter(1, true);
  EXPECT_THAT(Said(), ElementsAre("run 1", "letter 1", "ack 2", "term 1"));
}

// What is published again on purpose, after the window, and what is redriven, whose ID names its letter.
TEST_F(DeliveryCopiesTest, AnEventPublishedAgainLaterOrUnderAnotherIdIsHandled) {
  ArriveAs("e-1", 1, "a");
  Finish(1);
  ArriveAs("e-1", 2, "a", seconds{120});
  Finish(2);
  ArriveAs("redrive:LETTERS:1:7", 3, "a");
  Finish(3);
  ArriveAs("", 4, "a");
  Finish(4);
  ArriveAs("", 5, "a");
  EXPECT_THAT(Said(), ElementsAre("run 1", "ack 1", "run 2", "ack 2", "run 3", "ack 3", "run 4", "ack 4", "run 5"));
  EXPECT_EQ(flow_->counters().stored_twice, 0U);
}

TEST_F(DeliveryCopiesTest, ACopyRunsWhenTheFirstOneWasOnlyGivenAway) {
  ArriveAs("e-1", 1, "a");
  flow_->OwnershipLost();
  Finish(1, {.kind = kPostponed});
  Said();
  ArriveAs("e-1", 2, "a");
  EXPECT_THAT(Said(), ElementsAre("run 2"));
}

TEST_F(DeliveryCopiesTest, AStreamMadeAgainBringsOtherEventsUnderTheSameIds) {
  ArriveAs("e-1", 1, "a");
  Finish(1);
  flow_->StreamRecreated();
  Said();
  ArriveAs("e-1", 1, "a", seconds{1});
  EXPECT_THAT(Said(), ElementsAre("run 1"));
}

TEST_F(DeliveryCopiesTest, WhereTheServerStoresEachOnceNothingIsCompared) {
  options_.duplicate_window = seconds{0};
  Begin();
  ArriveAs("e-1", 1, "a");
  Finish(1);
  ArriveAs("e-1", 2, "a");
  EXPECT_THAT(Said(), ElementsAre("run 1", "ack 1", "run 2"));
}

}  // namespace
}  // namespace penstock::eventbus
