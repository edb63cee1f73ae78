// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/ack_floor_tracker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace penstock::eventbus::jetstream {
namespace {

using testing::Optional;

class Delivered final : public StoredMessage {
 public:
  Delivered(std::uint64_t sequence, std::uint64_t consumer_sequence)
      : token_(std::to_string(sequence) + "/" + std::to_string(consumer_sequence)) {
    stream_sequence_ = sequence;
    ack_token_ = token_;
  }
  std::unique_ptr<StoredMessage> Stub() const override { return nullptr; }
  std::optional<std::string_view> Header(std::string_view) const override { return std::nullopt; }
  Headers AllHeaders() const override { return {}; }

 private:
  const std::string token_;
};

class AckFloorTrackerTest : public testing::Test {
 protected:
  void Arrive(std::initializer_list<std::uint64_t> sequences) {
    std::vector<std::unique_ptr<StoredMessage>> batch;
    for (const std::uint64_t sequence : sequences) batch.push_back(std::make_unique<Delivered>(sequence, ++delivered_));
    ack_.Arrived(batch);
  }
  void ArriveEach(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t sequence = first; sequence <= last; ++sequence) Arrive({sequence});
  }
  std::optional<std::string> Settle(std::uint64_t sequence, std::size_t enough = 1000) {
    return ack_.Settled({&sequence, 1}, enough);
  }

  AckFloorTracker ack_;
  std::uint64_t delivered_ = 0;
};

TEST_F(AckFloorTrackerTest, NeverTakesInWhatIsUnsettled) {
  ArriveEach(1, 4);
  Settle(2);
  Settle(4);
  EXPECT_EQ(ack_.Due(), std::nullopt);
  Settle(1);
  EXPECT_THAT(ack_.Due(), Optional(std::string("2/2")));
  EXPECT_EQ(ack_.Due(), std::nullopt) << "once";
  Settle(3);
  EXPECT_THAT(ack_.Due(), Optional(std::string("4/4")));
}

TEST_F(AckFloorTrackerTest, IsWorthItOnceEnoughWereSettled) {
  ArriveEach(1, 10);
  for (const std::uint64_t sequence : {1, 3, 4, 5}) EXPECT_EQ(Settle(sequence, 3), std::nullopt) << sequence;
  EXPECT_THAT(Settle(2, 3), Optional(std::string("5/5")));
  EXPECT_EQ(Settle(6, 3), std::nullopt);
  EXPECT_THAT(ack_.Due(), Optional(std::string("6/6")));
}

TEST_F(AckFloorTrackerTest, TakesManyAtOnceInAnyOrder) {
  ArriveEach(1, 10);
  const std::uint64_t all[] = {4, 99, 2, 7, 1, 3};
  EXPECT_THAT(ack_.Settled(all, 4), Optional(std::string("4/4"))) << "99 is none of ours, 7 waits for 5";
  const std::uint64_t rest[] = {6, 5};
  EXPECT_EQ(ack_.Settled(rest, 4), std::nullopt);
  EXPECT_THAT(ack_.Due(), Optional(std::string("7/7")));
}

TEST_F(AckFloorTrackerTest, OfABatchTheLastOneCounts) {
  Arrive({1, 2, 3});
  Settle(1);
  Settle(2);
  EXPECT_EQ(ack_.Due(), std::nullopt) << "no reply subject of these is kept";
  Settle(3);
  EXPECT_THAT(ack_.Due(), Optional(std::string("3/3")));
}

TEST_F(AckFloorTrackerTest, WhatComesAgainHasTheReplySubjectItHadFirst) {
  ArriveEach(1, 3);
  Arrive({1});
  Settle(1);
  EXPECT_THAT(ack_.Due(), Optional(std::string("1/1"))) << "4 would keep those of 2 and 3 from being taken";
  Settle(2);
  Settle(3);
  EXPECT_THAT(ack_.Due(), Optional(std::string("3/3")));
  Arrive({2});
  EXPECT_EQ(Settle(2, 1), std::nullopt) << "that is over";
}

TEST_F(AckFloorTrackerTest, ANewInboxBringsEverythingAgain) {
  ArriveEach(1, 3);
  Settle(1);
  ack_.Restart();
  EXPECT_EQ(Settle(2, 1), std::nullopt) << "it has not come on this inbox";
  EXPECT_EQ(ack_.Due(), std::nullopt);
  ArriveEach(1, 3);
  for (const std::uint64_t sequence : {1, 2, 3}) Settle(sequence);
  EXPECT_THAT(ack_.Due(), Optional(std::string("3/6")));
}

TEST_F(AckFloorTrackerTest, SequencesMayHaveGaps) {
  Arrive({10});
  Arrive({1000});
  Arrive({~0ULL - 1});
  Settle(1000);
  EXPECT_EQ(Settle(11, 1), std::nullopt);
  EXPECT_EQ(Settle(~0ULL, 1), std::nullopt);
  EXPECT_THAT(Settle(10, 1), Optional(std::string("1000/2")));
  EXPECT_THAT(Settle(~0ULL - 1, 1), Optional(std::to_string(~0ULL - 1) + "/3"));
}

TEST_F(AckFloorTrackerTest, InAnyOrderTheLastAcknowledgementTakesInAll) {
  std::vector<std::uint64_t> order(1000);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i + 1;
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::shuffle(order.begin(), order.end(), std::minstd_rand(seed));
    ack_.Restart();
    delivered_ = 0;
    ArriveEach(1, 1000);
    std::set<std::uint64_t> open(order.begin(), order.end());
    std::uint64_t acknowledged = 0;
    for (const std::uint64_t sequence : order) {
      const auto subject = Settle(sequence, 16);
      open.erase(sequence);
      if (!subject) continue;
      const std::uint64_t up_to = std::stoull(*subject);
      EXPECT_GT(up_to, acknowledged);
      acknowledged = up_to;
      ASSERT_TRUE(open.empty() || up_to < *open.begin()) << up_to;
    }
    const auto rest = ack_.Due();
    if (rest) acknowledged = std::stoull(*rest);
    EXPECT_EQ(acknowledged, 1000U);
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
