// SPDX-License-Identifier: Apache-2.0
#include "delivery/delivery_flow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class TestMessage final : public StoredMessage {
 public:
  TestMessage(std::uint64_t sequence, std::uint64_t delivery_count) {
    stream_sequence_ = sequence;
    delivery_count_ = delivery_count;
  }
  std::optional<std::string_view> Header(std::string_view) const override { return std::nullopt; }
  Headers AllHeaders() const override { return {}; }
};

// Drives a flow by hand and keeps what it asked for, as short words: "run 1", "ack 1", "nak 1", "nak 1 +100", "term 1".
class DeliveryFlowTest : public testing::Test {
 protected:
  void Arrive(std::uint64_t sequence, std::string key, std::uint64_t delivery_count = 1) {
    auto item = std::make_unique<Item>();
    item->sequence = sequence;
    item->message = std::make_unique<TestMessage>(sequence, delivery_count);
    item->key_storage = std::move(key);
    item->key = item->key_storage;
    item->key_hash = std::hash<std::string_view>{}(item->key);
    if (!item->key.empty()) item->lane = item->key_hash % 4;
    Actions actions;
    flow_->Arrived(std::move(item), now_, actions);
    Note(actions);
  }
  void Finish(std::uint64_t sequence, Verdict verdict = {}) {
    Item* item = std::exchange(running_.at(sequence), nullptr);
    running_.erase(sequence);
    item->verdict = std::move(verdict);
    Actions actions;
    flow_->Finished(*item, now_, actions);
    Note(actions);
  }
  void Fail(std::uint64_t sequence, milliseconds delay = milliseconds{-1}) {
    Finish(sequence, {.kind = Verdict::Kind::kRetry, .reason = "no", .delay = delay});
  }
  void Refuse(std::uint64_t sequence) {
    flow_->Refused(*running_.at(sequence));
    running_.erase(sequence);
  }
  void StoreLetter(std::uint64_t sequence, bool stored) {
    Item* item = letters_.at(sequence);
    letters_.erase(sequence);
    Actions actions;
    flow_->DeadLettered(*item, stored, now_, actions);
    Note(actions);
  }
  void Tick() {
    Actions actions;
    flow_->Tick(now_, actions);
    Note(actions);
  }
  void Pass(milliseconds time) {
    now_ += time;
    Tick();
  }
  std::vector<std::string> Said() { return std::exchange(said_, {}); }

  void Note(Actions& actions) {
    granted_ += actions.grant;
    for (Action& action : actions.list) {
      const std::string sequence =
          std::to_string(action.message ? action.message->stream_sequence() : action.item->sequence);
      switch (action.kind) {
        case Action::Kind::kDispatch:
          running_[action.item->sequence] = action.item;
          said_.push_back("run " + sequence);
          break;
        case Action::Kind::kAck:
          said_.push_back("ack " + sequence);
          break;
        case Action::Kind::kNak:
          said_.push_back("nak " + sequence +
                          (action.delay.count() > 0 ? " +" + std::to_string(action.delay.count()) : ""));
          break;
        case Action::Kind::kTerm:
          said_.push_back("term " + sequence);
          break;
        case Action::Kind::kExtend:
          said_.push_back("extend " + sequence);
          break;
        case Action::Kind::kDeadLetter:
          letters_[action.item->sequence] = action.item;
          said_.push_back("letter " + sequence);
          break;
      }
    }
  }

  FlowOptions options_{.retry = {.max_attempts = 3, .min_backoff = milliseconds{100}, .jitter = 0}};
  std::unique_ptr<DeliveryFlow> flow_ = std::make_unique<DeliveryFlow>(options_);
  TimePoint now_{seconds{1000}};
  std::map<std::uint64_t, Item*> running_;
  std::map<std::uint64_t, Item*> letters_;
  std::vector<std::string> said_;
  std::size_t granted_ = 0;
};

TEST_F(DeliveryFlowTest, RunsOneMessageOfAKeyAtATimeInStreamOrder) {
  Arrive(1, "a");
  Arrive(2, "a");
  Arrive(3, "a");
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  EXPECT_EQ(flow_->parked(), 2u);
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("run 2", "ack 1"));
  Finish(2);
  Finish(3);
  EXPECT_THAT(Said(), ElementsAre("run 3", "ack 2", "ack 3"));
  EXPECT_EQ(flow_->in_hand(), 0u);
  EXPECT_TRUE(flow_->quiescent());
  EXPECT_EQ(granted_, 3u);
}

TEST_F(DeliveryFlowTest, OtherKeysAndKeylessMessagesNeverWaitForAHeldKey) {
  Arrive(1, "a");
  Fail(1);
  Said();
  Arrive(2, "a");
  Arrive(3, "b");
  Arrive(4, "");
  EXPECT_THAT(Said(), ElementsAre("run 3", "run 4"));
}

TEST_F(DeliveryFlowTest, HoldsLaterMessagesOfAKeyUntilItsRetryIsSettled) {
  Arrive(1, "a");
  Arrive(2, "a");
  Fail(1);
  Arrive(3, "a");
  EXPECT_THAT(Said(), ElementsAre("run 1", "nak 1"));
  EXPECT_EQ(flow_->held(), 1u);
  Arrive(1, "a", 2);
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  EXPECT_EQ(flow_->held(), 0u);
  Finish(1);
  Finish(2);
  Finish(3);
  EXPECT_THAT(Said(), ElementsAre("run 2", "ack 1", "run 3", "ack 2", "ack 3"));
}

TEST_F(DeliveryFlowTest, DelaysLaterRetriesAndTakesTheHandlersDelayOverItsOwn) {
  Arrive(1, "a");
  Fail(1);
  Arrive(1, "a", 2);
  Fail(1);
  EXPECT_THAT(Said(), ElementsAre("run 1", "nak 1", "run 1", "nak 1 +100"));
  Arrive(5, "b", 2);
  Fail(5, milliseconds{7});
  EXPECT_THAT(Said(), ElementsAre("run 5", "nak 5 +7"));
}

TEST_F(DeliveryFlowTest, StoresADeadLetterBeforeItTerminatesAndOnlyThenReleasesTheKey) {
  Arrive(1, "a", 3);
  Arrive(2, "a");
  Fail(1);
  EXPECT_THAT(Said(), ElementsAre("run 1", "letter 1"));
  EXPECT_FALSE(flow_->quiescent());
  StoreLetter(1, true);
  EXPECT_THAT(Said(), ElementsAre("run 2", "term 1"));
  EXPECT_EQ(flow_->counters().dead_lettered, 1u);
}

TEST_F(DeliveryFlowTest, TriesADeadLetterAgainAndTerminatesNothingMeanwhile) {
  Arrive(1, "a");
  Finish(1, {.kind = Verdict::Kind::kReject, .reason = "never"});
  StoreLetter(1, false);
  EXPECT_THAT(Said(), ElementsAre("run 1", "letter 1"));
  Pass(milliseconds{500});
  EXPECT_THAT(Said(), IsEmpty());
  Pass(milliseconds{600});
  EXPECT_THAT(Said(), ElementsAre("letter 1"));
  Pass(seconds{5});
  EXPECT_THAT(Said(), IsEmpty()) << "one attempt at a time";
  StoreLetter(1, true);
  EXPECT_THAT(Said(), ElementsAre("term 1"));
}

TEST_F(DeliveryFlowTest, AcksAgainWhatItHasFinishedWithoutRunningIt) {
  Arrive(1, "a");
  Finish(1);
  Said();
  Arrive(1, "a", 2);
  EXPECT_THAT(Said(), ElementsAre("ack 1"));
  EXPECT_EQ(flow_->counters().duplicates, 1u);
  EXPECT_EQ(granted_, 2u);
}

TEST_F(DeliveryFlowTest, DropsACopyOfWhatRunsOrIsParked) {
  Arrive(1, "a");
  Arrive(2, "a");
  Said();
  Arrive(1, "a", 2);
  Arrive(2, "a", 2);
  EXPECT_THAT(Said(), IsEmpty());
  EXPECT_EQ(flow_->counters().duplicates, 2u);
  Finish(1);
  Finish(2);
  EXPECT_THAT(Said(), ElementsAre("run 2", "ack 1", "ack 2"));
}

TEST_F(DeliveryFlowTest, AnswersTheLatestCopyOfWhatCameAgainWhileItRan) {
  Arrive(1, "a");
  Arrive(1, "a", 4);
  Item* item = running_.at(1);
  item->verdict = {};
  Actions actions;
  flow_->Finished(*item, now_, actions);
  ASSERT_EQ(actions.list.size(), 1u);
  EXPECT_EQ(actions.list[0].message->delivery_count(), 4u);
}

TEST_F(DeliveryFlowTest, ParksRedeliveriesThatComeOutOfOrderByTheirSequence) {
  Arrive(1, "a");
  Arrive(7, "a");
  Arrive(3, "a", 2);
  Arrive(9, "a");
  Arrive(2, "a", 2);
  Said();
  for (std::uint64_t sequence : {1, 2, 3, 7, 9}) Finish(sequence);
  EXPECT_THAT(Said(), ElementsAre("run 2", "ack 1", "run 3", "ack 2", "run 7", "ack 3", "run 9", "ack 7", "ack 9"));
}

TEST_F(DeliveryFlowTest, OffersARefusedMessageAgainWhenItsActorHasRoom) {
  Arrive(1, "a");
  Arrive(2, "a");
  Arrive(3, "");
  Refuse(3);
  EXPECT_TRUE(flow_->has_refused());
  EXPECT_FALSE(flow_->quiescent());
  Said();
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("run 3", "run 2", "ack 1"));
  EXPECT_FALSE(flow_->has_refused());
  Refuse(2);
  Tick();
  EXPECT_THAT(Said(), ElementsAre("run 2"));
}

TEST_F(DeliveryFlowTest, ExtendsTheLeaseOfAllThatIsInHandButNotOfWhatIsHeld) {
  Arrive(1, "a");
  Arrive(2, "a");
  Arrive(3, "b");
  Fail(3);
  Said();
  Pass(seconds{5});
  EXPECT_THAT(Said(), IsEmpty());
  Pass(seconds{6});
  EXPECT_THAT(Said(), testing::UnorderedElementsAre("extend 1", "extend 2"));
  Pass(seconds{1});
  EXPECT_THAT(Said(), IsEmpty());
}

TEST_F(DeliveryFlowTest, GivesUpOnARedeliveryThatNeverComes) {
  Arrive(1, "a");
  Arrive(2, "a");
  Fail(1);
  Said();
  Pass(seconds{60});
  Pass(seconds{59});
  EXPECT_EQ(flow_->held(), 1u);
  Said();
  Pass(seconds{2});
  EXPECT_THAT(Said(), testing::Contains("run 2"));
  EXPECT_EQ(flow_->counters().vanished, 1u);
}

TEST_F(DeliveryFlowTest, RunsNothingTwiceAtOnceAcrossEpochsAndSettlesNothingOfTheOld) {
  Arrive(1, "a");
  Arrive(2, "a");
  Arrive(3, "b");
  Fail(3);
  Said();
  flow_->NewEpoch();
  EXPECT_EQ(flow_->parked(), 0u);
  EXPECT_EQ(flow_->held(), 0u);
  Item* old = running_.at(1);
  running_.clear();
  Arrive(1, "a");
  Arrive(3, "b");
  EXPECT_THAT(Said(), ElementsAre("run 3")) << "1 still runs in its old epoch";
  Actions actions;
  flow_->Finished(*old, now_, actions);
  Note(actions);
  EXPECT_THAT(Said(), ElementsAre("run 1"));
  Finish(1);
  Finish(3);
  EXPECT_THAT(Said(), ElementsAre("ack 1", "ack 3"));
  EXPECT_TRUE(flow_->quiescent());
}

TEST_F(DeliveryFlowTest, HandsBackAscendingWhatHasNotBegunOnceClosed) {
  Arrive(1, "a");
  Arrive(4, "a");
  Arrive(3, "b");
  Arrive(2, "c");
  Refuse(2);
  Said();
  flow_->Close();
  Finish(3, {.kind = Verdict::Kind::kAbandoned});
  Finish(1);
  EXPECT_THAT(Said(), ElementsAre("ack 1")) << "nothing new is begun";
  EXPECT_TRUE(flow_->quiescent());
  std::vector<std::uint64_t> sequences;
  for (const auto& item : flow_->HandBack()) sequences.push_back(item->sequence);
  EXPECT_THAT(sequences, ElementsAre(2, 3, 4));
  EXPECT_EQ(flow_->in_hand(), 0u);
}

TEST_F(DeliveryFlowTest, ClosingDoesNotWaitForADeadLetterStreamThatIsDown) {
  Arrive(1, "a");
  Arrive(2, "b");
  Finish(1, {.kind = Verdict::Kind::kReject});
  Finish(2, {.kind = Verdict::Kind::kReject});
  StoreLetter(1, false);
  flow_->Close();
  EXPECT_FALSE(flow_->quiescent()) << "2 is still being stored";
  StoreLetter(2, false);
  EXPECT_TRUE(flow_->quiescent());
  EXPECT_EQ(flow_->HandBack().size(), 2u);
}

TEST_F(DeliveryFlowTest, AtMostOnceSettlesNothingAndForgetsWhatFailed) {
  options_.acknowledges = false;
  flow_ = std::make_unique<DeliveryFlow>(options_);
  Arrive(1, "");
  Arrive(2, "");
  Fail(1);
  Finish(2);
  EXPECT_THAT(Said(), ElementsAre("run 1", "run 2"));
  EXPECT_EQ(flow_->counters().failed, 1u);
  EXPECT_EQ(flow_->counters().handled, 1u);
  EXPECT_EQ(flow_->in_hand(), 0u);
  EXPECT_EQ(granted_, 2u);
}

TEST_F(DeliveryFlowTest, GrantsExactlyOneCreditForEveryArrival) {
  std::size_t arrivals = 0;
  auto arrive = [&](std::uint64_t sequence, std::uint64_t count) {
    ++arrivals;
    Arrive(sequence, "a", count);
  };
  arrive(1, 1);
  arrive(1, 2);  // a copy of what runs
  Fail(1);
  arrive(1, 3);
  Fail(1);  // the last attempt
  StoreLetter(1, true);
  arrive(1, 4);  // Term was lost
  EXPECT_EQ(granted_, arrivals);
}

}  // namespace
}  // namespace penstock::eventbus
