// SPDX-License-Identifier: Apache-2.0
#include <random>
#include <set>

#include "scenarios/turn_order.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

// What is with the pool when the urgent one comes: for each worker one that runs, and one behind it.
constexpr std::size_t kWithPool = 2;
constexpr std::size_t kOldestEvery = 8;

class Urgent : public OneBusyWorker {
 protected:
  Log log_;
};

TEST_P(Urgent, EventsBeginBeforeThoseThatWait) {
  auto bus = ConnectOneWorker();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "d", .by_priority = true}, Noting()), IsOk());
  Send(*bus, "orders", "gate");
  ASSERT_TRUE(order_.Reaches(1));
  SendMany(*bus, "orders", "bulk", 50);
  Send(*bus, "orders", "urgent", {.priority = 50});
  Send(*bus, "orders", "trifle", {.priority = -50});
  ASSERT_TRUE(Holds(*bus, 53));
  gate_.Open();
  ASSERT_TRUE(order_.Reaches(53));
  EXPECT_LE(order_.Before("urgent"), kWithPool + 1) << "one turn may be of the longest waiting";
  EXPECT_GE(order_.Before("trifle"), 53 - 1 - 53 / kOldestEvery - 1);
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 53; }, kPatience));
}

TEST_P(Urgent, EventsAreLikeOthersWhereNobodyAskedForIt) {
  BusOptions options = Options();
  options.pool.workers = options.pool.actors = 1;
  auto bus = Scenario::Connect(options);
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "d"}, Noting()), IsOk());
  Send(*bus, "orders", "gate");
  SendMany(*bus, "orders", "bulk", 20);
  Send(*bus, "orders", "urgent", {.priority = 100});
  ASSERT_TRUE(Holds(*bus, 22));
  gate_.Open();
  ASSERT_TRUE(order_.Reaches(22));
  EXPECT_EQ(order_.Before("urgent"), 21u);
}

TEST_P(Urgent, EventsPassNoEarlierOneOfTheirKeyWhateverFails) {
  constexpr int kKeys = 20, kEach = 25;
  std::mutex mutex;
  std::map<std::string, int> seen;  // the last number of each key
  std::set<std::string> failed;
  std::atomic<int> handled{0}, wrong{0};
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders",
                                     {.durable = "d",
                                      .retry = {.min_backoff = milliseconds(1), .max_backoff = milliseconds(5)},
                                      .by_priority = true},
                                     [&](const Envelope& event, const Delivery&) -> Outcome {
                                       std::lock_guard<std::mutex> lock(mutex);
                                       const int number = std::stoi(event.payload);
                                       const bool fails =
                                           (number * 7 + static_cast<int>(event.aggregate_id.back())) % 5 == 0;
                                       if (fails && failed.insert(event.aggregate_id + event.payload).second) {
                                         if (number % 2 == 0) throw std::runtime_error("down");
                                         return Retry("once more");
                                       }
                                       if (seen[event.aggregate_id]++ != number) ++wrong;
                                       ++handled;
                                       return Ack();
                                     }),
              IsOk());
  std::mt19937 random(7);
  std::atomic<int> stored{0};
  for (int n = 0; n < kEach; ++n) {
    for (int k = 0; k < kKeys; ++k) {
      const int priority = static_cast<int>(random() % 201) - 100;
      ASSERT_THAT(bus->PublishEnvelopeAsync("orders", Event("k" + std::to_string(k), std::to_string(n)),
                                            [&](const absl::StatusOr<PubAck>& ack) { stored += ack.ok() ? 1 : 0; },
                                            {.priority = priority}),
                  IsOk());
    }
  }
  EXPECT_TRUE(Eventually([&] { return handled == kKeys * kEach; }, kPatience)) << handled;
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == kKeys * kEach; }, kPatience));
  EXPECT_TRUE(Eventually([&] { return stored == kKeys * kEach; }, kPatience));
  EXPECT_EQ(wrong, 0) << "each event of a key once, in order";
  EXPECT_GT(OnlySubscription(*bus).failed, 0u);
}

TEST_P(Urgent, AnEventBehindOthersOfItsKeyRaisesTheKey) {
  auto bus = ConnectOneWorker();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "d", .by_priority = true}, Noting()), IsOk());
  Send(*bus, "orders", "gate");
  ASSERT_TRUE(order_.Reaches(1));
  SendMany(*bus, "orders", "bulk", 30);
  Send(*bus, "orders", "order");
  Send(*bus, "orders", "order", {.priority = 9});
  ASSERT_TRUE(Holds(*bus, 33));
  gate_.Open();
  ASSERT_TRUE(order_.Reaches(33));
  const auto keys = order_.keys();
  EXPECT_EQ(std::count(keys.begin(), keys.begin() + kWithPool + 4, "order"), 2);
}

TEST_P(Urgent, EventsStarveNoOther) {
  constexpr int kLow = 4;
  std::atomic<int> urgent{0};
  auto bus = ConnectOneWorker();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "d", .by_priority = true},
                                     [&](const Envelope& event, const Delivery& delivery) {
                                       order_.Add(event.aggregate_id);
                                       if (event.aggregate_id == "gate") gate_.opened().wait();
                                       if (event.aggregate_id.starts_with("low") || urgent > 200) return Ack();
                                       // One more for each that is handled: there is always one ready.
                                       EXPECT_THAT(delivery.bus().PublishEnvelopeAsync(
                                                       "orders", Event("u" + std::to_string(++urgent), "0"), {},
                                                       {.priority = 100}),
                                                   IsOk());
                                       return Ack();
                                     }),
              IsOk());
  Send(*bus, "orders", "gate");
  ASSERT_TRUE(order_.Reaches(1));
  SendMany(*bus, "orders", "low", kLow, {.priority = -100});
  SendMany(*bus, "orders", "high", 10, {.priority = 100});
  ASSERT_TRUE(Holds(*bus, kLow + 11));
  gate_.Open();
  ASSERT_TRUE(
      Eventually([&] { return order_.Before("low" + std::to_string(kLow - 1)) < order_.keys().size(); }, kPatience));
  for (int i = 0; i < kLow; ++i) {
    const auto before = static_cast<std::size_t>(i);
    EXPECT_LE(order_.Before("low" + std::to_string(i)), kWithPool + kOldestEvery * (before + 1)) << i;
  }
}

TEST_P(Urgent, ASubscriptionIsRaisedOverAnother) {
  auto bus = ConnectOneWorker();
  ASSERT_THAT(bus->SubscribeEnvelope("mails", {.durable = "d", .by_priority = true}, Noting()), IsOk());
  ASSERT_THAT(bus->SubscribeEnvelope("payments", {.durable = "d", .by_priority = true, .priority = 10}, Noting()),
              IsOk());
  Send(*bus, "mails", "gate");
  ASSERT_TRUE(order_.Reaches(1));
  SendMany(*bus, "mails", "mail", 40);
  SendMany(*bus, "payments", "payment", 40);
  ASSERT_TRUE(Holds(*bus, 81));
  gate_.Open();
  ASSERT_TRUE(order_.Reaches(81));
  const auto keys = order_.keys();
  const auto mails =
      std::count_if(keys.begin(), keys.begin() + 40, [](const auto& key) { return key.starts_with("mail"); });
  EXPECT_LE(mails, static_cast<std::ptrdiff_t>(kWithPool + 40 / kOldestEvery + 1));
  EXPECT_GE(mails, 4) << "an eighth is left to what has waited longest";
}

TEST_P(Urgent, DeferredEventsOccupyNoPlace) {
  auto bus = ConnectOneWorker();
  std::mutex mutex;
  std::vector<DeferredOutcome> tokens;
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "d", .by_priority = true},
                                     [&](const Envelope&, const Delivery& delivery) {
                                       std::lock_guard<std::mutex> lock(mutex);
                                       tokens.push_back(delivery.Defer());
                                       return Deferred();
                                     }),
              IsOk());
  SendMany(*bus, "orders", "k", 30);
  const auto count = [&] {
    std::lock_guard<std::mutex> lock(mutex);
    return tokens.size();
  };
  EXPECT_TRUE(Eventually([&] { return count() == 30; }, kPatience)) << count();
  for (DeferredOutcome& token : tokens) EXPECT_THAT(token.Settle(Ack()), IsOk());
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == 30; }, kPatience));
}

TEST_P(Urgent, EventsOfAnActorThatPausesHoldNoOtherActor) {
  BusOptions options = Options();
  options.pool.workers = 1;
  options.pool.actors = 2;
  options.pool.restart = {.max_restarts = 0, .suspension = std::chrono::minutes(10)};
  auto bus = Scenario::Connect(options);
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "d", .by_priority = true},
                                     [this](const Envelope& event, const Delivery&) -> Outcome {
                                       if (event.aggregate_id == "poison") throw std::runtime_error("no");
                                       order_.Add(event.aggregate_id);
                                       return Ack();
                                     }),
              IsOk());
  Send(*bus, "orders", "poison", {.priority = 100});
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).failed == 1; }, kPatience));
  SendMany(*bus, "orders", "k", 60);
  EXPECT_TRUE(order_.Reaches(10)) << "about half of the keys have the other actor";
}

TEST_P(Urgent, EventsComeFirstWithinALimitToo) {
  auto bus = Connect();
  SendMany(*bus, "orders", "bulk", 10);
  Send(*bus, "orders", "urgent", {.priority = 1});
  ASSERT_THAT(
      bus->SubscribeEnvelope(
          "orders", {.durable = "d", .rate = {.per_second = 8}, .max_concurrent = 1, .by_priority = true}, Noting()),
      IsOk());
  ASSERT_TRUE(order_.Reaches(11));
  EXPECT_LE(order_.Before("urgent"), 2u) << "it takes the next place in the rate";
}

TEST_P(Urgent, EventsOutOfRangeAreRefused) {
  auto bus = Connect();
  const auto refused = [&](EnvelopeSubscribeOptions options) {
    EXPECT_THAT(bus->SubscribeEnvelope("orders", std::move(options), Logging(log_)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"priority\"")));
  };
  refused({.by_priority = true, .priority = 101});
  refused({.by_priority = true, .priority = std::numeric_limits<int>::min()});
  refused({.priority = 1});
}

PENSTOCK_ON_EVERY_TRANSPORT(Urgent);

}  // namespace
}  // namespace penstock::testing
