// SPDX-License-Identifier: Apache-2.0
// Covers keys after one of their messages was given up, and what is redriven from its dead letter.
#include <cstdint>

#include "delivery_fixture.h"

namespace penstock::eventbus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto kReject = HandlerResult::Kind::kReject;

class DeliveryLettersTest : public DeliveryStateMachineTest {
 protected:
  /// A message redriven from letter number `letter` that first had the sequence `origin`.
  void Redrive(std::uint64_t sequence, std::uint64_t origin, std::uint64_t letter, bool for_other_consumer = false) {
    auto item = Make(sequence, "a");
    item->origin = origin;
    item->letter = letter;
    item->for_other_consumer = for_other_consumer;
    Arrive(std::move(item));
  }
  void KnowLettersOf(std::string_view key, std::initializer_list<std::uint64_t> origins) {
    eventbus::Quarantine letters;
    for (const std::uint64_t origin : origins) letters.Add(std::hash<std::string_view>{}(key), origin);
    flow_->Quarantined(std::move(letters));
  }
  void Quarantine() {
    options_.after_dead_letter = AfterDeadLetter::kQuarantine;
    Begin();
  }
};

TEST_F(DeliveryLettersTest, AQuarantinedKeyFollowsItsMessageToTheDeadLettersInOrder) {
  Quarantine();
  Arrive(1, "a");
  Arrive(2, "a");
  Arrive(3, "b");
  Finish(1, {.kind = kReject});
  EXPECT_THAT(Said(), ElementsAre("run 1", "run 3", "letter 1"));
  StoreLetter(1, true);
  EXPECT_THAT(Said(), ElementsAre("letter 2", "term 1"));
  StoreLetter(2, true);
  Arrive(4, "a");
  EXPECT_THAT(Said(), ElementsAre("term 2", "letter 4"));
  EXPECT_EQ(flow_->Stats().quarantined_keys, 1u);
}

TEST_F(DeliveryLettersTest, ARedrivenKeyIsHandledInItsOldOrderAndThenReleased) {
  Quarantine();
  KnowLettersOf("a", {1, 2});
  Redrive(11, 1, 101);
  Redrive(12, 2, 102);
  Arrive(13, "a");
  EXPECT_THAT(Said(), ElementsAre("run 11"));
  Finish(11);
  EXPECT_THAT(Said(), ElementsAre("remove letter of 11"));
  RemoveLetter(11, true);
  EXPECT_THAT(Said(), ElementsAre("run 12", "ack 11"));
  Finish(12);
  RemoveLetter(12, true);
  EXPECT_THAT(Said(), ElementsAre("remove letter of 12", "run 13", "ack 12"));
  EXPECT_EQ(flow_->Stats().quarantined_keys, 0u);
}

TEST_F(DeliveryLettersTest, ALetterThatMustStayHoldsNeitherItsMessageNorItsKey) {
  Quarantine();
  KnowLettersOf("a", {1});
  Redrive(11, 1, 101);
  Arrive(12, "a");
  Finish(11);
  RemoveLetter(11, LetterRemoval::kRefused);
  EXPECT_THAT(Said(), ElementsAre("run 11", "remove letter of 11", "run 12", "ack 11"));
  EXPECT_EQ(flow_->Stats().letters_kept, 1u);
  EXPECT_EQ(flow_->Stats().quarantined_keys, 0u);
  Finish(12);
  Redrive(13, 1, 101);
  EXPECT_THAT(Said(), ElementsAre("ack 12", "ack 13")) << "redriven once more, its message is not handled again";
}

TEST_F(DeliveryLettersTest, WhatFailsAgainAfterARedriveTakesItsFollowersBackWithIt) {
  Quarantine();
  KnowLettersOf("a", {1, 2});
  Redrive(11, 1, 101);
  Redrive(12, 2, 102);
  Finish(11, {.kind = kReject});
  StoreLetter(11, true);
  RemoveLetter(11, true);
  EXPECT_THAT(Said(), ElementsAre("run 11", "letter 11", "remove letter of 11", "letter 12", "term 11"));
  StoreLetter(12, true);
  RemoveLetter(12, true);
  EXPECT_THAT(Said(), ElementsAre("remove letter of 12", "term 12"));
  EXPECT_EQ(flow_->Stats().quarantined_keys, 1u);
}

TEST_F(DeliveryLettersTest, ALetterThatCannotBeRemovedIsTriedAgainBeforeItsMessageIsAcked) {
  Redrive(11, 1, 101);
  Finish(11);
  RemoveLetter(11, false);
  EXPECT_THAT(Said(), ElementsAre("run 11", "remove letter of 11"));
  Pass(milliseconds{1100});
  EXPECT_THAT(Said(), ElementsAre("remove letter of 11"));
  RemoveLetter(11, true);
  EXPECT_THAT(Said(), ElementsAre("ack 11"));
}

TEST_F(DeliveryLettersTest, ALetterThatIsToBeRemovedOutlivesTheConsumerAndTheStream) {
  for (const bool stream_too : {false, true}) {
    Begin();
    Redrive(11, 1, 101);
    Finish(11);
    RemoveLetter(11, false);
    Said();
    stream_too ? flow_->StreamRecreated() : flow_->ConsumerRecreated();
    Pass(milliseconds{1100});
    EXPECT_THAT(Said(), ElementsAre("remove letter of 11")) << "it would be redriven, and handled, once more";
    RemoveLetter(11, true);
    EXPECT_THAT(Said(), stream_too ? IsEmpty() : testing::Matcher<std::vector<std::string>>(ElementsAre("ack 11")));
    EXPECT_EQ(flow_->in_hand(), 0u);
    EXPECT_EQ(flow_->active(), 0u);
  }
}

TEST_F(DeliveryLettersTest, WhatRanWhenTheStreamWasMadeAgainLosesItsLetterAllTheSame) {
  Redrive(11, 1, 101);
  flow_->StreamRecreated();
  Finish(11);
  EXPECT_THAT(Said(), ElementsAre("run 11", "remove letter of 11"));
  RemoveLetter(11, false);
  flow_->Close();
  EXPECT_TRUE(flow_->quiescent());
  EXPECT_THAT(flow_->HandBack(), IsEmpty()) << "it is of no stream any more";
}

TEST_F(DeliveryLettersTest, WhatWasRedrivenTwiceOrForAnotherConsumerIsNotRun) {
  Redrive(11, 1, 101);
  Finish(11);
  RemoveLetter(11, true);
  Said();
  Redrive(12, 1, 101);
  Redrive(13, 5, 105, /*for_other_consumer=*/true);
  EXPECT_THAT(Said(), ElementsAre("ack 12", "ack 13"));
  EXPECT_EQ(flow_->counters().skipped, 1u);
  Quarantine();
  Redrive(14, 1, 101);
  EXPECT_THAT(Said(), ElementsAre("look up letter of 14")) << "no letter of its key is known: it may have been handled";
  LetterLookedUp(14, LetterPresence::kGone);
  EXPECT_THAT(Said(), ElementsAre("ack 14"));
}

TEST_F(DeliveryLettersTest, ALetterThatTheReadingLackedIsNoReasonToAcknowledgeItsMessageUnhandled) {
  Quarantine();
  KnowLettersOf("a", {});
  Redrive(11, 1, 101);
  Arrive(12, "a");
  EXPECT_THAT(Said(), ElementsAre("look up letter of 11"));
  LetterLookedUp(11, LetterPresence::kThere);
  EXPECT_EQ(flow_->Stats().quarantined_keys, 1u);
  Finish(11);
  RemoveLetter(11, true);
  EXPECT_THAT(Said(), ElementsAre("run 11", "remove letter of 11", "run 12", "ack 11"));
  EXPECT_EQ(flow_->Stats().quarantined_keys, 0u);
}

TEST_F(DeliveryLettersTest, WhileNobodyKnowsOfALetterItsKeyWaits) {
  Quarantine();
  Redrive(11, 1, 101);
  Arrive(12, "a");
  LetterLookedUp(11, LetterPresence::kUnknown);
  EXPECT_THAT(Said(), ElementsAre("look up letter of 11"));
  Pass(milliseconds{1100});
  EXPECT_THAT(Said(), ElementsAre("look up letter of 11"));
  EXPECT_FALSE(flow_->quiescent());
  LetterLookedUp(11, LetterPresence::kGone);
  EXPECT_THAT(Said(), ElementsAre("run 12", "ack 11")) << "it was handled, and its letter removed, before";
}

TEST_F(DeliveryLettersTest, WhatIsLookedUpWhenAnotherMayOwnItOrTheEndComesIsGivenBack) {
  Quarantine();
  Redrive(11, 1, 101);
  flow_->OwnershipLost();
  Said();
  LetterLookedUp(11, LetterPresence::kGone);
  EXPECT_THAT(Said(), IsEmpty());
  EXPECT_EQ(flow_->in_hand(), 0u);
  KnowLettersOf("a", {});
  Redrive(12, 1, 101);
  flow_->Close();
  EXPECT_FALSE(flow_->quiescent());
  LetterLookedUp(12, LetterPresence::kUnknown);
  EXPECT_TRUE(flow_->quiescent());
  EXPECT_EQ(flow_->HandBack().size(), 1u);
}

TEST_F(DeliveryLettersTest, ALateLetterOfAnOwnerBeforeUsDoesNotRunWhatWasHandledHere) {
  Quarantine();
  Arrive(1, "a", /*delivery_count=*/2);
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("run 1", "ack 1"));
  Redrive(11, 1, 101);
  EXPECT_THAT(Said(), ElementsAre("remove letter of 11"));
  RemoveLetter(11, true);
  EXPECT_THAT(Said(), ElementsAre("ack 11"));
}

TEST_F(DeliveryLettersTest, ALateLetterOfAnOwnerBeforeUsRunsWhatWasDroppedHere) {
  Quarantine();
  Arrive(1, "a", 2);
  Finish(1, {.kind = HandlerResult::Kind::kDropped});
  Redrive(11, 1, 101);
  Said();
  LetterLookedUp(11, LetterPresence::kThere);
  EXPECT_THAT(Said(), ElementsAre("run 11")) << "it was too old, which is not handled";
}

TEST_F(DeliveryLettersTest, ANumberThatALetterHadInAStreamBeforeIsNoReasonToAcknowledgeUnhandled) {
  Redrive(11, 1, 101);
  Finish(11);
  RemoveLetter(11, true);
  Redrive(12, 7, 101);
  EXPECT_THAT(Said(), ElementsAre("run 11", "remove letter of 11", "ack 11", "run 12"))
      << "the stream of dead letters was made anew: this is the letter of another message";
}

TEST_F(DeliveryLettersTest, WhatIsStoredAndRemovedWhileLettersAreReadCounts) {
  Quarantine();
  Redrive(11, 1, 101);
  LetterLookedUp(11, LetterPresence::kThere);
  Arrive(21, "b");
  flow_->OwnershipLost();
  flow_->ReadsLetters();
  Arrive(11, "a", 2);
  Arrive(21, "b", 2);
  Finish(11);
  RemoveLetter(11, true);
  Finish(21, {.kind = kReject});
  StoreLetter(21, true);
  Said();
  KnowLettersOf("a", {1});
  Arrive(12, "a");
  Arrive(22, "b");
  EXPECT_THAT(Said(), ElementsAre("run 12", "letter 22")) << "11 is handled and gone from the letters, 21 is there";
  EXPECT_EQ(flow_->Stats().quarantined_keys, 1u);
}

}  // namespace
}  // namespace penstock::eventbus
