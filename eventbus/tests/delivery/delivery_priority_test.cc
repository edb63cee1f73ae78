// SPDX-License-Identifier: Apache-2.0
// Covers messages that begin by priority.
#include <cstdint>
#include <string>

#include "delivery_fixture.h"

namespace penstock::eventbus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class NoMember final : public PoolSlots::Member {
 public:
  void Reserve() override {}
  void TakeTurn() override {}
};

// One worker, thus two slots.
class DeliveryPriorityTest : public DeliveryStateMachineTest {
 protected:
  void Begin() { flow_ = std::make_unique<DeliveryStateMachine>(options_, &slots_, &member_); }
  void Arrive(std::uint64_t sequence, const std::string& key, int priority) {
    auto item = Make(sequence, key);
    if (item->keyed()) item->actor = sequence;  // of its own
    item->priority = priority;
    DeliveryStateMachineTest::Arrive(std::move(item));
  }
  void Occupy() {
    Arrive(1, "first", 0);
    Arrive(2, "second", 0);
    EXPECT_THAT(Said(), ElementsAre("run 1", "run 2"));
  }
  // Ends the one that runs longest, and says what begins then.
  std::vector<std::string> Next() {
    Finish(running_.begin()->first);
    std::vector<std::string> said = Said();
    std::erase_if(said, [](const std::string& each) { return !each.starts_with("run "); });
    return said;
  }

  NoMember member_;
  PoolSlots slots_{1, 10'000};
};

TEST_F(DeliveryPriorityTest, TheHighestBeginsFirstAndOfEqualsTheFirst) {
  Begin();
  Occupy();
  Arrive(3, "a", 0);
  Arrive(4, "b", 5);
  Arrive(5, "c", -5);
  Arrive(6, "d", 5);
  EXPECT_THAT(Said(), IsEmpty()) << "two are with the pool";
  for (const char* each : {"run 4", "run 6", "run 3", "run 5"}) EXPECT_THAT(Next(), ElementsAre(each));
}

TEST_F(DeliveryPriorityTest, AnUrgentMessageRaisesItsKeyAndNeverPassesAnEarlierOneOfIt) {
  Begin();
  Occupy();
  Arrive(3, "a", 0);
  Arrive(4, "b", 3);
  Arrive(5, "a", 9);
  EXPECT_THAT(Next(), ElementsAre("run 3")) << "what is behind it is more urgent than the other key";
  EXPECT_THAT(Next(), ElementsAre("run 4"));
  EXPECT_THAT(Next(), ElementsAre("run 5"));
}

TEST_F(DeliveryPriorityTest, AKeyIsNoMoreUrgentThanWhatIsLeftOfIt) {
  Begin();
  Occupy();
  Arrive(3, "a", 9);
  Arrive(4, "a", 0);
  Arrive(5, "b", 3);
  EXPECT_THAT(Next(), ElementsAre("run 3"));
  EXPECT_THAT(Next(), ElementsAre("run 5"));
  EXPECT_THAT(Next(), ElementsAre("run 4"));
}

TEST_F(DeliveryPriorityTest, AFailedMessageHoldsItsKeyAndBeginsAgainByItsPriority) {
  Begin();
  Occupy();
  Arrive(3, "a", 5);
  Arrive(4, "a", 9);
  Arrive(5, "b", 1);
  EXPECT_THAT(Next(), ElementsAre("run 3"));
  Arrive(6, "c", 2);
  Fail(3);  // at once
  EXPECT_THAT(Said(), ElementsAre("nak 3", "run 3")) << "before 5 and 6, and 4 waits";
  Fail(3);
  EXPECT_THAT(Said(), ElementsAre("run 6"));
  Pass(milliseconds{100});
  EXPECT_THAT(Said(), ElementsAre("nak 3")) << "it is ready, and no slot is free";
  EXPECT_THAT(Next(), ElementsAre("run 3"));
  Finish(3);
  EXPECT_THAT(Said(), ElementsAre("run 4", "ack 3"));
}

TEST_F(DeliveryPriorityTest, EveryEighthTurnIsOfTheOneThatHasWaitedLongest) {
  Begin();
  Occupy();  // two turns
  Arrive(3, "low", -100);
  int turns = 0;
  for (std::uint64_t next = 100; !running_.contains(3); ++next, ++turns) {
    ASSERT_LT(turns, 8) << "nothing was ready before it: the bound";
    now_ += milliseconds{1};
    Arrive(next, "k" + std::to_string(next), 100);
    Next();
  }
  EXPECT_EQ(turns, 6);
}

TEST_F(DeliveryPriorityTest, NoMessageIsStarved) {
  Begin();
  Occupy();
  for (std::uint64_t low = 10; low < 20; ++low) Arrive(low, "low" + std::to_string(low), 0);
  std::uint64_t turns = 0;
  std::uint64_t begun = 10;
  for (std::uint64_t next = 1000; begun < 20; ++next) {
    now_ += milliseconds{1};
    Arrive(next, "k" + std::to_string(next), 1);
    Next();
    ++turns;
    if (running_.contains(begun)) {
      ASSERT_LE(turns, PoolSlots::kOldestEvery * (begun - 10 + 1)) << begun;
      ++begun;
    }
  }
}

TEST_F(DeliveryPriorityTest, AnActorHasNoMoreThanTwoSoThatOthersHaveTheRest) {
  PoolSlots two_workers(2, 10);
  flow_ = std::make_unique<DeliveryStateMachine>(options_, &two_workers, &member_);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    auto item = Make(i, "k" + std::to_string(i));
    item->actor = i <= 4 ? 0 : 1;
    item->priority = i <= 4 ? 9 : 0;
    DeliveryStateMachineTest::Arrive(std::move(item));
  }
  EXPECT_THAT(Said(), ElementsAre("run 1", "run 2", "run 5"));
  Finish(5);
  EXPECT_THAT(Said(), ElementsAre("ack 5")) << "3 and 4 wait for their actor";
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("ack 1", "run 3"));
}

TEST_F(DeliveryPriorityTest, AMessageThatIsDeferredOccupiesNoSlot) {
  Begin();
  Occupy();
  Arrive(3, "a", 0);
  Actions actions;
  flow_->LeftWorker(*running_.at(1), now_, actions);
  Note(actions);
  EXPECT_THAT(Said(), ElementsAre("run 3"));
  Arrive(4, "b", 0);
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("ack 1")) << "its slot was given away already";
  Finish(2);
  EXPECT_THAT(Said(), ElementsAre("ack 2", "run 4"));
}

TEST_F(DeliveryPriorityTest, NoMoreRunAtOnceThanMayAndTheUrgentOnesFirst) {
  options_.max_concurrent = 1;
  Begin();
  Arrive(1, "a", 0);
  Arrive(2, "b", 0);
  Arrive(3, "c", 7);
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  EXPECT_THAT(Next(), ElementsAre("run 3"));
  EXPECT_THAT(Next(), ElementsAre("run 2"));
}

TEST_F(DeliveryPriorityTest, APlaceInTheRateIsOfTheMostUrgent) {
  options_.rate = {.per_second = 10};
  Begin();
  Arrive(1, "a", 0);
  Arrive(2, "b", 0);
  Arrive(3, "c", 7);
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  Tick();
  EXPECT_EQ(flow_->next_tick(), now_ + milliseconds{100});
  Pass(milliseconds{100});
  EXPECT_THAT(Said(), ElementsAre("run 3"));
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("ack 1"));
  Pass(milliseconds{100});
  EXPECT_THAT(Said(), ElementsAre("run 2"));
}

TEST_F(DeliveryPriorityTest, AFullInboxGivesItsSlotToOthers) {
  Begin();
  Occupy();
  Arrive(3, "a", 0);
  Refuse(1);
  EXPECT_THAT(Said(), ElementsAre("run 3"));
  Finish(2);
  Pass(milliseconds{2});
  EXPECT_THAT(Said(), ElementsAre("ack 2", "run 1"));
}

TEST_F(DeliveryPriorityTest, WhatIsReadyIsHandedBackAtTheEndAndForgottenWithItsOwner) {
  Begin();
  Occupy();
  Arrive(3, "a", 1);
  Arrive(4, "b", 2);
  EXPECT_FALSE(flow_->quiescent());
  flow_->OwnershipLost();
  EXPECT_EQ(flow_->in_hand(), 2u);
  Finish(1);
  Arrive(3, "a", 1);
  EXPECT_THAT(Said(), ElementsAre("ack 1", "run 3"));
  Arrive(4, "b", 2);
  flow_->Close();
  Finish(2);
  Finish(3);
  EXPECT_TRUE(flow_->quiescent());
  EXPECT_EQ(flow_->HandBack().size(), 1u);
}

TEST_F(DeliveryPriorityTest, AnOutagePausesWhatIsReady) {
  options_.outage_after = 2;
  Begin();
  Occupy();
  Arrive(3, "a", 1);
  Arrive(4, "b", 2);
  Arrive(5, "c", 3);
  Fail(1, milliseconds{50});
  EXPECT_THAT(Said(), ElementsAre("run 5"));
  Fail(2, milliseconds{50});
  ASSERT_TRUE(flow_->circuit_open());
  EXPECT_THAT(Said(), IsEmpty());
  Finish(5);
  EXPECT_FALSE(flow_->circuit_open());
  EXPECT_THAT(Said(), ElementsAre("run 3", "run 4", "ack 5"));
}

// The circuit has closed, and others have begun, while it was looked for.
TEST_F(DeliveryPriorityTest, AProbeForWhichTooManyRunBeginsWhenOneHasEnded) {
  options_.outage_after = 1;
  options_.max_concurrent = 2;
  options_.look_up_after = milliseconds{1};
  Begin();
  Occupy();
  Fail(1, milliseconds{50});
  ASSERT_TRUE(flow_->circuit_open());
  Arrive(3, "a", 0);
  Arrive(4, "b", 0);
  Pass(seconds{60});
  Finish(2);
  EXPECT_FALSE(flow_->circuit_open());
  EXPECT_TRUE(running_.contains(3) && running_.contains(4));
  Said();
  LookedUp(1, /*gone=*/false);
  EXPECT_THAT(Said(), IsEmpty()) << "two run";
  EXPECT_THAT(Next(), ElementsAre("run 1"));
}

// Two subscriptions that share the slots of one worker.
class PoolSlotsTest : public testing::Test {
 protected:
  struct Member final : PoolSlots::Member {
    explicit Member(std::shared_ptr<PoolSlots::Group> group = nullptr) : PoolSlots::Member(std::move(group)) {}
    void Reserve() override { ++reserved; }
    void TakeTurn() override {
      if (!bid) return slots->Withdraw(*this);
      if (slots->Take(*this, *bid)) bid.reset(), ++taken;
    }
    PoolSlots* slots = nullptr;
    std::optional<PoolSlots::Bid> bid{};
    int reserved = 0, taken = 0;
  };

  static PoolSlots::Bid Since(int rank, int since) {
    return {.rank = rank, .since = TimePoint(seconds{since}), .oldest = TimePoint(seconds{since})};
  }
  void SetUp() override { low_.slots = high_.slots = &slots_; }

  PoolSlots slots_{1, 4};
  Member low_, high_;
};

TEST_F(PoolSlotsTest, AFreeSlotGoesToTheMemberWithTheHighestRank) {
  EXPECT_TRUE(slots_.Take(low_, Since(0, 1)));
  EXPECT_TRUE(slots_.Take(low_, Since(0, 1)));
  low_.bid = Since(0, 1);
  high_.bid = Since(1, 2);
  EXPECT_FALSE(slots_.Take(low_, *low_.bid)) << "none is free";
  EXPECT_FALSE(slots_.Take(high_, *high_.bid));
  slots_.Release(0);
  EXPECT_FALSE(slots_.Take(low_, *low_.bid)) << "the other one has a better claim";
  slots_.GiveTurns();
  EXPECT_EQ(high_.taken, 1);
  EXPECT_EQ(low_.taken, 0);
  slots_.Release(0);
  slots_.GiveTurns();
  EXPECT_EQ(low_.taken, 1);
}

TEST_F(PoolSlotsTest, EveryEighthIsOfTheMemberWhoseMessageHasWaitedLongest) {
  low_.bid = Since(0, 1);
  int turns = 2;
  EXPECT_TRUE(slots_.Take(high_, Since(1, 2)));
  EXPECT_TRUE(slots_.Take(high_, Since(1, 2)));
  EXPECT_FALSE(slots_.Take(low_, *low_.bid));
  for (; low_.taken == 0; ++turns) {
    ASSERT_LE(turns, 8);
    high_.bid = Since(1, 2 + turns);
    EXPECT_FALSE(slots_.Take(high_, *high_.bid));
    slots_.Release(0);
    slots_.GiveTurns();
  }
  EXPECT_EQ(turns, 8);
}

TEST_F(PoolSlotsTest, AGroupRunsNoMoreAtOnceThanMay) {
  const auto group = std::make_shared<PoolSlots::Group>(1);
  Member one(group), other(group);
  one.slots = other.slots = &slots_;
  EXPECT_TRUE(slots_.Take(one, Since(5, 1)));
  EXPECT_FALSE(slots_.Take(one, Since(5, 1)));
  other.bid = Since(4, 1);
  EXPECT_FALSE(slots_.Take(other, *other.bid));
  EXPECT_TRUE(slots_.Take(low_, Since(0, 2))) << "it is in nobody's way";
  slots_.Release(0);  // deferred
  slots_.Withdraw(one);
  slots_.GiveTurns();
  EXPECT_EQ(other.taken, 0);
  slots_.Ended(one);
  slots_.GiveTurns();
  EXPECT_EQ(other.taken, 1);
}

TEST_F(PoolSlotsTest, AnActorThatPausesLeavesItsSlotsToOthers) {
  const TimePoint now{seconds{5}};
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(slots_.Take(low_, Since(0, 1)));
    slots_.Use(3);
  }
  slots_.Release(3);  // it threw
  slots_.Pause(3, now + seconds{1});
  EXPECT_FALSE(slots_.HasRoom(3, now));
  EXPECT_TRUE(slots_.Take(low_, Since(0, 1)));
  EXPECT_TRUE(slots_.Take(low_, Since(0, 1))) << "what waits in the inbox of the actor has none";
  EXPECT_FALSE(slots_.Take(low_, Since(0, 1)));
  EXPECT_TRUE(slots_.HasRoom(3, now + seconds{1}));
  slots_.Release(3);  // it has run after all
  EXPECT_FALSE(slots_.Take(low_, Since(0, 1))) << "its slot was given back before";
  slots_.Release(0);
  EXPECT_TRUE(slots_.Take(low_, Since(0, 1)));
}

TEST_F(PoolSlotsTest, AMemberThatHasNothingReadyAnyMoreStandsInNobodysWay) {
  EXPECT_TRUE(slots_.Take(low_, Since(0, 1)));
  EXPECT_TRUE(slots_.Take(low_, Since(0, 1)));
  EXPECT_FALSE(slots_.Take(high_, Since(1, 2)));
  low_.bid = Since(0, 3);
  EXPECT_FALSE(slots_.Take(low_, *low_.bid));
  slots_.Release(0);
  slots_.GiveTurns();
  EXPECT_EQ(high_.reserved, 1);
  EXPECT_EQ(low_.taken, 1);
}

TEST(KeyRanksTest, KnowsTheHighestOfEachKey) {
  KeyRanks ranks;
  for (const int priority : {3, -7, 3, 9}) ranks.Add(1, priority);
  ranks.Add(2, -100);
  EXPECT_EQ(ranks.Highest(1), 9);
  EXPECT_EQ(ranks.Highest(2), -100);
  ranks.Remove(1, 9);
  ranks.Remove(1, 3);
  EXPECT_EQ(ranks.Highest(1), 3);
  ranks.Remove(1, 3);
  EXPECT_EQ(ranks.Highest(1), -7);
  ranks.Remove(1, -7);
  ranks.Remove(2, -100);
  EXPECT_TRUE(ranks.empty());
}

}  // namespace
}  // namespace penstock::eventbus
