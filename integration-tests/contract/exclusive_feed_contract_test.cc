// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <future>
#include <numeric>
#include <vector>

#include "contract/transport_contract.h"
#include "support/eventually.h"

// Exclusive feeds: one owner at a time, everything pending again at a take-over; and what all acknowledged feeds share.
namespace penstock::eventbus::contract {
namespace {

using penstock::testing::Eventually;
using penstock::testing::IsOk;
using penstock::testing::StatusIs;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

class ExclusiveFeedContractTest : public TransportContract {
 protected:
  static FeedSpec Billing(std::size_t max_in_flight = 100) {
    return Feeding(FeedKind::kExclusive, "billing", max_in_flight);
  }

  // Stops the feed when all its answers have reached the server.
  void HandOver(Feed& feed) {
    EXPECT_THAT(transport().Flush(std::chrono::seconds(5)), IsOk());
    feed.Stop();
  }
};

PENSTOCK_TRANSPORT_CONTRACT(ExclusiveFeedContractTest);

TEST_P(ExclusiveFeedContractTest, DeliversAllFromTheStartInOrder) {
  PublishMany(20);
  FeedRecorder recorder;
  const auto feed = Open(Billing(), recorder);
  PublishMany(20);
  ASSERT_TRUE(recorder.Reach(40));
  std::vector<std::uint64_t> expected(40);
  std::iota(expected.begin(), expected.end(), 1);
  EXPECT_THAT(recorder.Sequences(), ElementsAreArray(expected));
  EXPECT_THAT(recorder.DeliveryCounts(), ::testing::Each(1U));
  EXPECT_TRUE(feed->Stats().active);
}

TEST_P(ExclusiveFeedContractTest, DeliversOnlyItsFilterSubject) {
  ASSERT_THAT(transport().EnsureStream({.name = "MIXED", .subjects = {"mixed.>"}}), IsOk());
  for (const char* subject : {"mixed.a", "mixed.b", "mixed.a.c", "mixed.a"}) ASSERT_THAT(Publish("x", subject), IsOk());
  FeedSpec spec = Billing();
  spec.stream = "MIXED";
  spec.filter_subject = "mixed.a";
  FeedRecorder recorder;
  const auto feed = Open(spec, recorder);
  ASSERT_TRUE(recorder.Reach(2));
  EXPECT_THAT(recorder.Sequences(), ElementsAre(1, 4));
}

TEST_P(ExclusiveFeedContractTest, TheDurableRemembersWhatWasAcknowledged) {
  FeedRecorder first;
  auto feed = Open(Billing(), first);
  PublishMany(5);
  ASSERT_TRUE(first.Reach(5));
  for (std::size_t i = 0; i < 5; ++i) ASSERT_THAT(first.Answer(*feed, i, Verb::kAck), IsOk());
  HandOver(*feed);
  PublishMany(1);
  FeedRecorder second;
  feed = Open(Billing(), second);
  ASSERT_TRUE(second.Reach(1));
  EXPECT_THAT(second.Sequences(), ElementsAre(6));
}

TEST_P(ExclusiveFeedContractTest, ATakeOverBringsEverythingPendingInStreamOrderBeforeAnythingNew) {
  FeedRecorder first;
  auto feed = Open(Billing(), first);
  PublishMany(5);
  ASSERT_TRUE(first.Reach(5));
  for (const std::size_t index : {1U, 3U}) ASSERT_THAT(first.Answer(*feed, index, Verb::kAck), IsOk());
  HandOver(*feed);
  PublishMany(2);
  FeedRecorder second;
  feed = Open(Billing(), second);
  ASSERT_TRUE(second.Reach(5));
  EXPECT_THAT(second.Sequences(), ElementsAre(1, 3, 5, 6, 7));
  EXPECT_THAT(second.DeliveryCounts(), ElementsAre(2, 2, 2, 1, 1));
}

TEST_P(ExclusiveFeedContractTest, AFeedThatIsNotTheOwnerStandsByAndTakesOverWhenTheOwnerStops) {
  const auto elsewhere = Connect();
  FeedRecorder owner;
  FeedRecorder standby;
  const auto owning = Open(Billing(), owner);
  const auto waiting = Open(*elsewhere, Billing(), standby.Events());
  PublishMany(3);
  ASSERT_TRUE(owner.Reach(3));
  EXPECT_TRUE(owning->Stats().active);
  EXPECT_FALSE(waiting->Stats().active);
  EXPECT_THAT(standby.arrivals(), ::testing::IsEmpty());
  ASSERT_THAT(owner.Answer(*owning, 0, Verb::kAck), IsOk());
  HandOver(*owning);
  EXPECT_FALSE(owning->Stats().active);
  ASSERT_TRUE(standby.Reach(2));
  PublishMany(1);
  ASSERT_TRUE(standby.Reach(3));
  EXPECT_THAT(standby.Sequences(), ElementsAre(2, 3, 4));
  EXPECT_THAT(standby.DeliveryCounts(), ElementsAre(2, 2, 1));
  EXPECT_TRUE(waiting->Stats().active);
  EXPECT_EQ(owner.arrivals().size(), 3U);
}

TEST_P(ExclusiveFeedContractTest, TakesOverWhenTheOwnersConnectionIsClosed) {
  const auto elsewhere = Connect();
  FeedRecorder owner;
  FeedRecorder standby;
  const auto owning = Open(*elsewhere, Billing(), owner.Events());
  PublishMany(2);
  ASSERT_TRUE(owner.Reach(2));
  const auto waiting = Open(Billing(), standby);
  owning->Stop();
  elsewhere->Close();
  ASSERT_TRUE(standby.Reach(2));
  EXPECT_THAT(standby.Sequences(), ElementsAre(1, 2));
}

TEST_P(ExclusiveFeedContractTest, DurablesOfOneStreamAreIndependent) {
  PublishMany(3);
  FeedRecorder billing;
  FeedRecorder shipping;
  const auto one = Open(Billing(), billing);
  const auto two = Open(Feeding(FeedKind::kExclusive, "shipping"), shipping);
  ASSERT_TRUE(billing.Reach(3));
  ASSERT_TRUE(shipping.Reach(3));
  ASSERT_THAT(billing.Answer(*one, 0, Verb::kAck), IsOk());
  ASSERT_THAT(shipping.Answer(*two, 1, Verb::kNak), IsOk());
  ASSERT_TRUE(shipping.Reach(4));
  EXPECT_EQ(billing.arrivals().size(), 3U);
}

TEST_P(ExclusiveFeedContractTest, RedeliversANakAtOnce) {
  FeedRecorder recorder;
  const auto feed = Open(Billing(), recorder);
  PublishMany(2);
  ASSERT_TRUE(recorder.Reach(2));
  const auto asked = std::chrono::steady_clock::now();
  ASSERT_THAT(recorder.Answer(*feed, 0, Verb::kNak), IsOk());
  ASSERT_TRUE(recorder.Reach(3));
  EXPECT_LT(recorder.At(2).at - asked, std::chrono::seconds(2));
  ASSERT_THAT(recorder.Answer(*feed, 2, Verb::kNak), IsOk());
  ASSERT_TRUE(recorder.Reach(4));
  EXPECT_THAT(recorder.Sequences(), ElementsAre(1, 2, 1, 1));
  EXPECT_THAT(recorder.DeliveryCounts(), ElementsAre(1, 1, 2, 3));
}

TEST_P(ExclusiveFeedContractTest, RedeliversNaksInTheOrderOfTheNaksBeforeAnythingNew) {
  FeedRecorder recorder;
  const auto feed = Open(Billing(5), recorder);
  PublishMany(8);
  ASSERT_TRUE(recorder.Reach(5));
  for (const std::size_t index : {4U, 2U, 0U}) ASSERT_THAT(recorder.Answer(*feed, index, Verb::kNak), IsOk());
  ASSERT_TRUE(recorder.Reach(8));
  EXPECT_THAT(recorder.Sequences(), ElementsAre(1, 2, 3, 4, 5, 5, 3, 1));
  for (const std::size_t index : {1U, 3U}) ASSERT_THAT(recorder.Answer(*feed, index, Verb::kAck), IsOk());
  ASSERT_TRUE(recorder.Reach(10));
  EXPECT_EQ(recorder.At(8).sequence, 6U);
}

TEST_P(ExclusiveFeedContractTest, ATerminatedMessageNeverComesAgain) {
  FeedRecorder first;
  auto feed = Open(Billing(), first);
  PublishMany(2);
  ASSERT_TRUE(first.Reach(2));
  ASSERT_THAT(first.Answer(*feed, 0, Verb::kTerm), IsOk());
  HandOver(*feed);
  FeedRecorder second;
  feed = Open(Billing(), second);
  PublishMany(1);
  ASSERT_TRUE(second.Reach(2));
  EXPECT_THAT(second.Sequences(), ElementsAre(2, 3));
}

TEST_P(ExclusiveFeedContractTest, HasNeverMoreInFlightThanAllowed) {
  constexpr std::size_t kMost = 5;
  std::atomic<int> in_flight = 0;
  std::atomic<int> most = 0;
  const auto count = [&](const StoredMessage&) {
    const int now = in_flight.fetch_add(1) + 1;
    if (now > most.load()) most.store(now);
  };
  PublishMany(50);
  FeedRecorder recorder;
  const auto feed = Open(transport(), Billing(kMost), recorder.Events(count));
  for (std::size_t i = 0; i < 50; ++i) {
    ASSERT_TRUE(recorder.Reach(std::min<std::size_t>(i + kMost, 50)));
    in_flight.fetch_sub(1);
    ASSERT_THAT(recorder.Answer(*feed, i, Verb::kAck), IsOk());
  }
  EXPECT_EQ(most.load(), static_cast<int>(kMost));
}

TEST_P(ExclusiveFeedContractTest, AWiderWindowLetsMoreComeAtOnceAndANarrowerOneOnlyWhatFits) {
  PublishMany(40);
  FeedRecorder recorder;
  const auto feed = Open(Billing(5), recorder);
  ASSERT_TRUE(recorder.Reach(5));
  feed->SetWindow(7);
  feed->SetWindow(20);
  ASSERT_TRUE(recorder.Reach(20));
  feed->SetWindow(10);
  const auto beyond = [&](std::size_t count) {
    return Eventually([&] { return recorder.arrivals().size() > count; }, milliseconds(300));
  };
  EXPECT_FALSE(beyond(20)) << "20 are in flight";
  std::size_t answered = 0;
  for (; answered < 15; ++answered) ASSERT_THAT(recorder.Answer(*feed, answered, Verb::kAck), IsOk());
  ASSERT_TRUE(recorder.Reach(20 + 5)) << "15 of 20 are settled, so 5 of the next fit";
  EXPECT_FALSE(beyond(25)) << "10 are in flight";
  for (; answered < 25; ++answered) ASSERT_THAT(recorder.Answer(*feed, answered, Verb::kAck), IsOk());
  EXPECT_TRUE(recorder.Reach(35));
  EXPECT_THAT(recorder.DeliveryCounts(), ::testing::Each(1U));
}

TEST_P(ExclusiveFeedContractTest, OnlyTheOwnerMayHandle) {
  const auto elsewhere = Connect();
  FeedRecorder owner;
  FeedRecorder standby;
  const auto may = [](const Feed& feed) { return feed.MayHandle(std::chrono::steady_clock::now()); };
  const auto owning = Open(Billing(), owner);
  const auto waiting = Open(*elsewhere, Billing(), standby.Events());
  EXPECT_TRUE(may(*owning));
  EXPECT_FALSE(may(*waiting));
  HandOver(*owning);
  EXPECT_FALSE(may(*owning));
  EXPECT_TRUE(Eventually([&] { return may(*waiting); }, FeedRecorder::kPatience));
}

TEST_P(ExclusiveFeedContractTest, AfterStopArrivalsNothingArrivesAndNobodyElseTakesOver) {
  const auto elsewhere = Connect();
  FeedRecorder owner;
  FeedRecorder standby;
  const auto owning = Open(Billing(), owner);
  const auto waiting = Open(*elsewhere, Billing(), standby.Events());
  PublishMany(2);
  ASSERT_TRUE(owner.Reach(2));
  owning->StopArrivals();
  PublishMany(1);
  EXPECT_FALSE(Eventually([&] { return waiting->Stats().active; }, milliseconds(1000)));
  EXPECT_TRUE(owning->MayHandle(std::chrono::steady_clock::now()));
  ASSERT_THAT(owner.Answer(*owning, 0, Verb::kAck), IsOk());
  HandOver(*owning);
  ASSERT_TRUE(standby.Reach(2));
  EXPECT_THAT(standby.Sequences(), ElementsAre(2, 3));
  EXPECT_EQ(owner.arrivals().size(), 2U);
}

TEST_P(ExclusiveFeedContractTest, MayBeStoppedByItsOwnCallback) {
  FeedRecorder recorder;
  std::promise<Feed*> opened;
  std::shared_future<Feed*> feed = opened.get_future().share();
  const auto stop = [feed](const StoredMessage&) {
    feed.get()->Stop();
    feed.get()->Stop();
  };
  const auto owned = Open(transport(), Billing(1), recorder.Events(stop));
  opened.set_value(owned.get());
  PublishMany(3);
  ASSERT_TRUE(recorder.Reach(1));
  ASSERT_THAT(recorder.Answer(*owned, 0, Verb::kAck), IsOk());
  EXPECT_FALSE(owned->Stats().active);
  FeedRecorder next;
  const auto other = Open(Billing(), next);
  ASSERT_TRUE(next.Reach(2));
  EXPECT_THAT(recorder.Sequences(), ElementsAre(1));
}

TEST_P(ExclusiveFeedContractTest, StopWaitsForACallbackThatRuns) {
  std::promise<void> entered;
  std::promise<void> release;
  std::atomic<bool> left = false;
  FeedRecorder recorder;
  const auto linger = [&](const StoredMessage&) {
    entered.set_value();
    release.get_future().wait();
    left = true;
  };
  const auto feed = Open(transport(), Billing(1), recorder.Events(linger));
  PublishMany(1);
  entered.get_future().wait();
  auto stopped = std::async(std::launch::async, [&] {
    feed->Stop();
    return left.load();
  });
  EXPECT_EQ(stopped.wait_for(milliseconds(50)), std::future_status::timeout);
  release.set_value();
  EXPECT_TRUE(stopped.get());
}

TEST_P(ExclusiveFeedContractTest, AnswersAreTakenAfterStop) {
  FeedRecorder first;
  auto feed = Open(Billing(), first);
  PublishMany(2);
  ASSERT_TRUE(first.Reach(2));
  feed->Stop();
  ASSERT_THAT(first.Answer(*feed, 0, Verb::kAck), IsOk());
  ASSERT_THAT(transport().Flush(std::chrono::seconds(5)), IsOk());
  FeedRecorder second;
  const auto next = Open(Billing(), second);
  PublishMany(1);
  ASSERT_TRUE(second.Reach(2));
  EXPECT_THAT(second.Sequences(), ElementsAre(2, 3));
}

TEST_P(ExclusiveFeedContractTest, RefusesADurableOfAnotherKindOrFilter) {
  FeedRecorder recorder;
  const auto feed = Open(Billing(), recorder);
  EXPECT_THAT(transport().OpenFeed(Feeding(FeedKind::kShared, "billing"), recorder.Events()),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("billing")));
  ASSERT_THAT(transport().EnsureStream({.name = "MIXED", .subjects = {"mixed.>"}}), IsOk());
  FeedSpec spec = Billing();
  spec.stream = "MIXED";
  spec.filter_subject = "mixed.a";
  const auto mixed = Open(spec, recorder);
  spec.filter_subject = "mixed.b";
  EXPECT_THAT(transport().OpenFeed(spec, recorder.Events()),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("mixed.a")));
  FeedSpec cumulative = Billing();
  cumulative.ack_all = true;
  EXPECT_THAT(transport().OpenFeed(cumulative, recorder.Events()),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("ack_policy")));
}

}  // namespace
}  // namespace penstock::eventbus::contract
