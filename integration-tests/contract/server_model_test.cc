// SPDX-License-Identifier: Apache-2.0
// The simulation's model of a server against a real one: the same scripts on both, the same deliveries.
#include <functional>
#include <string>
#include <vector>

#include "contract/server_model_subjects.h"

namespace penstock::eventbus::contract {
namespace {

class ServerModelTest : public JetStreamFixture {
 protected:
  void SameOnBoth(const std::function<void(Script& script)>& play, const std::vector<std::string>& expected) {
    OfTheModel model;
    Script modelled(model);
    play(modelled);
    EXPECT_EQ(modelled.lines(), expected) << "the model";
    Launch();
    OfARealServer real(server());
    Script played(real);
    play(played);
    EXPECT_EQ(played.lines(), expected) << "the server";
  }
};

TEST_F(ServerModelTest, NaksComeAgainInTheirOrderBeforeAnythingNew) {
  SameOnBoth(
      [](Script& script) {
        script->Publish(6);
        script->Consume(true, 6);
        script.See(6);
        script->Publish(2);
        for (const int sequence : {5, 3, 1}) script->Answer(static_cast<std::uint64_t>(sequence), "-NAK");
        script.See(3);
        script->Answer(2, "+ACK");
        script.See(1);
      },
      {"1 2 3 4 5 6", "5x2 3x2 1x2", "7"});
}

TEST_F(ServerModelTest, ANewInboxBringsEverythingPendingInStreamOrderFirst) {
  SameOnBoth(
      [](Script& script) {
        script->Publish(6);
        script->Consume(true, 5);
        script.See(5);
        script->Answer(2, "+ACK");
        script.See(1);
        script->Publish(3);
        script->TakeNewInbox();
        script.See(5);
        script->Answer(1, "+ACK");
        script.See(1);
      },
      {"1 2 3 4 5", "6", "1x2 3x2 4x2 5x2 6x2", "7"});
}

TEST_F(ServerModelTest, WhatIsInLineForRedeliveryComesFirstToANewInboxInItsOrder) {
  SameOnBoth(
      [](Script& script) {
        script->Publish(6);
        script->Consume(true, 6);
        script.See(6);
        script->LeaveInbox();
        script->Answer(5, "-NAK");
        script->Answer(3, "-NAK");
        script->Answer(2, "+ACK");
        script->TakeNewInbox();
        script.See(5);
      },
      {"1 2 3 4 5 6", "5x2 3x2 1x2 4x2 6x2"});
}

TEST_F(ServerModelTest, WhatIsNotSettledInTimeComesAgainInStreamOrder) {
  SameOnBoth(
      [](Script& script) {
        script->Publish(4);
        script->Consume(true, 100);
        script.See(4);
        script->Answer(2, "+ACK");
        script->AwaitExpiry(kAckWait);
        script.See(3);
      },
      {"1 2 3 4", "1x2 3x2 4x2"});
}

TEST_F(ServerModelTest, NothingNewComesWhileTooMuchIsPending) {
  SameOnBoth(
      [](Script& script) {
        script->Consume(true, 2);
        script->Publish(5);
        script.See(2);
        script.See(0);
        script->Answer(1, "+TERM");
        script.See(1);
        script->Answer(2, "-NAK");
        script.See(1);
      },
      {"1 2", "", "3", "2x2"});
}

TEST_F(ServerModelTest, AWiderWindowTakesEffectAtOnceAndANarrowerOneForWhatIsNew) {
  SameOnBoth(
      [](Script& script) {
        script->Consume(true, 2);
        script->Publish(8);
        script.See(2);
        script->SetMaxAckPending(4);
        script.See(2);
        script->SetMaxAckPending(2);
        script->Answer(1, "+ACK");
        script.See(0);
        script->Answer(2, "+ACK");
        script->Answer(3, "+ACK");
        script.See(1);
      },
      {"1 2", "3 4", "", "5"});
}

TEST_F(ServerModelTest, AConsumerThatIsMadeAgainBeginsAgain) {
  SameOnBoth(
      [](Script& script) {
        script->Publish(3);
        script->Consume(true, 100);
        script.See(3);
        script->Answer(1, "+ACK");
        script->DeleteConsumer();
        script->Consume(true, 100);
        script.See(3);
      },
      {"1 2 3", "1 2 3"});
}

TEST_F(ServerModelTest, AKilledServerRemembersWhatWasSettledAWhileBefore) {
  SameOnBoth(
      [](Script& script) {
        script->Publish(5);
        script->Consume(true, 100);
        script.See(5);
        script->Answer(1, "+ACK");
        script->Answer(3, "+ACK");
        script->Restart();
        script.See(3);
      },
      {"1 2 3 4 5", "2x2 4x2 5x2"});
}

TEST_F(ServerModelTest, APulledConsumerSendsWhatIsAskedForAndRedeliveriesFirst) {
  SameOnBoth(
      [](Script& script) {
        script->Publish(6);
        script->Consume(false, 100);
        script.See(0);
        script->Pull(3);
        script.See(3);
        script->Answer(3, "-NAK");
        script->Answer(1, "-NAK");
        script.See(0);
        script->Pull(3);
        script.See(3);
      },
      {"", "1 2 3", "", "3x2 1x2 4"});
}

TEST_F(ServerModelTest, AnAnswerToWhatIsSettledChangesNothing) {
  SameOnBoth(
      [](Script& script) {
        script->Publish(2);
        script->Consume(true, 100);
        script.See(2);
        script->Answer(1, "+ACK");
        script->Answer(1, "-NAK");
        script->Answer(1, "+ACK");
        script.See(0);
        script->Answer(2, "-NAK");
        script->Answer(2, "-NAK");
        script.See(2);
      },
      {"1 2", "", "2x2 2x3"});
}

TEST_F(ServerModelTest, AnExtendedLeaseLapsesLater) {
  SameOnBoth(
      [](Script& script) {
        script->Publish(2);
        script->Consume(true, 100);
        script.See(2);
        script->Wait(milliseconds(600));
        script->Answer(1, "+WPI");
        script->AwaitExpiry(milliseconds(500));
        script.See(1);
        script->AwaitExpiry(milliseconds(600));
        script.See(1);
      },
      {"1 2", "2x2", "1x2"});
}

}  // namespace
}  // namespace penstock::eventbus::contract
