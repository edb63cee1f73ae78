// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "penstock/eventbus/actor.h"
#include "penstock/eventbus/json_codec.h"
#include "penstock/eventbus/middleware.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

/// An amount that is added to an account.
struct Deposit {
  std::int64_t cents = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Deposit, cents)

/// A customer's account: its key's state.
struct Account {
  std::int64_t cents = 0;
  std::int64_t deposits = 0;

  Outcome Handle(const Deposit& deposit, const Delivery& delivery) {
    cents += deposit.cents;
    ++deposits;
    if (deposits % 7 == 0 && delivery.attempt() == 1) return Retry("once more, please");
    return Ack();
  }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Account, cents, deposits)

}  // namespace
}  // namespace penstock::testing

template <>
struct penstock::Codec<penstock::testing::Deposit> : penstock::JsonCodec<penstock::testing::Deposit> {
  static std::string Type() { return "Deposit"; }
};
template <>
struct penstock::Codec<penstock::testing::Account> : penstock::JsonCodec<penstock::testing::Account> {
  static std::string Type() { return "Account"; }
};

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAreArray;

const Actor<Deposit> kAccounts("accounts",
                               {.retry = {.min_backoff = milliseconds(1), .max_backoff = milliseconds(20)}});

class NamedActors : public EveryTransport {
 protected:
  static constexpr int kCustomers = 10;

  static std::string Customer(int number) { return "customer-" + std::to_string(number); }

  // Each deposit of `per_customer` is its number.
  void Send(EventBus& bus, int per_customer) {
    for (int n = 1; n <= per_customer; ++n) {
      for (int c = 0; c < kCustomers; ++c) ASSERT_THAT(kAccounts.Send(bus, {.cents = n}, {.key = Customer(c)}), IsOk());
    }
  }

  static Account Stored(EventBus& bus, int customer) {
    const auto store = OpenStateBucket(bus, "PENSTOCK_ACTORS", "accounts");
    if (!store.ok()) return {};
    const auto state = (*store)->Load(Customer(customer));
    if (!state.ok() || !*state) return {};
    return Codec<Account>::Decode((*state)->state).value_or(Account());
  }

  // Every deposit is in every account once.
  static void ExpectAccounts(EventBus& bus, std::int64_t deposits, std::int64_t cents) {
    for (int c = 0; c < kCustomers; ++c) {
      EXPECT_TRUE(Eventually([&] { return Stored(bus, c).deposits >= deposits; }, kPatience))
          << Stored(bus, c).deposits;
      EXPECT_EQ(Stored(bus, c).deposits, deposits);
      EXPECT_EQ(Stored(bus, c).cents, cents);
    }
  }
};

TEST_P(NamedActors, AreHandledByWhoeverHostsThem) {
  auto sender = Connect(Options("sender"));
  auto host = Connect(Options("host"));
  Log log;
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(kAccounts.Send(*sender, {.cents = i}, {.key = "alice"}), IsOk());
    ASSERT_THAT(kAccounts.Send(*sender, {.cents = i}), IsOk());
  }
  ASSERT_THAT(kAccounts.Host(*host,
                             [&log](const Deposit& deposit, const Envelope& envelope, const Delivery&) {
                               const bool keyed = envelope.aggregate_id == "alice";
                               log.Add(keyed ? "alice" : "anybody", std::to_string(deposit.cents));
                               return Ack();
                             }),
              IsOk());
  ASSERT_TRUE(log.Reaches(10));
  EXPECT_THAT(log.Of("alice"), ElementsAreArray(Numbers(5)));
  EXPECT_EQ(log.Of("anybody").size(), 5u);
}

TEST_P(NamedActors, HaveAStateThatSeesEveryMessageOnceAcrossRetriesAndTakeOvers) {
  auto sender = Connect(Options("sender"));
  auto first = Connect(Options("host"));
  auto second = Connect(Options("host"));
  ASSERT_THAT(kAccounts.HostState<Account>(*first), IsOk());
  ASSERT_THAT(kAccounts.HostState<Account>(*second), IsOk());
  Send(*sender, 10);
  first->Close();
  Send(*sender, 10);
  ExpectAccounts(*second, 20, 110);
}

/// Fails the first attempt of each message after its handler has returned, as a process does that dies there.
class FailsAfterwards final : public Middleware {
 public:
  Outcome OnHandle(const Envelope& /*envelope*/, const Delivery& delivery, NextHandler& next) override {
    const Outcome outcome = next();
    return delivery.attempt() == 1 ? Retry("it died before the message was over") : outcome;
  }
};

/// The sum of a key's deposits, which is the value of each. The first attempt of a large one overruns its time limit.
struct Balance {
  std::int64_t cents = 0;

  Outcome Handle(const Deposit& deposit, const Delivery& delivery) {
    cents += deposit.cents;
    if (deposit.cents >= 100 && delivery.attempt() == 1) {
      Eventually([&] { return delivery.stop_token().stop_requested(); }, kPatience);
    }
    return Outcome::With(std::to_string(cents));
  }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Balance, cents)

}  // namespace
}  // namespace penstock::testing

template <>
struct penstock::Codec<penstock::testing::Balance> : penstock::JsonCodec<penstock::testing::Balance> {
  static std::string Type() { return "Balance"; }
};

namespace penstock::testing {
namespace {

class NamedActorsWithResults : public NamedActors {
 protected:
  /// Three deposits of a key whose host has that policy; their values say what was there after each.
  void ExpectValues(const EnvelopeSubscribeOptions& policy, std::int64_t cents) {
    const auto host = Connect(Options("host"));
    const auto sender = Connect(Options("sender"));
    const Actor<Deposit> balances("balances", policy);
    ASSERT_THAT(balances.HostState<Balance>(*host), IsOk());
    for (int n = 1; n <= 3; ++n) {
      ASSERT_THAT(balances.Send(*sender, {.cents = cents}, {.key = "alice", .id = std::to_string(n)}), IsOk());
    }
    EXPECT_TRUE(Eventually([&] { return host->Stats().subscriptions.front().handled == 3; }, kPatience));
    for (int n = 1; n <= 3; ++n) {
      const auto result = balances.AwaitResult(*sender, std::to_string(n), kPatience);
      ASSERT_THAT(result, IsOk());
      EXPECT_EQ(result->value, std::to_string(n * cents));
    }
  }
};

TEST_P(NamedActorsWithResults, GiveTheValueOfAMessageWhoseHostDiedBeforeTheResultWasKept) {
  ExpectValues({.retry = {.min_backoff = milliseconds(1)},
                .results = {.keep = true},
                .middleware = {std::make_shared<FailsAfterwards>()}},
               5);
}

TEST_P(NamedActorsWithResults, GiveTheValueOfAMessageThatComesAgainAfterItsResultWasKept) {
  ExpectValues({.retry = {.min_backoff = milliseconds(1)}, .time_limit = milliseconds(300), .results = {.keep = true}},
               500);
}

PENSTOCK_ON_EVERY_TRANSPORT(NamedActorsWithResults);
PENSTOCK_ON_EVERY_TRANSPORT(NamedActors);

TEST(NamedActorsOnAServer, LoseNoStateWhenItIsKilled) {
  auto server = NatsServer::Launch();
  ASSERT_THAT(server, IsOk());
  const BusOptions options{.url = (*server)->url(), .client_id = "host"};
  auto bus = EventBus::Connect(options);
  ASSERT_THAT(bus, IsOk());
  ASSERT_THAT(kAccounts.HostState<Account>(**bus), IsOk());
  for (int round = 0; round < 3; ++round) {
    for (int n = 1; n <= 20; ++n) ASSERT_THAT(kAccounts.Send(**bus, {.cents = n}, {.key = "alice"}), IsOk());
    (*server)->Kill();
    ASSERT_THAT((*server)->Start(), IsOk());
  }
  const auto stored = [&]() -> Account {
    const auto store = OpenStateBucket(**bus, "PENSTOCK_ACTORS", "accounts");
    if (!store.ok()) return {};
    const auto state = (*store)->Load("alice");
    if (!state.ok() || !*state) return {};
    return Codec<Account>::Decode((*state)->state).value_or(Account());
  };
  EXPECT_TRUE(Eventually([&] { return stored().deposits >= 60; }, kPatience)) << stored().deposits;
  EXPECT_EQ(stored().deposits, 60);
  EXPECT_EQ(stored().cents, 630);
}

}  // namespace
}  // namespace penstock::testing
