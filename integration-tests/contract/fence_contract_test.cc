// SPDX-License-Identifier: Apache-2.0
#include "contract/transport_contract.h"

// Fencing tokens: what tells a delivery to a later owner of a durable from one to an earlier owner.
namespace penstock::eventbus::contract {
namespace {

using penstock::testing::IsOk;
using ::testing::Each;
using ::testing::Gt;

class FenceContractTest : public TransportContract {
 protected:
  static ConsumerSpec Billing() { return SpecFor(ConsumerKind::kExclusive, "billing"); }
};

PENSTOCK_TRANSPORT_CONTRACT(FenceContractTest);

TEST_P(FenceContractTest, RisesFromOwnerToOwner) {
  PublishMany(3);
  std::uint64_t last = 0;
  for (int owner = 0; owner < 4; ++owner) {
    const auto elsewhere = Connect();
    ConsumerRecorder recorder;
    const auto consumer = Open(*elsewhere, Billing(), recorder.Events());
    ASSERT_TRUE(recorder.Reach(3));
    const std::uint64_t fence = recorder.At(0).fence;
    EXPECT_GT(fence, last);
    EXPECT_THAT(recorder.Fences(), Each(fence));
    last = fence;
    consumer->Stop();
    elsewhere->Close();
  }
}

TEST_P(FenceContractTest, AStandbyThatTakesOverHasAHigherOneAndSoHasTheOwnerThatComesBack) {
  const auto elsewhere = Connect();
  ConsumerRecorder first, second, third;
  PublishMany(1);
  auto owning = Open(Billing(), first);
  ASSERT_TRUE(first.Reach(1));
  const auto waiting = Open(*elsewhere, Billing(), second.Events());
  owning->Stop();
  ASSERT_TRUE(second.Reach(1));
  EXPECT_GT(second.At(0).fence, first.At(0).fence);
  owning = Open(Billing(), third);
  waiting->Stop();
  ASSERT_TRUE(third.Reach(1));
  EXPECT_GT(third.At(0).fence, second.At(0).fence);
}

TEST_P(FenceContractTest, ARedeliveryToTheSameOwnerHasTheSame) {
  ConsumerRecorder recorder;
  const auto consumer = Open(Billing(), recorder);
  PublishMany(1);
  ASSERT_TRUE(recorder.Reach(1));
  ASSERT_THAT(recorder.Answer(*consumer, 0, AckType::kNak), IsOk());
  PublishMany(1);
  ASSERT_TRUE(recorder.Reach(3));
  EXPECT_THAT(recorder.Fences(), Each(recorder.At(0).fence));
}

TEST_P(FenceContractTest, DurablesOfOneStreamHaveTheirOwn) {
  ConsumerRecorder billing, shipping;
  PublishMany(1);
  const auto one = Open(Billing(), billing);
  const auto two = Open(SpecFor(ConsumerKind::kExclusive, "shipping"), shipping);
  ASSERT_TRUE(billing.Reach(1));
  ASSERT_TRUE(shipping.Reach(1));
  EXPECT_THAT(billing.Fences(), Each(Gt(0U)));
  EXPECT_THAT(shipping.Fences(), Each(Gt(0U)));
}

TEST_P(FenceContractTest, WithoutAnOwnerThereIsNone) {
  ConsumerRecorder shared, at_most_once;
  const auto one = Open(SpecFor(ConsumerKind::kShared, "shared"), shared);
  const auto two = Open(SpecFor(ConsumerKind::kAtMostOnce, ""), at_most_once);
  PublishMany(2);
  ASSERT_TRUE(shared.Reach(2));
  ASSERT_TRUE(at_most_once.Reach(2));
  EXPECT_THAT(shared.Fences(), Each(0U));
  EXPECT_THAT(at_most_once.Fences(), Each(0U));
}

TEST_P(FenceContractTest, WhatIsReadOutsideOfADeliveryHasNone) {
  PublishMany(1);
  const auto message = transport().ReadMessage("ORDERS", "orders", 1);
  ASSERT_THAT(message, IsOk());
  EXPECT_EQ((*message)->fence(), 0U);
}

}  // namespace
}  // namespace penstock::eventbus::contract
