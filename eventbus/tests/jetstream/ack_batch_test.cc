// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/ack_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>

#include "jetstream/message/received_message.h"

namespace penstock::eventbus::jetstream {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Deliveries of these sequences, in this order; the verbs tell those of one sequence apart.
class Deliveries {
 public:
  explicit Deliveries(const std::vector<std::uint64_t>& sequences) {
    for (const std::uint64_t sequence : sequences) Add(sequence, AckType::kAck);
  }

  void Add(std::uint64_t sequence, AckType type) {
    messages_.push_back(ReceivedMessage::Make("orders", "$JS.ACK", 0, 0));
    messages_.back()->SetDelivery({.stream_sequence = sequence}, 0);
    settlings_.push_back({messages_.back().get(), type});
  }

  std::vector<std::uint64_t> Ordered() const {
    std::vector<std::uint64_t> sequences;
    for (const Acknowledgement& each : OrderedSettlings()) sequences.push_back(each.message->stream_sequence());
    return sequences;
  }

  std::vector<Acknowledgement> OrderedSettlings() const {
    std::vector<Acknowledgement> ordered = settlings_;
    SortByStreamSequence(ordered);
    return ordered;
  }

 private:
  std::vector<MessageHandle> messages_;
  std::vector<Acknowledgement> settlings_;
};

TEST(AckBatchTest, GoesOutInTheOrderOfTheStream) {
  EXPECT_THAT(Deliveries({}).Ordered(), IsEmpty());
  EXPECT_THAT(Deliveries({7}).Ordered(), ElementsAre(7));
  EXPECT_THAT(Deliveries({5, 3, 4}).Ordered(), ElementsAre(3, 4, 5));
  EXPECT_THAT(Deliveries({9, 3}).Ordered(), ElementsAre(3, 9)) << "with some missing between";
}

TEST(AckBatchTest, KeepsTwoDeliveriesOfOneMessage) {
  EXPECT_THAT(Deliveries({5, 3, 5, 4}).Ordered(), ElementsAre(3, 4, 5, 5));
}

TEST(AckBatchTest, ThoseFarApartTakeNoMemoryForWhatIsBetween) {
  constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();
  EXPECT_THAT(Deliveries({kLast, 0, 1, kLast - 1}).Ordered(), ElementsAre(0, 1, kLast - 1, kLast));
}

TEST(AckBatchTest, EachKeepsItsVerb) {
  Deliveries deliveries({});
  deliveries.Add(2, AckType::kNak);
  deliveries.Add(1, AckType::kTerm);
  deliveries.Add(3, AckType::kAck);
  std::vector<AckType> verbs;
  for (const Acknowledgement& each : deliveries.OrderedSettlings()) verbs.push_back(each.type);
  EXPECT_THAT(verbs, ElementsAre(AckType::kTerm, AckType::kNak, AckType::kAck));
}

TEST(AckBatchTest, AgreesWithSortingWhateverTheyAre) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::uint64_t> sequences(random() % 50);
    const std::uint64_t range = 1 + random() % 600;
    for (std::uint64_t& each : sequences) each = 1'000 + random() % range;
    const std::vector<std::uint64_t> ordered = Deliveries(sequences).Ordered();
    std::ranges::sort(sequences);
    ASSERT_EQ(ordered, sequences) << "round " << round;
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
