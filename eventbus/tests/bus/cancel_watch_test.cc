// SPDX-License-Identifier: Apache-2.0
#include "bus/cancel/cancel_watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "bus/cancel/request_cancel.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A watch on an embedded bus, and requests by the same bus.
class CancelWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto bus = EventBus::Connect({.url = "memory://", .client_id = "test"});
    ASSERT_TRUE(bus.ok()) << bus.status();
    bus_ = *std::move(bus);
    auto watch = CancelWatch::Open(
        *bus_,
        {.topic = "orders", .durable = "billing", .was_handled = [this](std::string_view) { return handled_.load(); }});
    ASSERT_TRUE(watch.ok()) << watch.status();
    watch_ = *std::move(watch);
    watch_->Attach([this](std::string_view) { return where_.load(); });
  }

  Cancelled Request(std::string_view id, milliseconds timeout = seconds(30)) {
    const auto answer = RequestCancel(*bus_, "orders", "billing", id, timeout, {});
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.value_or(Cancelled::kRequested);
  }
  bool Begin(std::string_view id, bool delivered_before = false) {
    if (delivered_before) watch_->LookUp(id, receives_since_);
    return watch_->events().Begin(&item_, id, stop_, std::chrono::system_clock::now());
  }

  std::atomic<InHand> where_{InHand::kNot};
  std::atomic<bool> handled_{false};
  std::unique_ptr<EventBus> bus_;
  std::shared_ptr<CancelWatch> watch_;
  std::stop_source stop_;
  CancelWatch::SteadyTime receives_since_{};
  int item_ = 0;
};

TEST_F(CancelWatchTest, HoldsWhatWaitsHere) {
  where_ = InHand::kWaits;
  EXPECT_EQ(Request("a"), Cancelled::kQueued);
  EXPECT_FALSE(Begin("a"));
}

TEST_F(CancelWatchTest, StopsWhatRuns) {
  EXPECT_TRUE(Begin("a"));
  EXPECT_EQ(Request("a"), Cancelled::kRunning);
  EXPECT_TRUE(stop_.stop_requested());
}

TEST_F(CancelWatchTest, DoesNotHoldWhatIsOver) {
  where_ = InHand::kGivenUp;
  EXPECT_EQ(Request("given-up"), Cancelled::kFinished);
  where_ = InHand::kNot;
  watch_->events().NoteOver("remembered");
  EXPECT_EQ(Request("remembered"), Cancelled::kFinished);
  handled_ = true;
  EXPECT_EQ(Request("has-a-result"), Cancelled::kFinished);
  for (const char* const id : {"given-up", "remembered", "has-a-result"}) EXPECT_TRUE(Begin(id)) << id;
}

TEST_F(CancelWatchTest, HoldsWhatIsOverAndWaitsOnceMore) {
  watch_->events().NoteOver("redriven");
  where_ = InHand::kWaits;
  EXPECT_EQ(Request("redriven"), Cancelled::kQueued);
  EXPECT_FALSE(Begin("redriven"));
}

TEST_F(CancelWatchTest, AnswersWhatItCancelledLater) {
  EXPECT_EQ(Request("later", milliseconds(20)), Cancelled::kRequested);
  EXPECT_FALSE(Begin("later"));
  watch_->events().Ended(&item_, false);
  EXPECT_EQ(Request("later"), Cancelled::kQueued) << "asked for again, before it was answered";
}

TEST_F(CancelWatchTest, ReadsTheBucketBeforeAnEventThatAnotherProcessHad) {
  watch_->Stop();
  EXPECT_EQ(Request("a", milliseconds(0)), Cancelled::kRequested);
  EXPECT_TRUE(Begin("a")) << "its watch has ended";
  EXPECT_FALSE(Begin("a", /*delivered_before=*/true));
  EXPECT_TRUE(Begin("b", /*delivered_before=*/true));
}

TEST_F(CancelWatchTest, LetsEventsBeginWhenTheBucketCannotBeRead) {
  bus_->Close();
  EXPECT_TRUE(Begin("a", /*delivered_before=*/true));
}

TEST_F(CancelWatchTest, LeavesABucketAloneThatDoesNotAnswerUntilTheConsumerReceivesAnew) {
  bus_->Close();
  EXPECT_TRUE(watch_->LookUp("a", receives_since_));
  EXPECT_FALSE(watch_->LookUp("a", receives_since_));
  EXPECT_TRUE(watch_->LookUp("a", receives_since_ + seconds(1)));
}

}  // namespace
}  // namespace penstock::eventbus
