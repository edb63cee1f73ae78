// SPDX-License-Identifier: Apache-2.0
#include <mutex>
#include <set>

#include "scenarios/letter_box.h"

namespace penstock::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

class AQuarantinedKeyWaitsInOrder : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    keeper_ = Connect(Options("keeper"));  // of the embedded bus, while the service restarts
  }

  // The payloads of k0 that are poison now.
  void Poison(std::set<std::string> payloads) {
    std::lock_guard<std::mutex> lock(mutex_);
    poison_ = std::move(payloads);
  }

  std::unique_ptr<EventBus> Start() {
    auto bus = Connect(Options("billing"));
    const EnvelopeSubscribeOptions options{.durable = "billing", .after_dead_letter = AfterDeadLetter::kQuarantine};
    EXPECT_THAT(bus->SubscribeEnvelope("orders", options,
                                       [this](const Envelope& event, const Delivery&) { return Handle(event); }),
                IsOk());
    return bus;
  }
  Outcome Handle(const Envelope& event) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (event.aggregate_id == "k0" && poison_.contains(event.payload)) return Reject("unknown currency");
    }
    log_.Add(event.aggregate_id, event.payload);
    return Ack();
  }
  void Publish(const std::string& key, const std::string& payload) {
    ASSERT_THAT(keeper_->PublishEnvelope("orders", Event(key, payload)), IsOk());
  }
  // Five events of two keys, of which k0's second is poison: sequences 1, 3, 5, 7, 9 are k0's.
  void PublishAndPoison() {
    Poison({"1"});
    PublishNumbered(*keeper_, "orders", 2, 5);
  }

  std::unique_ptr<EventBus> keeper_;
  Log log_;
  std::mutex mutex_;
  std::set<std::string> poison_;
};

PENSTOCK_ON_EVERY_TRANSPORT(AQuarantinedKeyWaitsInOrder);

// A message that follows is a dead letter as soon as it arrives, and storing it must not wait for later messages.
TEST_P(AQuarantinedKeyWaitsInOrder, AlsoWhenMoreKeysFollowThanMayBePublishedAtOnce) {
  constexpr std::size_t kKeys = 200;
  BusOptions options = Options("billing");
  options.publish_window = 2;
  auto bus = Connect(options);
  const EnvelopeSubscribeOptions quarantine{.durable = "billing", .after_dead_letter = AfterDeadLetter::kQuarantine};
  ASSERT_THAT(bus->SubscribeEnvelope("orders", quarantine,
                                     [](const Envelope&, const Delivery&) { return Reject("unknown currency"); }),
              IsOk());
  PublishNumbered(*keeper_, "orders", kKeys, 1);
  ASSERT_EQ(AwaitLetters(*bus, kKeys).size(), kKeys);
  PublishNumbered(*keeper_, "orders", kKeys, 1);
  EXPECT_EQ(AwaitLetters(*bus, 2 * kKeys).size(), 2 * kKeys);
  EXPECT_EQ(bus->Stats().connection.reconnects, 0u) << "who waits there answers no ping";
}

TEST_P(AQuarantinedKeyWaitsInOrder, AlsoOverARestartUntilARedriveBringsItBack) {
  auto bus = Start();
  PublishAndPoison();
  auto letters = AwaitLetters(*bus, 4);
  ASSERT_THAT(Origins(letters), ElementsAre(3U, 5U, 7U, 9U)) << "followers come behind, in order";
  EXPECT_EQ(letters[0].error_class, error_class::kRejected);
  letters.erase(letters.begin());
  EXPECT_THAT(letters, Each(Field(&DeadLetter::error_class, std::string(error_class::kQuarantined))));
  EXPECT_THAT(letters, Each(Field(&DeadLetter::key, "k0")));
  ASSERT_TRUE(log_.Reaches(6));
  EXPECT_THAT(log_.Of("k1"), ElementsAre("0", "1", "2", "3", "4")) << "other keys go on";
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0"));
  EXPECT_EQ(OnlySubscription(*bus).quarantined_keys, 1U);

  EXPECT_THAT(bus->Drain(kPatience).status, IsOk());
  bus.reset();
  Poison({});
  bus = Start();
  EXPECT_EQ(OnlySubscription(*bus).quarantined_keys, 1U) << "the dead letters are the record";
  Publish("k0", "5");
  Publish("k1", "5");
  ASSERT_THAT(Origins(AwaitLetters(*bus, 5)), ElementsAre(3U, 5U, 7U, 9U, 11U));
  ASSERT_TRUE(log_.Reaches(7));
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0")) << "though nothing is wrong with it any more";

  EXPECT_EQ(Redrive(*keeper_, {.topic = "orders"}).sent, 5U) << "from any process";
  EXPECT_THAT(AwaitLetters(*keeper_, 0), IsEmpty());
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0", "1", "2", "3", "4", "5"));
  Publish("k0", "6");
  ASSERT_TRUE(log_.Reaches(13));
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0", "1", "2", "3", "4", "5", "6")) << "the key goes on";
  EXPECT_EQ(OnlySubscription(*bus).quarantined_keys, 0U);
}

TEST_P(AQuarantinedKeyWaitsInOrder, AFailureDuringTheRedriveKeepsTheOrder) {
  auto bus = Start();
  PublishAndPoison();
  ASSERT_EQ(AwaitLetters(*bus, 4).size(), 4U);
  Poison({"2"});
  EXPECT_EQ(Redrive(*bus, {.topic = "orders"}).sent, 4U);
  ASSERT_TRUE(Eventually(
      [&] {
        const auto letters = Letters(*bus);
        return letters.size() == 3 &&
               std::all_of(letters.begin(), letters.end(), [](const auto& each) { return each.redrive_count == 1; });
      },
      kPatience));
  EXPECT_THAT(Origins(Letters(*bus)), ElementsAre(5U, 7U, 9U));
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0", "1"));
  EXPECT_EQ(Letters(*bus).front().error_class, error_class::kRejected);

  Poison({});
  EXPECT_EQ(Redrive(*bus, {.topic = "orders"}).sent, 3U);
  EXPECT_THAT(AwaitLetters(*bus, 0), IsEmpty());
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0", "1", "2", "3", "4"));
}

TEST_P(AQuarantinedKeyWaitsInOrder, RedrivingTheFollowersFirstBringsThemNotPastTheirLeader) {
  auto bus = Start();
  PublishAndPoison();
  const auto letters = AwaitLetters(*bus, 4);
  ASSERT_EQ(letters.size(), 4U);
  Poison({});
  EXPECT_EQ(Redrive(*bus, {.ids = {letters[1].id, letters[2].id}}).sent, 2U);
  ASSERT_TRUE(Eventually([&] { return Letters(*bus, {.first_id = letters[3].id + 1}).size() == 2; }, kPatience))
      << "they follow again, as new letters";
  ASSERT_EQ(AwaitLetters(*bus, 4).size(), 4U) << "and the old ones go";
  EXPECT_EQ(Redrive(*bus, {.topic = "orders"}).matched, 4U);
  EXPECT_THAT(AwaitLetters(*bus, 0), IsEmpty());
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0", "1", "2", "3", "4"));
}

}  // namespace
}  // namespace penstock::testing
