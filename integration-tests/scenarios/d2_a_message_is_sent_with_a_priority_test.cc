// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <nlohmann/json.hpp>

#include "penstock/eventbus/actor.h"
#include "penstock/eventbus/json_codec.h"
#include "scenarios/turn_order.h"

namespace penstock::testing {
namespace {

/// A letter that is to be sent.
struct Mail {
  std::string to{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Mail, to)

}  // namespace
}  // namespace penstock::testing

template <>
struct penstock::Codec<penstock::testing::Mail> : penstock::JsonCodec<penstock::testing::Mail> {
  static std::string Type() { return "Mail"; }
};

namespace penstock::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Sent : public OneBusyWorker {
 protected:
  Log log_;
};

TEST_P(Sent, WithAPriorityItGoesInAHeader) {
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "d"},
                                     [&](const Envelope& event, const Delivery& delivery) {
                                       log_.Add(event.aggregate_id,
                                                std::string(delivery.Header(header::kPriority).value_or("none")));
                                       return Ack();
                                     }),
              IsOk());
  Send(*bus, "orders", "urgent", {.priority = 100});
  Send(*bus, "orders", "trifle", {.priority = -100});
  Send(*bus, "orders", "usual");
  ASSERT_TRUE(log_.Reaches(3));
  EXPECT_THAT(log_.Of("urgent"), ElementsAre("100"));
  EXPECT_THAT(log_.Of("trifle"), ElementsAre("-100"));
  EXPECT_THAT(log_.Of("usual"), ElementsAre("none"));
}

TEST_P(Sent, OutOfRangeIsRefused) {
  auto bus = Connect();
  for (const int priority : {101, -101, std::numeric_limits<int>::max(), std::numeric_limits<int>::min()}) {
    EXPECT_THAT(bus->PublishEnvelope("orders", Event("k", "0"), {.priority = priority}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"priority\"")));
  }
  const Headers forged = {{std::string(header::kPriority), "7"}};
  EXPECT_THAT(bus->PublishEnvelope("orders", Event("k", "0"), {.headers = forged}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not yours to set")));
  for (const char* name : {"a.b", "*", ">", "a b", "\n"}) {
    EXPECT_THAT(bus->PublishEnvelope("orders", Event("k", "0"), {.priority_class = name}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("priority_class")))
        << name;
  }
}

TEST_P(Sent, ToAnActorItBeginsByItsPriority) {
  const Actor<Mail> mailer("mailer", {.by_priority = true});
  auto bus = ConnectOneWorker();
  ASSERT_THAT(mailer.Host(*bus,
                          [this](const Mail& mail) {
                            order_.Add(mail.to);
                            if (mail.to == "gate") gate_.opened().wait();
                            return Ack();
                          }),
              IsOk());
  ASSERT_THAT(mailer.Send(*bus, {"gate"}), IsOk());
  ASSERT_TRUE(order_.Reaches(1));
  for (int i = 0; i < 20; ++i) ASSERT_THAT(mailer.Send(*bus, {"bulk" + std::to_string(i)}), IsOk());
  ASSERT_THAT(mailer.Send(*bus, {"urgent"}, {.priority = 1}), IsOk());
  ASSERT_TRUE(Holds(*bus, 22));
  gate_.Open();
  ASSERT_TRUE(order_.Reaches(22));
  EXPECT_LE(order_.Before("urgent"), 3u);
  EXPECT_THAT(mailer.Send(*bus, {"x"}, {.priority = 1000}), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(Sent, ARedrivenEventKeepsItsPriority) {
  std::atomic<bool> rejects{true};
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "d", .by_priority = true},
                                     [&](const Envelope& event, const Delivery& delivery) -> Outcome {
                                       log_.Add(event.aggregate_id,
                                                std::string(delivery.Header(header::kPriority).value_or("none")));
                                       return rejects.exchange(false) ? Reject("not now") : Ack();
                                     }),
              IsOk());
  Send(*bus, "orders", "urgent", {.priority = 42});
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).terminated == 1; }, kPatience));
  ASSERT_THAT(bus->dead_letters().Redrive({.topic = "orders"}), IsOk());
  ASSERT_TRUE(log_.Reaches(2));
  EXPECT_THAT(log_.Of("urgent"), ElementsAre("42", "42"));
}

TEST_P(Sent, WithADelayItKeepsPriorityAndClass) {
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "d", .priority_classes = {"urgent"}},
                                     [&](const Envelope& event, const Delivery& delivery) {
                                       log_.Add(event.aggregate_id, std::string(delivery.topic()));
                                       log_.Add(event.aggregate_id,
                                                std::string(delivery.Header(header::kPriority).value_or("none")));
                                       return Ack();
                                     }),
              IsOk());
  Send(*bus, "orders", "later", {.priority_class = "urgent", .priority = 7, .delay = std::chrono::milliseconds(50)});
  ASSERT_TRUE(log_.Reaches(2));
  EXPECT_THAT(log_.Of("later"), ElementsAre("orders.urgent", "7"));
  Envelope never = Event("never", "0");
  never.event_id = "called-off";
  ASSERT_THAT(bus->PublishEnvelope("orders", never, {.priority_class = "urgent", .delay = std::chrono::hours(1)}),
              IsOk());
  EXPECT_THAT(bus->CancelDelayed("orders.urgent", "called-off"), IsOk()) << "under the topic of its class";
}

TEST_P(Sent, InAClassItOvertakesTheWholeBacklog) {
  auto bus = ConnectOneWorker();
  const auto id = bus->SubscribeEnvelope(
      "orders", {.durable = "d", .priority_classes = {"urgent", "soon"}, .max_in_flight = 16}, Noting());
  ASSERT_THAT(id, IsOk());
  Send(*bus, "orders", "gate");
  ASSERT_TRUE(order_.Reaches(1));
  SendMany(*bus, "orders", "bulk", 100);
  SendMany(*bus, "orders", "soon", 10, {.priority_class = "soon"});
  Send(*bus, "orders", "urgent", {.priority_class = "urgent"});
  ASSERT_TRUE(Holds(*bus, 16 + 10 + 1)) << "most are with the server";
  gate_.Open();
  ASSERT_TRUE(order_.Reaches(112));
  EXPECT_LE(order_.Before("urgent"), 3u);
  EXPECT_LE(order_.Before("soon9"), 2u + 1 + 9 + 3) << "an eighth is of the longest waiting";
  for (const auto& each : bus->Stats().subscriptions) EXPECT_EQ(each.id, *id);
  EXPECT_THAT(bus->Unsubscribe(*id), IsOk());
  EXPECT_TRUE(bus->Stats().subscriptions.empty());
  EXPECT_THAT(bus->Unsubscribe(*id), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(Sent, NoClassIsStarvedAndOrderHoldsWithinEach) {
  constexpr int kEach = 120;
  auto bus = ConnectOneWorker();
  std::mutex mutex;
  std::map<std::string, int> seen;
  std::atomic<int> wrong{0};
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "d", .priority_classes = {"urgent"}},
                                     [&](const Envelope& event, const Delivery& delivery) -> Outcome {
                                       if (event.aggregate_id == "gate") gate_.opened().wait();
                                       if (delivery.attempt() == 1 && event.payload == "7") return Retry("once more");
                                       std::lock_guard<std::mutex> lock(mutex);
                                       const std::string stream = std::string(delivery.topic()) + event.aggregate_id;
                                       if (seen[stream]++ != std::stoi(event.payload)) ++wrong;
                                       order_.Add(std::string(delivery.topic()));
                                       return Ack();
                                     }),
              IsOk());
  Send(*bus, "orders", "gate");
  ASSERT_TRUE(Holds(*bus, 1));
  for (int n = 0; n < kEach / 12; ++n) {
    for (int k = 0; k < 12; ++k) {
      for (const char* name : {"", "urgent"}) {
        ASSERT_THAT(
            bus->PublishEnvelope("orders", Event("k" + std::to_string(k), std::to_string(n)), {.priority_class = name}),
            IsOk());
      }
    }
  }
  ASSERT_TRUE(Holds(*bus, 2 * kEach + 1));
  gate_.Open();
  ASSERT_TRUE(order_.Reaches(2 * kEach + 1));
  EXPECT_EQ(wrong, 0);
  const auto topics = order_.keys();
  const auto low = std::count(topics.begin(), topics.begin() + kEach / 2, "orders");
  EXPECT_GE(low, kEach / 2 / 8 - 1) << "an eighth is of the lower class";
  EXPECT_LE(low, kEach / 2 / 4);
}

TEST_P(Sent, ClassesShareTheLimitOfHandlersAtOnceAndAskForResultsUnderTheirTopic) {
  BusOptions options = Options();
  options.pool.workers = 8;
  auto bus = Scenario::Connect(options);
  std::atomic<int> now{0}, most{0};
  ASSERT_THAT(
      bus->SubscribeEnvelope(
          "orders",
          {.durable = "d", .max_concurrent = 2, .priority_classes = {"urgent", "soon"}, .results = {.keep = true}},
          [&](const Envelope& event, const Delivery&) -> Outcome {
            const int running = ++now;
            int before = most.load();
            while (before < running && !most.compare_exchange_weak(before, running)) {
            }
            const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
            while (std::chrono::steady_clock::now() < until) {
            }
            --now;
            order_.Add(event.aggregate_id);
            return Outcome::With(event.payload);
          }),
      IsOk());
  for (const char* name : {"", "urgent", "soon"}) SendMany(*bus, "orders", "k", 20, {.priority_class = name});
  ASSERT_TRUE(order_.Reaches(60));
  EXPECT_LE(most, 2);
  Envelope event = Event("k", "done");
  event.event_id = "asked-for";
  ASSERT_THAT(bus->PublishEnvelope("orders", event, {.priority_class = "urgent"}), IsOk());
  const auto result = bus->AwaitResult("orders", "d", "asked-for", kPatience);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->value, "done");
}

TEST_P(Sent, ToClassesThatCannotBeIsRefused) {
  auto bus = Connect();
  const auto refused = [&](std::string_view topic, std::vector<std::string> classes) {
    EXPECT_THAT(bus->SubscribeEnvelope(topic, {.durable = "d", .priority_classes = std::move(classes)}, Logging(log_)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("priority_classes")));
  };
  refused("orders", {"a", "a"});
  refused("orders", {""});
  refused("orders", {"a.b"});
  refused("orders", std::vector<std::string>(9, "a"));
  refused("orders.*", {"a"});
  EXPECT_TRUE(bus->Stats().subscriptions.empty());
}

PENSTOCK_ON_EVERY_TRANSPORT(Sent);

class SentByOthers : public Scenario {};

TEST_F(SentByOthers, WithAPriorityThatIsNoneItHasNoneAndThatIsLoggedOnce) {
  UseServer();
  std::atomic<int> warnings{0};
  BusOptions options = Options();
  options.log = [&](LogLevel, std::string_view text) {
    if (text.find("Penstock-Priority") != std::string_view::npos) ++warnings;
  };
  auto bus = Scenario::Connect(options);
  Log log;
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "d", .by_priority = true}, Logging(log)), IsOk());
  auto other = RawNats::Connect(server_->port());
  ASSERT_THAT(other, IsOk());
  const auto body = EncodeEnvelope(
      {.event_id = "e", .aggregate_id = "k", .event_type = "Tested", .timestamp = std::chrono::system_clock::now()},
      EnvelopeFormat::kProtobuf);
  ASSERT_THAT(body, IsOk());
  const std::vector<std::string> hostile = {"x", "", "101", "-101", "99999999999999999999", "1.5", "+7", "0x10", " 7"};
  for (const std::string& value : hostile) {
    ASSERT_THAT(other->Publish("orders", *body, {}, "Penstock-Priority: " + value + "\r\n"), IsOk());
  }
  ASSERT_TRUE(log.Reaches(hostile.size()));
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).acked == hostile.size(); }, kPatience));
  EXPECT_EQ(warnings, 1);
}

}  // namespace
}  // namespace penstock::testing
