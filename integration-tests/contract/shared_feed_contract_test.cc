// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <vector>

#include "contract/transport_contract.h"
#include "support/eventually.h"

// Feeds that compete for the messages of a durable, their credit, and the deadline of an answer.
namespace penstock::eventbus::contract {
namespace {

using penstock::testing::IsOk;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

class SharedFeedContractTest : public TransportContract {
 protected:
  static FeedSpec Workers(std::size_t max_in_flight = 100) {
    return Feeding(FeedKind::kShared, "workers", max_in_flight);
  }
};

PENSTOCK_TRANSPORT_CONTRACT(SharedFeedContractTest);

TEST_P(SharedFeedContractTest, ASingleFeedReceivesAllInOrder) {
  PublishMany(30);
  FeedRecorder recorder;
  const auto feed = Open(Workers(10), recorder);
  recorder.AckFor(*feed);
  ASSERT_TRUE(recorder.Reach(30));
  const std::vector<std::uint64_t> sequences = recorder.Sequences();
  EXPECT_TRUE(std::is_sorted(sequences.begin(), sequences.end()));
  EXPECT_THAT(recorder.DeliveryCounts(), ::testing::Each(1U));
  EXPECT_TRUE(feed->Stats().active);
}

TEST_P(SharedFeedContractTest, TwoFeedsShareWithoutOverlap) {
  constexpr std::size_t kCount = 200;
  const auto elsewhere = Connect();
  FeedRecorder one;
  FeedRecorder two;
  const auto first = Open(Workers(20), one);
  const auto second = Open(*elsewhere, Workers(20), two.Events());
  one.AckFor(*first);
  two.AckFor(*second);
  PublishMany(kCount);
  FeedRecorder marker;
  const auto witness = Open(Feeding(FeedKind::kExclusive, "witness", 2 * kCount), marker);
  ASSERT_TRUE(marker.Reach(kCount));
  ASSERT_TRUE(penstock::testing::Eventually([&] { return one.arrivals().size() + two.arrivals().size() >= kCount; },
                                            FeedRecorder::kPatience));
  std::multiset<std::uint64_t> all;
  for (const FeedRecorder* recorder : {&one, &two}) {
    const auto sequences = recorder->Sequences();
    all.insert(sequences.begin(), sequences.end());
    EXPECT_GT(sequences.size(), kCount / 10) << "both take part";
  }
  EXPECT_EQ(all.size(), kCount);
  EXPECT_EQ(std::set<std::uint64_t>(all.begin(), all.end()).size(), kCount);
}

TEST_P(SharedFeedContractTest, ReceivesNoMoreThanItsCreditUntilMoreIsGranted) {
  FeedRecorder one;
  FeedRecorder two;
  const auto first = Open(Workers(4), one);
  PublishMany(10);
  ASSERT_TRUE(one.Reach(4));
  for (std::size_t i = 0; i < 4; ++i) ASSERT_THAT(one.Settle(*first, i, Verb::kAck), IsOk());
  const auto second = Open(Workers(4), two);
  ASSERT_TRUE(two.Reach(4));
  for (std::size_t i = 0; i < 4; ++i) ASSERT_THAT(two.Settle(*second, i, Verb::kAck), IsOk());
  first->Grant(4);
  ASSERT_TRUE(one.Reach(6));
  EXPECT_THAT(one.Sequences(), ElementsAre(1, 2, 3, 4, 9, 10));
  EXPECT_THAT(two.Sequences(), ElementsAre(5, 6, 7, 8));
}

TEST_P(SharedFeedContractTest, RedeliversWhatIsNotAnsweredInTime) {
  FeedSpec spec = Workers();
  spec.ack_wait = seconds(1);
  FeedRecorder recorder;
  const auto feed = Open(spec, recorder);
  PublishMany(3);
  ASSERT_TRUE(recorder.Reach(3));
  ASSERT_THAT(recorder.Answer(*feed, 1, Verb::kAck), IsOk());
  ASSERT_TRUE(recorder.Reach(5));
  EXPECT_THAT(recorder.Sequences(), ElementsAre(1, 2, 3, 1, 3));
  EXPECT_THAT(recorder.DeliveryCounts(), ElementsAre(1, 1, 1, 2, 2));
  EXPECT_GE(recorder.At(3).at - recorder.At(0).at, milliseconds(900));
}

TEST_P(SharedFeedContractTest, InProgressKeepsAMessageFromComingAgain) {
  FeedSpec spec = Workers();
  spec.ack_wait = seconds(1);
  FeedRecorder recorder;
  const auto feed = Open(spec, recorder);
  FeedSpec half = spec;
  half.consumer = "clock";
  half.ack_wait = milliseconds(500);
  FeedRecorder clock;
  const auto ticking = Open(half, clock);
  PublishMany(2);
  ASSERT_TRUE(recorder.Reach(2));
  // Another consumer's message comes again in the middle of the second's wait.
  ASSERT_TRUE(clock.Reach(3));
  const auto extended = std::chrono::steady_clock::now();
  ASSERT_THAT(recorder.Answer(*feed, 0, Verb::kInProgress), IsOk());
  ASSERT_TRUE(recorder.Reach(3));
  EXPECT_EQ(recorder.At(2).sequence, 2U) << "not extended, so it comes first";
  ASSERT_THAT(recorder.Answer(*feed, 2, Verb::kAck), IsOk());
  ASSERT_TRUE(recorder.Reach(4));
  EXPECT_EQ(recorder.At(3).sequence, 1U);
  EXPECT_GE(recorder.At(3).at - extended, milliseconds(900));
}

// Not always at once: a 2.9 server that takes a Nak'ed message for a request whose owner has just gone forgets the Nak,
// and may send its newest message twice. Then the deadline brings the message.
TEST_P(SharedFeedContractTest, AnotherFeedReceivesWhatWasHandedBack) {
  FeedSpec spec = Workers();
  spec.ack_wait = seconds(2);
  FeedRecorder one;
  FeedRecorder two;
  const auto first = Open(spec, one);
  PublishMany(3);
  ASSERT_TRUE(one.Reach(3));
  first->Stop();
  for (std::size_t i = 0; i < 3; ++i) ASSERT_THAT(one.Answer(*first, i, Verb::kNak), IsOk());
  const auto second = Open(spec, two);
  const auto all_came = [&two] {
    const auto sequences = two.Sequences();
    return std::set<std::uint64_t>(sequences.begin(), sequences.end()).size() == 3;
  };
  EXPECT_TRUE(penstock::testing::Eventually(all_came, FeedRecorder::kPatience));
}

}  // namespace
}  // namespace penstock::eventbus::contract
