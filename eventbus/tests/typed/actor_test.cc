// SPDX-License-Identifier: Apache-2.0
#include "penstock/eventbus/actor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <vector>

#include "shop.h"
#include "support/eventually.h"
#include "support/status_matchers.h"

namespace penstock::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kPatience{20};

/// Counts the cents of a customer.
struct Account {
  std::int64_t cents = 0;

  Outcome Handle(const OrderPlaced& order) {
    if (order.item == "poison") return Reject("poison");
    cents += order.cents;
    return Ack();
  }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Account, cents)

}  // namespace
}  // namespace penstock::testing

template <>
struct penstock::Codec<penstock::testing::Account> : penstock::JsonCodec<penstock::testing::Account> {
  static std::string Type() { return "Account"; }
};

namespace penstock::testing {
namespace {

class ActorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (auto* bus : {&sender_, &host_}) {
      auto connected = EventBus::Connect({.url = "memory://actors", .client_id = "actors"});
      ASSERT_THAT(connected, IsOk());
      *bus = *std::move(connected);
    }
  }

  std::int64_t Cents(const std::string& key) {
    const auto bucket = host_->Bucket("PENSTOCK_ACTORS");
    if (!bucket.ok()) return -1;
    const auto entry = (*bucket)->Get("accounts." + key);
    if (!entry.ok()) return 0;
    const auto account = Codec<Account>::Decode(entry->value.substr(17));
    return account.ok() ? account->cents : -1;
  }

  std::unique_ptr<EventBus> sender_, host_;
};

TEST_F(ActorTest, HandlesWhatAnotherProgramSendsInTheOrderOfEachKey) {
  const Actor<OrderPlaced> charge("charge-card");
  std::mutex mutex;
  std::map<std::string, std::vector<std::int64_t>> seen;
  std::atomic<int> count{0};
  for (std::int64_t i = 0; i < 20; ++i) {
    const auto sent = charge.Send(*sender_, {.item = "chair", .cents = i}, {.key = i % 2 == 0 ? "even" : "odd"});
    ASSERT_THAT(sent, IsOk());
    EXPECT_FALSE(sent->id.empty());
    EXPECT_EQ(sent->ack.stream, "EVENTS_actors_charge--card");
  }
  ASSERT_THAT(charge.Host(*host_,
                          [&](const OrderPlaced& order, const Envelope& envelope, const Delivery&) {
                            const std::lock_guard<std::mutex> lock(mutex);
                            seen[envelope.aggregate_id].push_back(order.cents);
                            ++count;
                            return Ack();
                          }),
              IsOk());
  ASSERT_TRUE(Eventually([&] { return count == 20; }, kPatience));
  EXPECT_THAT(seen["even"], ElementsAre(0, 2, 4, 6, 8, 10, 12, 14, 16, 18));
  EXPECT_THAT(seen["odd"], ElementsAre(1, 3, 5, 7, 9, 11, 13, 15, 17, 19));
  EXPECT_EQ(host_->Stats().subscriptions.at(0).durable, "charge-card");
}

TEST_F(ActorTest, MessagesWithoutAKeyWaitForNoOther) {
  const Actor<OrderPlaced> charge("charge");
  std::atomic<int> handled{0};
  std::atomic<bool> blocked{true};
  ASSERT_THAT(charge.Host(*host_,
                          [&](const OrderPlaced& order) {
                            if (order.item == "slow" && blocked)
                              return RetryAfter(std::chrono::milliseconds(5), "not yet");
                            ++handled;
                            return Ack();
                          }),
              IsOk());
  ASSERT_THAT(charge.Send(*sender_, {.item = "slow"}), IsOk());
  for (int i = 0; i < 10; ++i) ASSERT_THAT(charge.Send(*sender_, {.item = "quick"}), IsOk());
  EXPECT_TRUE(Eventually([&] { return handled == 10; }, kPatience));
  blocked = false;
  EXPECT_TRUE(Eventually([&] { return handled == 11; }, kPatience));
}

TEST_F(ActorTest, AMessageIsStoredOncePerIdAndTellsItsCause) {
  const Actor<OrderPlaced> charge("charge");
  const Envelope cause{.event_id = "e1", .aggregate_id = "o-1", .event_type = "OrderPlaced", .correlation_id = "c"};
  const auto first = charge.Send(*sender_, {.item = "chair"}, {.key = "k", .id = "only", .cause = &cause});
  const auto second = charge.Send(*sender_, {.item = "chair"}, {.key = "k", .id = "only", .cause = &cause});
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_FALSE(first->ack.duplicate);
  EXPECT_TRUE(second->ack.duplicate);
  std::promise<Envelope> got;
  ASSERT_THAT(charge.Host(*host_,
                          [&](const OrderPlaced&, const Envelope& envelope, const Delivery&) {
                            got.set_value(envelope);
                            return Ack();
                          }),
              IsOk());
  const Envelope envelope = got.get_future().get();
  EXPECT_EQ(envelope.causation_id, "e1");
  EXPECT_EQ(envelope.correlation_id, "c");
}

TEST_F(ActorTest, AStateSeesTheMessagesOfItsKeyAndIsKept) {
  const Actor<OrderPlaced> accounts("accounts");
  const auto hosted = accounts.HostState<Account>(*host_);
  ASSERT_THAT(hosted, IsOk());
  for (int i = 1; i <= 4; ++i) ASSERT_THAT(accounts.Send(*sender_, {.cents = i}, {.key = "alice"}), IsOk());
  ASSERT_THAT(accounts.Send(*sender_, {.cents = 100}, {.key = "bob"}), IsOk());
  EXPECT_TRUE(Eventually([&] { return Cents("alice") == 10 && Cents("bob") == 100; }, kPatience));
  host_->Close();
  auto next = EventBus::Connect({.url = "memory://actors", .client_id = "actors"});
  ASSERT_THAT(next, IsOk());
  host_ = *std::move(next);
  ASSERT_THAT(accounts.HostState<Account>(*host_), IsOk());
  ASSERT_THAT(accounts.Send(*sender_, {.cents = 5}, {.key = "alice"}), IsOk());
  EXPECT_TRUE(Eventually([&] { return Cents("alice") == 15; }, kPatience));
}

TEST_F(ActorTest, AStatefulActorRejectsWhatHasNoKey) {
  const Actor<OrderPlaced> accounts("accounts");
  ASSERT_THAT(accounts.HostState<Account>(*host_), IsOk());
  ASSERT_THAT(accounts.Send(*sender_, {.cents = 1}), IsOk());
  EXPECT_TRUE(Eventually([&] { return host_->Stats().subscriptions.at(0).dead_lettered == 1; }, kPatience));
}

TEST_F(ActorTest, BadDeclarationsAndSendsAreRefused) {
  const auto invalid = StatusIs(absl::StatusCode::kInvalidArgument);
  const OrderPlaced order{.item = "chair"};
  for (const std::string& name : {std::string(), std::string("a.b"), std::string("a b"), std::string(65, 'n')}) {
    const Actor<OrderPlaced> actor(name);
    EXPECT_THAT(actor.Send(*sender_, order), invalid) << name;
    EXPECT_THAT(actor.Host(*host_, [](const OrderPlaced&) { return Ack(); }), invalid) << name;
  }
  const Actor<OrderPlaced> actor("charge");
  EXPECT_THAT(actor.Send(*sender_, order, {.key = "white space"}), invalid);
  EXPECT_THAT(actor.Send(*sender_, order, {.id = std::string(200, 'i')}), invalid);
  EXPECT_THAT(actor.Send(*sender_, order, {.headers = {{"Nats-Rollup", "all"}}}), invalid);
  EXPECT_THAT(actor.Send(*sender_, {.item = "\xff"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("send to actor \"charge\"")));
  EXPECT_THAT(actor.HostState<Account>(*host_, {.idle_after = std::chrono::milliseconds(0)}), invalid);
  EXPECT_THAT(actor.Host(*host_, std::function<Outcome(const OrderPlaced&)>()), invalid);
}

}  // namespace
}  // namespace penstock::testing
