// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <vector>

#include "contract/transport_contract.h"
#include "support/eventually.h"

// Consumers without acknowledgements: each subscriber on its own, or the members of a group together.
namespace penstock::eventbus::contract {
namespace {

using penstock::testing::StatusIs;
using ::testing::ElementsAre;

class AtMostOnceContractTest : public TransportContract {
 protected:
  static ConsumerSpec Subscriber(std::size_t max_in_flight = 100) {
    return SpecFor(ConsumerKind::kAtMostOnce, "", max_in_flight);
  }
  static ConsumerSpec Member(std::size_t max_in_flight = 100) {
    return SpecFor(ConsumerKind::kAtMostOnce, "group", max_in_flight);
  }
};

PENSTOCK_TRANSPORT_CONTRACT(AtMostOnceContractTest);

TEST_P(AtMostOnceContractTest, EverySubscriberReceivesEachMessageFromNowOn) {
  PublishMany(3);
  const auto elsewhere = Connect();
  ConsumerRecorder one;
  ConsumerRecorder two;
  const auto first = Open(Subscriber(), one);
  PublishMany(1);
  const auto second = Open(*elsewhere, Subscriber(), two.Events());
  PublishMany(2);
  ASSERT_TRUE(one.Reach(3));
  ASSERT_TRUE(two.Reach(2));
  EXPECT_THAT(one.Sequences(), ElementsAre(4, 5, 6));
  EXPECT_THAT(two.Sequences(), ElementsAre(5, 6));
}

TEST_P(AtMostOnceContractTest, NothingIsDeliveredTwice) {
  ConsumerRecorder one;
  ConsumerRecorder two;
  auto consumer = Open(Member(), one);
  PublishMany(3);
  ASSERT_TRUE(one.Reach(3));
  consumer->Stop();
  consumer = Open(Member(), two);
  PublishMany(2);
  ASSERT_TRUE(two.Reach(2));
  EXPECT_THAT(two.Sequences(), ElementsAre(4, 5));
  EXPECT_THAT(two.DeliveryCounts(), ::testing::Each(1U));
}

TEST_P(AtMostOnceContractTest, MembersOfAGroupShareWithoutOverlap) {
  constexpr std::size_t kCount = 100;
  const auto elsewhere = Connect();
  ConsumerRecorder one;
  ConsumerRecorder two;
  const auto first = Open(Member(kCount), one);
  const auto second = Open(*elsewhere, Member(kCount), two.Events());
  PublishMany(kCount);
  ASSERT_TRUE(penstock::testing::Eventually([&] { return one.arrivals().size() + two.arrivals().size() >= kCount; },
                                            ConsumerRecorder::kPatience));
  std::set<std::uint64_t> all;
  for (const ConsumerRecorder* recorder : {&one, &two}) {
    const auto sequences = recorder->Sequences();
    all.insert(sequences.begin(), sequences.end());
    EXPECT_GT(sequences.size(), kCount / 10) << "both take part";
  }
  EXPECT_EQ(all.size(), kCount);
  EXPECT_EQ(one.arrivals().size() + two.arrivals().size(), kCount);
}

TEST_P(AtMostOnceContractTest, ReceivesNoMoreThanItsCreditUntilMoreIsGranted) {
  ConsumerRecorder slow;
  ConsumerRecorder fast;
  const auto bounded = Open(Subscriber(4), slow);
  const auto observer = Open(Subscriber(100), fast);
  PublishMany(10);
  ASSERT_TRUE(fast.Reach(10));
  ASSERT_TRUE(slow.Reach(4));
  EXPECT_EQ(slow.arrivals().size(), 4U);
  bounded->AddCredit(4);
  ASSERT_TRUE(slow.Reach(8));
  bounded->AddCredit(4);
  ASSERT_TRUE(slow.Reach(10));
  EXPECT_THAT(slow.Sequences(), ::testing::ElementsAreArray(fast.Sequences()));
}

TEST_P(AtMostOnceContractTest, ThereIsNothingToSettle) {
  ConsumerRecorder recorder;
  const auto consumer = Open(Subscriber(), recorder);
  PublishMany(1);
  ASSERT_TRUE(recorder.Reach(1));
  EXPECT_THAT(recorder.Acknowledge(*consumer, 0, AckType::kAck), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(AtMostOnceContractTest, AStoppedSubscriberReceivesNothingMore) {
  ConsumerRecorder one;
  ConsumerRecorder two;
  const auto first = Open(Subscriber(), one);
  const auto second = Open(Subscriber(), two);
  PublishMany(1);
  ASSERT_TRUE(one.Reach(1));
  first->Stop();
  PublishMany(1);
  ASSERT_TRUE(two.Reach(2));
  EXPECT_THAT(one.Sequences(), ElementsAre(1));
  EXPECT_FALSE(first->Stats().active);
}

}  // namespace
}  // namespace penstock::eventbus::contract
