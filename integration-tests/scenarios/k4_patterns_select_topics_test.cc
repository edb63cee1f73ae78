// SPDX-License-Identifier: Apache-2.0
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class PatternsSelectTopics : public EveryTransport {
 protected:
  /// Logs each message under its topic.
  static MessageHandler Logging(Log& log) {
    return [&log](const Delivery& delivery) {
      log.Add(std::string(delivery.topic()), std::string(delivery.payload()));
      return absl::OkStatus();
    };
  }
  static EnvelopeHandler LoggingTopics(Log& log) {
    return [&log](const Envelope& envelope, const Delivery& delivery) {
      log.Add(std::string(delivery.topic()) + "/" + envelope.aggregate_id, envelope.payload);
      return Ack();
    };
  }
  static void PublishPlain(EventBus& bus, const std::string& topic, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_THAT(bus.Publish(topic, std::to_string(i), {.key = "k"}), IsOk());
    }
  }
  static std::set<std::string> TopicsIn(const BusStats& stats) {
    std::set<std::string> topics;
    for (const auto& each : stats.subscriptions) topics.insert(each.topic);
    return topics;
  }
};
PENSTOCK_ON_EVERY_TRANSPORT(PatternsSelectTopics);

TEST_P(PatternsSelectTopics, AStarTakesOneTokenAndARestTakesAllThatFollow) {
  auto bus = Connect();
  Log star, rest, all;
  PublishPlain(*bus, "chat.a", 1);  // before anybody listens
  ASSERT_THAT(bus->Subscribe("chat.*", Logging(star)), IsOk());
  ASSERT_THAT(bus->Subscribe("chat.>", Logging(rest)), IsOk());
  ASSERT_THAT(bus->Subscribe(">", Logging(all)), IsOk());
  PublishPlain(*bus, "chat.a", 20);
  PublishPlain(*bus, "chat.b", 20);  // a new stream
  PublishPlain(*bus, "chat.b.deep", 20);
  PublishPlain(*bus, "chat", 20);
  PublishPlain(*bus, "chatter.a", 20);
  ASSERT_TRUE(star.Reaches(40)) << star.count();
  ASSERT_TRUE(rest.Reaches(60)) << rest.count();
  ASSERT_TRUE(all.Reaches(100)) << all.count();
  ASSERT_THAT(bus->Drain(kPatience).status, IsOk());
  for (const Log* log : {&star, &rest, &all}) {
    EXPECT_EQ(log->Of("chat.a"), Numbers(20)) << "in order, from the subscription on";
    EXPECT_EQ(log->Of("chat.b"), Numbers(20)) << "a topic that is new, from its first message on";
  }
  EXPECT_THAT(star.Of("chat.b.deep"), ElementsAre());
  EXPECT_EQ(rest.Of("chat.b.deep"), Numbers(20));
  EXPECT_EQ(all.Of("chatter.a"), Numbers(20));
  EXPECT_EQ(all.count(), 100u) << "each once";
}

TEST_P(PatternsSelectTopics, EnvelopesOfEveryTopicAreHandledInOrderAndOnce) {
  auto bus = Connect();
  Log log;
  PublishNumbered(*bus, "orders.eu", 3, 20);  // a durable begins with the stream's first message
  const auto id = bus->SubscribeEnvelope("orders.*", {.durable = "billing"}, LoggingTopics(log));
  ASSERT_THAT(id, IsOk());
  PublishNumbered(*bus, "orders.us", 3, 20);
  PublishNumbered(*bus, "orders.eu.late", 1, 5);
  ASSERT_TRUE(log.Reaches(120)) << log.count();
  ASSERT_THAT(bus->Unsubscribe(*id), IsOk());
  EXPECT_THAT(bus->Unsubscribe(*id), StatusIs(absl::StatusCode::kNotFound));
  PublishNumbered(*bus, "orders.us", 1, 5);
  // The durables kept their place.
  ASSERT_TRUE(Eventually([&] { return bus->Stats().subscriptions.empty(); }, kPatience));
  Log later;
  auto again = bus->SubscribeEnvelope("orders.*", {.durable = "billing"}, LoggingTopics(later));
  for (const auto deadline = std::chrono::steady_clock::now() + kPatience;
       !again.ok() && std::chrono::steady_clock::now() < deadline;) {
    again = bus->SubscribeEnvelope("orders.*", {.durable = "billing"}, LoggingTopics(later));  // the durable is let go
  }
  ASSERT_THAT(again, IsOk());
  ASSERT_TRUE(later.Reaches(5));
  ASSERT_THAT(bus->Drain(kPatience).status, IsOk());
  for (const char* topic : {"orders.eu/k", "orders.us/k"}) {
    for (int k = 0; k < 3; ++k) EXPECT_EQ(log.Of(topic + std::to_string(k)), Numbers(20));
  }
  EXPECT_EQ(log.count(), 120u);
  EXPECT_EQ(later.Of("orders.us/k0"), Numbers(5));
  EXPECT_EQ(later.count(), 5u);
}

TEST_P(PatternsSelectTopics, ADeadLetterKeepsTheMessagesOwnTopic) {
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders.*", {.durable = "billing"},
                                     [](const Envelope&, const Delivery&) { return Reject("poison"); }),
              IsOk());
  ASSERT_THAT(bus->PublishEnvelope("orders.eu", Event("k", "p")), IsOk());
  std::vector<DeadLetter> letters;
  ASSERT_TRUE(Eventually(
      [&] {
        auto listed = bus->dead_letters().List({.topic = "orders.eu"});
        if (listed.ok()) letters = std::move(listed->letters);
        return !letters.empty();
      },
      kPatience));
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].topic, "orders.eu");
}

TEST_P(PatternsSelectTopics, AGroupSharesEveryTopicWithItsMembers) {
  auto bus = Connect();
  auto other = Connect(Options("other"));
  Log log;
  PublishPlain(*bus, "chat.a", 1);
  ASSERT_THAT(bus->Subscribe("chat.*", {.group = "g"}, Logging(log)), IsOk());
  ASSERT_THAT(other->Subscribe("chat.>", {.group = "g"}, Logging(log)), IsOk());
  ASSERT_THAT(other->Subscribe("chat.a", {.group = "g"}, Logging(log)), IsOk()) << "of the same group, by one topic";
  for (int i = 0; i < 100; ++i) {
    ASSERT_THAT(bus->Publish("chat.a", "a"), IsOk());
    ASSERT_THAT(bus->Publish("chat.b", "b"), IsOk());
  }
  ASSERT_TRUE(log.Reaches(200)) << log.count();
  ASSERT_THAT(bus->Drain(kPatience).status, IsOk());
  ASSERT_THAT(other->Drain(kPatience).status, IsOk());
  EXPECT_EQ(log.count(), 200u);
}

TEST_P(PatternsSelectTopics, StatsAndUnsubscribeKnowThePatternByOneId) {
  auto bus = Connect();
  Log log;
  PublishPlain(*bus, "chat.a", 1);
  const auto id = bus->Subscribe("chat.*", Logging(log));
  ASSERT_THAT(id, IsOk());
  PublishPlain(*bus, "chat.b", 1);
  ASSERT_TRUE(log.Reaches(1));
  const BusStats stats = bus->Stats();
  EXPECT_THAT(TopicsIn(stats), UnorderedElementsAre("chat.a", "chat.b"));
  for (const auto& each : stats.subscriptions) {
    EXPECT_EQ(each.id, *id);
    EXPECT_EQ(each.pattern, "chat.*");
  }
  for (SubscriptionId other = 1; other < 10; ++other) {
    if (other == *id) continue;
    EXPECT_THAT(bus->Unsubscribe(other), StatusIs(absl::StatusCode::kNotFound)) << other;
  }
  ASSERT_THAT(bus->Unsubscribe(*id), IsOk());
  PublishPlain(*bus, "chat.a", 1);
  PublishPlain(*bus, "chat.c", 1);
  Log after;
  ASSERT_THAT(bus->Subscribe("chat.*", Logging(after)), IsOk());
  PublishPlain(*bus, "chat.a", 1);
  ASSERT_TRUE(after.Reaches(1));
  EXPECT_EQ(log.count(), 1u) << "nothing after Unsubscribe has returned";
}

TEST_P(PatternsSelectTopics, TopicsOfTheOtherKindArePassedOverAndNamed) {
  std::mutex mutex;
  std::string warnings;
  auto options = Options();
  options.log = [&](LogLevel level, std::string_view line) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (level == LogLevel::kWarning) warnings += line;
  };
  auto bus = Connect(options);
  Log plain, envelopes;
  PublishNumbered(*bus, "mixed.events", 1, 1);
  ASSERT_THAT(bus->Publish("mixed.notices", "n"), IsOk());
  ASSERT_THAT(bus->Subscribe("mixed.*", Logging(plain)), IsOk());
  ASSERT_THAT(bus->SubscribeEnvelope("mixed.*", LoggingTopics(envelopes)), IsOk());
  ASSERT_THAT(bus->Publish("mixed.notices", "n"), IsOk());
  ASSERT_TRUE(plain.Reaches(1) && envelopes.Reaches(1));
  ASSERT_THAT(bus->Drain(kPatience).status, IsOk());
  EXPECT_THAT(plain.Of("mixed.notices"), ElementsAre("n"));
  EXPECT_EQ(plain.count(), 1u);
  EXPECT_THAT(envelopes.Of("mixed.events/k0"), ElementsAre("0"));
  EXPECT_EQ(envelopes.count(), 1u) << "a plain message is no undecodable envelope";
  const std::lock_guard<std::mutex> lock(mutex);
  EXPECT_THAT(warnings, HasSubstr("topic \"mixed.events\" is passed over"));
  EXPECT_THAT(warnings, HasSubstr("topic \"mixed.notices\" is passed over"));
}

TEST_P(PatternsSelectTopics, TwoBusesOfOtherNamesDoNotMeet) {
  auto bus = Connect();
  auto options = Options();
  options.base_stream_name = "EVENTS_x";
  auto other = Connect(options);
  Log log;
  ASSERT_THAT(bus->Subscribe(">", Logging(log)), IsOk());
  ASSERT_THAT(other->Publish("a", "not yours"), IsOk());  // in stream EVENTS_x_a, the name of topic x.a here
  ASSERT_THAT(bus->Publish("b", "yours"), IsOk());
  ASSERT_TRUE(log.Reaches(1));
  ASSERT_THAT(bus->Drain(kPatience).status, IsOk());
  EXPECT_THAT(log.Of("b"), ElementsAre("yours"));
  EXPECT_EQ(log.count(), 1u);
}

TEST_P(PatternsSelectTopics, ADurableInUseHereIsRefused) {
  auto bus = Connect();
  Log log;
  ASSERT_THAT(bus->SubscribeEnvelope("orders.eu", {.durable = "billing"}, LoggingTopics(log)), IsOk());
  EXPECT_THAT(bus->SubscribeEnvelope("orders.*", {.durable = "billing"}, LoggingTopics(log)),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("another durable")));
  EXPECT_THAT(bus->SubscribeEnvelope("orders.*", {.durable = "audit"}, LoggingTopics(log)), IsOk());
}

TEST_P(PatternsSelectTopics, AHandlerMayEndItsPattern) {
  auto bus = Connect();
  std::atomic<SubscriptionId> id{0};
  std::atomic<int> calls{0};
  const auto subscribed = bus->Subscribe("chat.*", [&](const Delivery&) {
    Eventually([&] { return id.load() != 0; }, kPatience);
    return calls.fetch_add(1) == 0 ? bus->Unsubscribe(id) : absl::OkStatus();
  });
  ASSERT_THAT(subscribed, IsOk());
  id = *subscribed;
  PublishPlain(*bus, "chat.a", 1);
  ASSERT_TRUE(Eventually([&] { return calls == 1 && bus->Stats().subscriptions.empty(); }, kPatience));
}

TEST_P(PatternsSelectTopics, BadPatternsAreRefusedWithTheRemedyAndNothingIsPublishedToOne) {
  auto bus = Connect();
  Log log;
  for (const std::string& pattern :
       {std::string("a.>.b"), std::string("a*"), std::string("*a.b"), std::string("a..*"), std::string(".>"),
        std::string("_INBOX.>"), std::string("a b.*"), std::string(300, 'x') + ".*", std::string(150, '*')}) {
    EXPECT_THAT(bus->Subscribe(pattern, Logging(log)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("such as chat.*")));
    EXPECT_THAT(bus->SubscribeEnvelope(pattern, LoggingTopics(log)), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(bus->Subscribe("", Logging(log)), StatusIs(absl::StatusCode::kInvalidArgument));
  for (const char* pattern : {"chat.*", "chat.>", ">"}) {
    EXPECT_THAT(bus->Publish(pattern, "p"), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(bus->PublishEnvelope(pattern, Event("k", "p")), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST_P(PatternsSelectTopics, ClosingWhileTopicsAppearEndsEverything) {
  for (int round = 0; round < 3; ++round) {
    auto bus = Connect();
    auto publisher = Connect(Options("publisher"));
    Log log;
    ASSERT_THAT(bus->Subscribe("busy.>", Logging(log)), IsOk());
    for (int i = 0; i < 20; ++i) {
      const std::string topic = "busy.t" + std::to_string(round) + "." + std::to_string(i);
      ASSERT_THAT(publisher->Publish(topic, "n"), IsOk());
    }
    ASSERT_TRUE(log.Reaches(1));
    bus->Close();
    EXPECT_THAT(bus->Subscribe("busy.>", Logging(log)), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
}

class PatternsSurviveTheirServer : public PatternsSelectTopics {};
INSTANTIATE_TEST_SUITE_P(On, PatternsSurviveTheirServer, ::testing::Values("jetstream"));

TEST_P(PatternsSurviveTheirServer, ARestartLosesThePlainStreamsAndNothingThatIsPublishedAfterIt) {
  auto bus = Connect();
  auto publisher = Connect(Options("publisher"));
  Log plain, events;
  PublishPlain(*publisher, "chat.a", 1);
  ASSERT_THAT(bus->Subscribe("chat.*", Logging(plain)), IsOk());
  ASSERT_THAT(bus->SubscribeEnvelope("orders.*", {.durable = "billing"}, LoggingTopics(events)), IsOk());
  PublishPlain(*publisher, "chat.a", 10);
  PublishNumbered(*publisher, "orders.eu", 1, 10);
  ASSERT_TRUE(plain.Reaches(10) && events.Reaches(10));
  server_->Kill();
  ASSERT_THAT(server_->Start(), IsOk());
  // A publish that was under way meanwhile may find no stream: it was made for the server that is gone.
  ASSERT_TRUE(
      Eventually([&] { return publisher->Stats().connection.reconnects > 0 && publisher->connected(); }, kPatience));
  for (int i = 10; i < 20; ++i) {
    ASSERT_THAT(publisher->Publish("chat.a", std::to_string(i), {.key = "k"}), IsOk());  // makes the stream anew
    ASSERT_THAT(publisher->PublishEnvelope("orders.eu", Event("k0", std::to_string(i))), IsOk());
  }
  PublishPlain(*publisher, "chat.new", 1);
  ASSERT_TRUE(plain.Reaches(21)) << plain.count();
  ASSERT_TRUE(events.Reaches(20)) << events.count();
  ASSERT_THAT(bus->Drain(kPatience).status, IsOk());
  EXPECT_EQ(plain.Of("chat.a"), Numbers(20));
  EXPECT_EQ(events.Of("orders.eu/k0"), Numbers(20));
  EXPECT_EQ(plain.count(), 21u);
}

TEST_P(PatternsSurviveTheirServer, ADeletedTopicIsNotMadeAgainByItsFollowersAndIsFollowedWhenItIsBack) {
  auto bus = Connect();
  auto publisher = Connect(Options("publisher"));
  Log log;
  PublishPlain(*publisher, "chat.a", 1);
  ASSERT_THAT(bus->Subscribe("chat.*", Logging(log)), IsOk());
  PublishPlain(*publisher, "chat.a", 1);
  ASSERT_TRUE(log.Reaches(1));
  auto raw = RawNats::Connect(server_->port());
  ASSERT_THAT(raw, IsOk());
  ASSERT_THAT(raw->Request("$JS.API.STREAM.DELETE.EVENTS_chat_a", ""), IsOk());
  EXPECT_TRUE(Eventually([&] { return bus->Stats().subscriptions.empty(); }, kPatience));
  const auto names = raw->Request("$JS.API.STREAM.NAMES", "");
  ASSERT_THAT(names, IsOk());
  EXPECT_EQ(names->body.find("EVENTS_chat_a"), std::string::npos);
  auto again = Connect(Options("again"));  // one that has not seen the stream before
  PublishPlain(*again, "chat.a", 3);
  EXPECT_TRUE(log.Reaches(4)) << log.count();
}

}  // namespace
}  // namespace penstock::testing
