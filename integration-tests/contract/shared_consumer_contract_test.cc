// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <vector>

#include "contract/transport_contract.h"
#include "support/eventually.h"

// Consumers that compete for the messages of a durable, their credit, and the deadline of an answer.
namespace penstock::eventbus::contract {
namespace {

using penstock::testing::IsOk;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

class SharedConsumerContractTest : public TransportContract {
 protected:
  static ConsumerSpec Workers(std::size_t max_in_flight = 100) {
    return SpecFor(ConsumerKind::kShared, "workers", max_in_flight);
  }
};

PENSTOCK_TRANSPORT_CONTRACT(SharedConsumerContractTest);

TEST_P(SharedConsumerContractTest, ASingleFeedReceivesAllInOrder) {
  PublishMany(30);
  ConsumerRecorder recorder;
  const auto consumer = Open(Workers(10), recorder);
  recorder.AckFor(*consumer);
  ASSERT_TRUE(recorder.Reach(30));
  const std::vector<std::uint64_t> sequences = recorder.Sequences();
  EXPECT_TRUE(std::is_sorted(sequences.begin(), sequences.end()));
  EXPECT_THAT(recorder.DeliveryCounts(), ::testing::Each(1U));
  EXPECT_TRUE(consumer->Stats().active);
}

TEST_P(SharedConsumerContractTest, TwoFeedsShareWithoutOverlap) {
  constexpr std::size_t kCount = 200;
  const auto elsewhere = Connect();
  ConsumerRecorder one;
  ConsumerRecorder two;
  const auto first = Open(Workers(20), one);
  const auto second = Open(*elsewhere, Workers(20), two.Events());
  one.AckFor(*first);
  two.AckFor(*second);
  PublishMany(kCount);
  ConsumerRecorder marker;
  const auto observer = Open(SpecFor(ConsumerKind::kExclusive, "observer", 2 * kCount), marker);
  ASSERT_TRUE(marker.Reach(kCount));
  ASSERT_TRUE(penstock::testing::Eventually([&] { return one.arrivals().size() + two.arrivals().size() >= kCount; },
                                            ConsumerRecorder::kPatience));
  std::multiset<std::uint64_t> all;
  for (const ConsumerRecorder* recorder : {&one, &two}) {
    const auto sequences = recorder->Sequences();
    all.insert(sequences.begin(), sequences.end());
    EXPECT_GT(sequences.size(), kCount / 10) << "both take part";
  }
  EXPECT_EQ(all.size(), kCount);
  EXPECT_EQ(std::set<std::uint64_t>(all.begin(), all.end()).size(), kCount);
}

TEST_P(SharedConsumerContractTest, ReceivesNoMoreThanItsCreditUntilMoreIsGranted) {
  ConsumerRecorder one;
  ConsumerRecorder two;
  const auto first = Open(Workers(4), one);
  PublishMany(10);
  ASSERT_TRUE(one.Reach(4));
  for (std::size_t i = 0; i < 4; ++i) ASSERT_THAT(one.Acknowledge(*first, i, AckType::kAck), IsOk());
  const auto second = Open(Workers(4), two);
  ASSERT_TRUE(two.Reach(4));
  for (std::size_t i = 0; i < 4; ++i) ASSERT_THAT(two.Acknowledge(*second, i, AckType::kAck), IsOk());
  first->AddCredit(4);
  ASSERT_TRUE(one.Reach(6));
  EXPECT_THAT(one.Sequences(), ElementsAre(1, 2, 3, 4, 9, 10));
  EXPECT_THAT(two.Sequences(), ElementsAre(5, 6, 7, 8));
}

TEST_P(SharedConsumerContractTest, RedeliversWhatIsNotAnsweredInTime) {
  ConsumerSpec spec = Workers();
  spec.ack_wait = seconds(1);
  ConsumerRecorder recorder;
  const auto consumer = Open(spec, recorder);
  PublishMany(3);
  ASSERT_TRUE(recorder.Reach(3));
  ASSERT_THAT(recorder.Answer(*consumer, 1, AckType::kAck), IsOk());
  ASSERT_TRUE(recorder.Reach(5));
  EXPECT_THAT(recorder.Sequences(), ElementsAre(1, 2, 3, 1, 3));
  EXPECT_THAT(recorder.DeliveryCounts(), ElementsAre(1, 1, 1, 2, 2));
  EXPECT_GE(recorder.At(3).at - recorder.At(0).at, milliseconds(900));
}

TEST_P(SharedConsumerContractTest, InProgressKeepsAMessageFromComingAgain) {
  ConsumerSpec spec = Workers();
  spec.ack_wait = seconds(1);
  ConsumerRecorder recorder;
  const auto consumer = Open(spec, recorder);
  ConsumerSpec half = spec;
  half.consumer = "clock";
  half.ack_wait = milliseconds(500);
  ConsumerRecorder clock;
  const auto ticking = Open(half, clock);
  PublishMany(2);
  ASSERT_TRUE(recorder.Reach(2));
  // Another consumer's message comes again in the middle of the second's wait.
  ASSERT_TRUE(clock.Reach(3));
  const auto extended = std::chrono::steady_clock::now();
  ASSERT_THAT(recorder.Answer(*consumer, 0, AckType::kInProgress), IsOk());
  ASSERT_TRUE(recorder.Reach(3));
  EXPECT_EQ(recorder.At(2).sequence, 2U) << "not extended, so it comes first";
  ASSERT_THAT(recorder.Answer(*consumer, 2, AckType::kAck), IsOk());
  ASSERT_TRUE(recorder.Reach(4));
  EXPECT_EQ(recorder.At(3).sequence, 1U);
  EXPECT_GE(recorder.At(3).at - extended, milliseconds(900));
}

// Not always at once: a 2.9 server that takes a Nak'ed message for a request whose owner has just gone forgets the Nak,
// and may send its newest message twice. Then the deadline brings the message.
TEST_P(SharedConsumerContractTest, AnotherFeedReceivesWhatWasHandedBack) {
  ConsumerSpec spec = Workers();
  spec.ack_wait = seconds(2);
  ConsumerRecorder one;
  ConsumerRecorder two;
  const auto first = Open(spec, one);
  PublishMany(3);
  ASSERT_TRUE(one.Reach(3));
  first->Stop();
  for (std::size_t i = 0; i < 3; ++i) ASSERT_THAT(one.Answer(*first, i, AckType::kNak), IsOk());
  const auto second = Open(spec, two);
  const auto all_came = [&two] {
    const auto sequences = two.Sequences();
    return std::set<std::uint64_t>(sequences.begin(), sequences.end()).size() == 3;
  };
  EXPECT_TRUE(penstock::testing::Eventually(all_came, ConsumerRecorder::kPatience));
}

}  // namespace
}  // namespace penstock::eventbus::contract
