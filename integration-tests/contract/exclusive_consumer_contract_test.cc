// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <future>
#include <numeric>
#include <vector>

#include "contract/transport_contract.h"
#include "support/eventually.h"

// Exclusive consumers: one owner at a time, everything pending again at a take-over; and what all acknowledged
// consumers share.
namespace penstock::eventbus::contract {
namespace {

using penstock::testing::Eventually;
using penstock::testing::IsOk;
using penstock::testing::StatusIs;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

class ExclusiveConsumerContractTest : public TransportContract {
 protected:
  static ConsumerSpec Billing(std::size_t max_in_flight = 100) {
    return SpecFor(ConsumerKind::kExclusive, "billing", max_in_flight);
  }

  // Stops the consumer when all its answers have reached the server.
  void HandOver(Consumer& consumer) {
    EXPECT_THAT(transport().Flush(std::chrono::seconds(5)), IsOk());
    consumer.Stop();
  }
};

PENSTOCK_TRANSPORT_CONTRACT(ExclusiveConsumerContractTest);

TEST_P(ExclusiveConsumerContractTest, DeliversAllFromTheStartInOrder) {
  PublishMany(20);
  ConsumerRecorder recorder;
  const auto consumer = Open(Billing(), recorder);
  PublishMany(20);
  ASSERT_TRUE(recorder.Reach(40));
  std::vector<std::uint64_t> expected(40);
  std::iota(expected.begin(), expected.end(), 1);
  EXPECT_THAT(recorder.Sequences(), ElementsAreArray(expected));
  EXPECT_THAT(recorder.DeliveryCounts(), ::testing::Each(1U));
  EXPECT_TRUE(consumer->Stats().active);
}

TEST_P(ExclusiveConsumerContractTest, DeliversOnlyItsFilterSubject) {
  ASSERT_THAT(transport().EnsureStream({.name = "MIXED", .subjects = {"mixed.>"}}), IsOk());
  for (const char* subject : {"mixed.a", "mixed.b", "mixed.a.c", "mixed.a"}) ASSERT_THAT(Publish("x", subject), IsOk());
  ConsumerSpec spec = Billing();
  spec.stream = "MIXED";
  spec.stream_spec = {.name = "MIXED", .subjects = {"mixed.>"}};
  spec.filter_subject = "mixed.a";
  ConsumerRecorder recorder;
  const auto consumer = Open(spec, recorder);
  ASSERT_TRUE(recorder.Reach(2));
  EXPECT_THAT(recorder.Sequences(), ElementsAre(1, 4));
}

TEST_P(ExclusiveConsumerContractTest, TheDurableRemembersWhatWasAcknowledged) {
  ConsumerRecorder first;
  auto consumer = Open(Billing(), first);
  PublishMany(5);
  ASSERT_TRUE(first.Reach(5));
  for (std::size_t i = 0; i < 5; ++i) ASSERT_THAT(first.Answer(*consumer, i, AckType::kAck), IsOk());
  HandOver(*consumer);
  PublishMany(1);
  ConsumerRecorder second;
  consumer = Open(Billing(), second);
  ASSERT_TRUE(second.Reach(1));
  EXPECT_THAT(second.Sequences(), ElementsAre(6));
}

TEST_P(ExclusiveConsumerContractTest, ATakeOverBringsEverythingPendingInStreamOrderBeforeAnythingNew) {
  ConsumerRecorder first;
  auto consumer = Open(Billing(), first);
  PublishMany(5);
  ASSERT_TRUE(first.Reach(5));
  for (const std::size_t index : {1U, 3U}) ASSERT_THAT(first.Answer(*consumer, index, AckType::kAck), IsOk());
  HandOver(*consumer);
  PublishMany(2);
  ConsumerRecorder second;
  consumer = Open(Billing(), second);
  ASSERT_TRUE(second.Reach(5));
  EXPECT_THAT(second.Sequences(), ElementsAre(1, 3, 5, 6, 7));
  EXPECT_THAT(second.DeliveryCounts(), ElementsAre(2, 2, 2, 1, 1));
}

TEST_P(ExclusiveConsumerContractTest, AFeedThatIsNotTheOwnerStandsByAndTakesOverWhenTheOwnerStops) {
  const auto elsewhere = Connect();
  ConsumerRecorder owner;
  ConsumerRecorder standby;
  const auto owning = Open(Billing(), owner);
  const auto waiting = Open(*elsewhere, Billing(), standby.Events());
  PublishMany(3);
  ASSERT_TRUE(owner.Reach(3));
  EXPECT_TRUE(owning->Stats().active);
  EXPECT_FALSE(waiting->Stats().active);
  EXPECT_THAT(standby.arrivals(), ::testing::IsEmpty());
  ASSERT_THAT(owner.Answer(*owning, 0, AckType::kAck), IsOk());
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

TEST_P(ExclusiveConsumerContractTest, TakesOverWhenTheOwnersConnectionIsClosed) {
  const auto elsewhere = Connect();
  ConsumerRecorder owner;
  ConsumerRecorder standby;
  const auto owning = Open(*elsewhere, Billing(), owner.Events());
  PublishMany(2);
  ASSERT_TRUE(owner.Reach(2));
  const auto waiting = Open(Billing(), standby);
  owning->Stop();
  elsewhere->Close();
  ASSERT_TRUE(standby.Reach(2));
  EXPECT_THAT(standby.Sequences(), ElementsAre(1, 2));
}

TEST_P(ExclusiveConsumerContractTest, DurablesOfOneStreamAreIndependent) {
  PublishMany(3);
  ConsumerRecorder billing;
  ConsumerRecorder shipping;
  const auto one = Open(Billing(), billing);
  const auto two = Open(SpecFor(ConsumerKind::kExclusive, "shipping"), shipping);
  ASSERT_TRUE(billing.Reach(3));
  ASSERT_TRUE(shipping.Reach(3));
  ASSERT_THAT(billing.Answer(*one, 0, AckType::kAck), IsOk());
  ASSERT_THAT(shipping.Answer(*two, 1, AckType::kNak), IsOk());
  ASSERT_TRUE(shipping.Reach(4));
  EXPECT_EQ(billing.arrivals().size(), 3U);
}

TEST_P(ExclusiveConsumerContractTest, RedeliversANakAtOnce) {
  ConsumerRecorder recorder;
  const auto consumer = Open(Billing(), recorder);
  PublishMany(2);
  ASSERT_TRUE(recorder.Reach(2));
  const auto asked = std::chrono::steady_clock::now();
  ASSERT_THAT(recorder.Answer(*consumer, 0, AckType::kNak), IsOk());
  ASSERT_TRUE(recorder.Reach(3));
  EXPECT_LT(recorder.At(2).at - asked, std::chrono::seconds(2));
  ASSERT_THAT(recorder.Answer(*consumer, 2, AckType::kNak), IsOk());
  ASSERT_TRUE(recorder.Reach(4));
  EXPECT_THAT(recorder.Sequences(), ElementsAre(1, 2, 1, 1));
  EXPECT_THAT(recorder.DeliveryCounts(), ElementsAre(1, 1, 2, 3));
}

TEST_P(ExclusiveConsumerContractTest, RedeliversNaksInTheOrderOfTheNaksBeforeAnythingNew) {
  ConsumerRecorder recorder;
  const auto consumer = Open(Billing(5), recorder);
  PublishMany(8);
  ASSERT_TRUE(recorder.Reach(5));
  for (const std::size_t index : {4U, 2U, 0U}) ASSERT_THAT(recorder.Answer(*consumer, index, AckType::kNak), IsOk());
  ASSERT_TRUE(recorder.Reach(8));
  EXPECT_THAT(recorder.Sequences(), ElementsAre(1, 2, 3, 4, 5, 5, 3, 1));
  for (const std::size_t index : {1U, 3U}) ASSERT_THAT(recorder.Answer(*consumer, index, AckType::kAck), IsOk());
  ASSERT_TRUE(recorder.Reach(10));
  EXPECT_EQ(recorder.At(8).sequence, 6U);
}

TEST_P(ExclusiveConsumerContractTest, ATerminatedMessageNeverComesAgain) {
  ConsumerRecorder first;
  auto consumer = Open(Billing(), first);
  PublishMany(2);
  ASSERT_TRUE(first.Reach(2));
  ASSERT_THAT(first.Answer(*consumer, 0, AckType::kTerm), IsOk());
  HandOver(*consumer);
  ConsumerRecorder second;
  consumer = Open(Billing(), second);
  PublishMany(1);
  ASSERT_TRUE(second.Reach(2));
  EXPECT_THAT(second.Sequences(), ElementsAre(2, 3));
}

TEST_P(ExclusiveConsumerContractTest, HasNeverMoreInFlightThanAllowed) {
  constexpr std::size_t kMost = 5;
  std::atomic<int> in_flight = 0;
  std::atomic<int> most = 0;
  const auto count = [&](const StoredMessage&) {
    const int now = in_flight.fetch_add(1) + 1;
    if (now > most.load()) most.store(now);
  };
  PublishMany(50);
  ConsumerRecorder recorder;
  const auto consumer = Open(transport(), Billing(kMost), recorder.Events(count));
  for (std::size_t i = 0; i < 50; ++i) {
    ASSERT_TRUE(recorder.Reach(std::min<std::size_t>(i + kMost, 50)));
    in_flight.fetch_sub(1);
    ASSERT_THAT(recorder.Answer(*consumer, i, AckType::kAck), IsOk());
  }
  EXPECT_EQ(most.load(), static_cast<int>(kMost));
}

TEST_P(ExclusiveConsumerContractTest, AWiderWindowLetsMoreComeAtOnceAndANarrowerOneOnlyWhatFits) {
  PublishMany(40);
  ConsumerRecorder recorder;
  const auto consumer = Open(Billing(5), recorder);
  ASSERT_TRUE(recorder.Reach(5));
  consumer->SetWindow(7);
  consumer->SetWindow(20);
  ASSERT_TRUE(recorder.Reach(20));
  consumer->SetWindow(10);
  const auto beyond = [&](std::size_t count) {
    return Eventually([&] { return recorder.arrivals().size() > count; }, milliseconds(300));
  };
  EXPECT_FALSE(beyond(20)) << "20 are in flight";
  std::size_t answered = 0;
  for (; answered < 15; ++answered) ASSERT_THAT(recorder.Answer(*consumer, answered, AckType::kAck), IsOk());
  ASSERT_TRUE(recorder.Reach(20 + 5)) << "15 of 20 are settled, so 5 of the next fit";
  EXPECT_FALSE(beyond(25)) << "10 are in flight";
  for (; answered < 25; ++answered) ASSERT_THAT(recorder.Answer(*consumer, answered, AckType::kAck), IsOk());
  EXPECT_TRUE(recorder.Reach(35));
  EXPECT_THAT(recorder.DeliveryCounts(), ::testing::Each(1U));
}

TEST_P(ExclusiveConsumerContractTest, OnlyTheOwnerMayHandle) {
  const auto elsewhere = Connect();
  ConsumerRecorder owner;
  ConsumerRecorder standby;
  const auto may = [](const Consumer& consumer) { return consumer.MayHandle(std::chrono::steady_clock::now()); };
  const auto owning = Open(Billing(), owner);
  const auto waiting = Open(*elsewhere, Billing(), standby.Events());
  EXPECT_TRUE(may(*owning));
  EXPECT_FALSE(may(*waiting));
  HandOver(*owning);
  EXPECT_FALSE(may(*owning));
  EXPECT_TRUE(Eventually([&] { return may(*waiting); }, ConsumerRecorder::kPatience));
}

TEST_P(ExclusiveConsumerContractTest, AfterStopArrivalsNothingArrivesAndNobodyElseTakesOver) {
  const auto elsewhere = Connect();
  ConsumerRecorder owner;
  ConsumerRecorder standby;
  const auto owning = Open(Billing(), owner);
  const auto waiting = Open(*elsewhere, Billing(), standby.Events());
  PublishMany(2);
  ASSERT_TRUE(owner.Reach(2));
  owning->StopArrivals();
  PublishMany(1);
  EXPECT_FALSE(Eventually([&] { return waiting->Stats().active; }, milliseconds(1000)));
  EXPECT_TRUE(owning->MayHandle(std::chrono::steady_clock::now()));
  ASSERT_THAT(owner.Answer(*owning, 0, AckType::kAck), IsOk());
  HandOver(*owning);
  ASSERT_TRUE(standby.Reach(2));
  EXPECT_THAT(standby.Sequences(), ElementsAre(2, 3));
  EXPECT_EQ(owner.arrivals().size(), 2U);
}

TEST_P(ExclusiveConsumerContractTest, MayBeStoppedByItsOwnCallback) {
  ConsumerRecorder recorder;
  std::promise<Consumer*> opened;
  std::shared_future<Consumer*> consumer = opened.get_future().share();
  const auto stop = [consumer](const StoredMessage&) {
    consumer.get()->Stop();
    consumer.get()->Stop();
  };
  const auto owned = Open(transport(), Billing(1), recorder.Events(stop));
  opened.set_value(owned.get());
  PublishMany(3);
  ASSERT_TRUE(recorder.Reach(1));
  ASSERT_THAT(recorder.Answer(*owned, 0, AckType::kAck), IsOk());
  EXPECT_FALSE(owned->Stats().active);
  ConsumerRecorder next;
  const auto other = Open(Billing(), next);
  ASSERT_TRUE(next.Reach(2));
  EXPECT_THAT(recorder.Sequences(), ElementsAre(1));
}

TEST_P(ExclusiveConsumerContractTest, StopWaitsForACallbackThatRuns) {
  std::promise<void> entered;
  std::promise<void> release;
  std::atomic<bool> left = false;
  ConsumerRecorder recorder;
  const auto linger = [&](const StoredMessage&) {
    entered.set_value();
    release.get_future().wait();
    left = true;
  };
  const auto consumer = Open(transport(), Billing(1), recorder.Events(linger));
  PublishMany(1);
  entered.get_future().wait();
  auto stopped = std::async(std::launch::async, [&] {
    consumer->Stop();
    return left.load();
  });
  EXPECT_EQ(stopped.wait_for(milliseconds(50)), std::future_status::timeout);
  release.set_value();
  EXPECT_TRUE(stopped.get());
}

TEST_P(ExclusiveConsumerContractTest, AnswersAreTakenAfterStop) {
  ConsumerRecorder first;
  auto consumer = Open(Billing(), first);
  PublishMany(2);
  ASSERT_TRUE(first.Reach(2));
  consumer->Stop();
  ASSERT_THAT(first.Answer(*consumer, 0, AckType::kAck), IsOk());
  ASSERT_THAT(transport().Flush(std::chrono::seconds(5)), IsOk());
  ConsumerRecorder second;
  const auto next = Open(Billing(), second);
  PublishMany(1);
  ASSERT_TRUE(second.Reach(2));
  EXPECT_THAT(second.Sequences(), ElementsAre(2, 3));
}

TEST_P(ExclusiveConsumerContractTest, RefusesADurableOfAnotherKindOrFilter) {
  ConsumerRecorder recorder;
  const auto consumer = Open(Billing(), recorder);
  EXPECT_THAT(transport().OpenConsumer(SpecFor(ConsumerKind::kShared, "billing"), recorder.Events()),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("billing")));
  ASSERT_THAT(transport().EnsureStream({.name = "MIXED", .subjects = {"mixed.>"}}), IsOk());
  ConsumerSpec spec = Billing();
  spec.stream = "MIXED";
  spec.stream_spec = {.name = "MIXED", .subjects = {"mixed.>"}};
  spec.filter_subject = "mixed.a";
  const auto mixed = Open(spec, recorder);
  spec.filter_subject = "mixed.b";
  EXPECT_THAT(transport().OpenConsumer(spec, recorder.Events()),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("mixed.a")));
  ConsumerSpec cumulative = Billing();
  cumulative.ack_all = true;
  EXPECT_THAT(transport().OpenConsumer(cumulative, recorder.Events()),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("ack_policy")));
}

}  // namespace
}  // namespace penstock::eventbus::contract
