// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <nlohmann/json.hpp>

#include "penstock/eventbus/actor.h"
#include "penstock/eventbus/json_codec.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

/// Something to be reminded of.
struct Reminder {
  std::string text{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Reminder, text)

}  // namespace
}  // namespace penstock::testing

template <>
struct penstock::Codec<penstock::testing::Reminder> : penstock::JsonCodec<penstock::testing::Reminder> {
  static std::string Type() { return "Reminder"; }
};

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::chrono::hours kLater{1};

class ADelayedMessage : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    bus_ = Connect();
  }

  /// Notes how long before its time a message was handled.
  EnvelopeHandler Watching() {
    return [this](const Envelope& envelope, const Delivery& delivery) {
      const auto due = due_.find(envelope.event_id);
      if (due != due_.end() && system_clock::now() < due->second) ++early_;
      EXPECT_EQ(delivery.Header("Penstock-Deliver-At").has_value(), due != due_.end());
      log_.Add(envelope.aggregate_id, envelope.payload);
      return Ack();
    };
  }
  absl::StatusOr<PubAck> Publish(const std::string& id, milliseconds delay, const std::string& key = "a") const {
    Envelope event = Event(key, id);
    event.event_id = id;
    return bus_->PublishEnvelope("orders", std::move(event), {.delay = delay});
  }
  bool Relays(const EventBus& bus) const {
    return Eventually([&] { return bus.Stats().delayed.owner; }, kPatience);
  }
  bool Waits(const EventBus& bus, std::uint64_t count) const {
    return Eventually([&] { return bus.Stats().delayed.waiting == count; }, kPatience);
  }

  std::unique_ptr<EventBus> bus_;
  Log log_;
  std::map<std::string, system_clock::time_point> due_;  // set before they are published
  std::atomic<int> early_ = 0;
};

TEST_P(ADelayedMessage, IsHandledOnceWhenItIsDueAndNotBefore) {
  constexpr int kCount = 300;
  for (int i = 0; i < kCount; ++i) {
    due_["e" + std::to_string(i)] = system_clock::now() + milliseconds(100 + (i * 37) % 1500);
  }
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "billing"}, Watching()), IsOk());
  for (const auto& [id, due] : due_) {
    Envelope event = Event("k" + std::to_string(id.size()), id);
    event.event_id = id;
    ASSERT_THAT(bus_->PublishEnvelope("orders", std::move(event), {.deliver_at = due}), IsOk());
  }
  EXPECT_TRUE(log_.Reaches(kCount)) << log_.count();
  EXPECT_EQ(early_, 0);
  EXPECT_TRUE(Waits(*bus_, 0)) << "what was relayed is removed";
  EXPECT_EQ(bus_->Stats().delayed.relayed, static_cast<std::uint64_t>(kCount));
  EXPECT_EQ(log_.count(), static_cast<std::size_t>(kCount)) << "something was handled twice";
}

TEST_P(ADelayedMessage, TakesItsPlaceInTheOrderOfItsKeyWhenItIsDue) {
  ASSERT_THAT(Publish("late", milliseconds(600)), IsOk());
  ASSERT_THAT(Publish("soon", milliseconds(300)), IsOk());
  ASSERT_THAT(Publish("now", milliseconds(0)), IsOk());
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log_)), IsOk());
  EXPECT_TRUE(log_.Reaches(3));
  EXPECT_THAT(log_.Of("a"), ElementsAre("now", "soon", "late"));
}

TEST_P(ADelayedMessage, ThatIsDueAtTheSameTimeKeepsTheOrderOfPublishing) {
  const auto due = system_clock::now() + milliseconds(700);
  for (const std::string& number : Numbers(200)) {
    ASSERT_THAT(bus_->PublishEnvelope("orders", Event("a", number), {.deliver_at = due}), IsOk());
  }
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log_)), IsOk());
  EXPECT_TRUE(log_.Reaches(200));
  EXPECT_EQ(log_.Of("a"), Numbers(200));
}

TEST_P(ADelayedMessage, IsCancelledAndPutOff) {
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log_)), IsOk());
  ASSERT_THAT(Publish("cancelled", kLater), IsOk());
  ASSERT_THAT(Publish("sooner", kLater), IsOk());
  ASSERT_THAT(Publish("later", std::chrono::seconds(30)), IsOk());
  ASSERT_TRUE(Waits(*bus_, 3));
  EXPECT_THAT(bus_->CancelDelayed("orders", "cancelled"), IsOk());
  EXPECT_THAT(bus_->CancelDelayed("orders", "cancelled"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none waits")));
  ASSERT_THAT(Publish("sooner", milliseconds(50)), IsOk());
  ASSERT_THAT(Publish("later", kLater), IsOk());
  EXPECT_TRUE(log_.Reaches(1));
  EXPECT_THAT(log_.Of("a"), ElementsAre("sooner"));
  EXPECT_TRUE(Waits(*bus_, 1));
  EXPECT_THAT(bus_->Cancel("orders", "billing", "later", milliseconds(-1)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  const auto cancelled = bus_->Cancel("orders", "billing", "later", kPatience);
  ASSERT_THAT(cancelled, IsOk());
  EXPECT_EQ(*cancelled, Cancelled::kDelayed);
  EXPECT_TRUE(Waits(*bus_, 0));
  EXPECT_EQ(log_.count(), 1u);
}

TEST_P(ADelayedMessage, ThatIsDueWithinASecondIsTooLateToCancel) {
  ASSERT_THAT(Publish("soon", milliseconds(900)), IsOk());
  EXPECT_THAT(bus_->CancelDelayed("orders", "soon"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("too late")));
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log_)), IsOk());
  EXPECT_TRUE(log_.Reaches(1));
  ASSERT_TRUE(Waits(*bus_, 0));
  EXPECT_THAT(bus_->CancelDelayed("orders", "soon"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(bus_->CancelDelayed("orders", "never"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(ADelayedMessage, WaitsForAProcessThatRelays) {
  auto sender = Connect(Options("sender"));
  for (const std::string id : {"overdue", "waiting"}) {
    Envelope event = Event("a", id);
    event.event_id = id;
    const milliseconds delay = id == "overdue" ? milliseconds(1) : milliseconds(kLater);
    ASSERT_THAT(sender->PublishEnvelope("orders", std::move(event), {.headers = {{"x", "y"}}, .delay = delay}), IsOk());
    sender->Close();  // before it relays, or after: both is well
    sender = Connect(Options("sender"));
  }
  BusOptions relaying = Options("relay");
  relaying.relay_delayed = true;
  const auto relay = Connect(std::move(relaying));
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "billing"},
                                      [&](const Envelope& envelope, const Delivery& delivery) {
                                        EXPECT_EQ(delivery.Header("x"), "y");
                                        log_.Add(envelope.aggregate_id, envelope.payload);
                                        return Ack();
                                      }),
              IsOk());
  EXPECT_TRUE(log_.Reaches(1));
  EXPECT_TRUE(Waits(*relay, 1));
  EXPECT_THAT(bus_->CancelDelayed("orders", "waiting"), IsOk());
  EXPECT_TRUE(Waits(*relay, 0));
  EXPECT_THAT(log_.Of("a"), ElementsAre("overdue"));
}

TEST_P(ADelayedMessage, IsRelayedByASuccessor) {
  constexpr std::size_t kCount = 100;
  BusOptions options = Options("first");
  options.relay_delayed = true;
  auto first = Connect(options);
  ASSERT_TRUE(Relays(*first));
  options.client_id = "second";
  const auto second = Connect(options);
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "billing"}, Watching()), IsOk());
  auto publisher = Connect(Options("publisher"));
  for (std::size_t i = 0; i < kCount; ++i) due_["e" + std::to_string(i)] = system_clock::now() + milliseconds(10 * i);
  for (const auto& [id, due] : due_) {
    Envelope event = Event(id, id);
    event.event_id = id;
    ASSERT_THAT(publisher->PublishEnvelope("orders", std::move(event), {.deliver_at = due}), IsOk());
  }
  publisher->Close();
  ASSERT_TRUE(log_.Reaches(kCount / 4));
  EXPECT_THAT(first->Drain(kPatience).status, IsOk());
  EXPECT_TRUE(log_.Reaches(kCount)) << log_.count();
  EXPECT_TRUE(Waits(*second, 0));
  EXPECT_EQ(log_.count(), kCount) << "something was handled twice";
  EXPECT_EQ(early_, 0);
}

TEST_P(ADelayedMessage, IsOneThatABusDelayed) {
  ASSERT_THAT(bus_->RelayDelayed(), IsOk());
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log_)), IsOk());
  ASSERT_TRUE(Relays(*bus_));
  EXPECT_THAT(bus_->PublishEnvelope("EVENTS-delayed.orders.x", Event("a", "1")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("kept for delayed messages")));
  ASSERT_THAT(Publish("whole", milliseconds(1)), IsOk());
  EXPECT_TRUE(log_.Reaches(1));
}

TEST_P(ADelayedMessage, OptionsOutOfRangeAreRefused) {
  const auto refused = [&](const PublishOptions& options, const char* field) {
    EXPECT_THAT(bus_->PublishEnvelope("orders", Event("a", "1"), options),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field)));
  };
  refused({.delay = milliseconds(-1)}, "delay");
  refused({.delay = milliseconds::max()}, "delay");
  refused({.delay = milliseconds::min()}, "delay");
  refused({.delay = milliseconds(1), .deliver_at = system_clock::now()}, "deliver_at");
  EXPECT_THAT(bus_->Publish("notes", "x", {.delay = milliseconds(1)}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("delay")));
  EXPECT_THAT(bus_->CancelDelayed("orders", ""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("event_id")));
  EXPECT_THAT(bus_->CancelDelayed("orders", std::string(129, 'x')), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(bus_->CancelDelayed("or ders", "x"), StatusIs(absl::StatusCode::kInvalidArgument));
  Envelope nameless = Event("a", "1");
  nameless.event_type.clear();
  EXPECT_THAT(bus_->PublishEnvelope("orders", nameless, {.delay = milliseconds(1)}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(bus_->PublishEnvelope("orders", Event("a", std::string(std::size_t{9} << 20, 'x')), {.delay = kLater}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("limit")));
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log_)), IsOk());
  ASSERT_THAT(
      bus_->PublishEnvelope("orders", Event("a", "past"), {.deliver_at = system_clock::time_point::min() + kLater}),
      StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_THAT(bus_->PublishEnvelope("orders", Event("a", "past"), {.deliver_at = system_clock::now() - kLater}),
              IsOk());
  EXPECT_TRUE(log_.Reaches(1));
  bus_->Close();
  EXPECT_THAT(bus_->RelayDelayed(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(bus_->CancelDelayed("orders", "x"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(ADelayedMessage, IsSentToAnActor) {
  const Actor<Reminder> reminder("reminder");
  ASSERT_THAT(reminder.Host(*bus_,
                            [&](const Reminder& message) {
                              log_.Add("a", message.text);
                              return Ack();
                            }),
              IsOk());
  const auto sender = Connect(Options("sender"));
  ASSERT_THAT(reminder.Send(*sender, {"never"}, {.id = "never", .delay = kLater}), IsOk());
  ASSERT_THAT(reminder.Send(*sender, {"soon"}, {.delay = milliseconds(30)}), IsOk());
  EXPECT_TRUE(log_.Reaches(1));
  EXPECT_THAT(reminder.CancelDelayed(*sender, "never"), IsOk());
  EXPECT_THAT(log_.Of("a"), ElementsAre("soon"));
}

PENSTOCK_ON_EVERY_TRANSPORT(ADelayedMessage);

class DelayedMessages : public Scenario {};

TEST_F(DelayedMessages, SurviveAServerThatIsKilled) {
  constexpr int kCount = 200;
  UseServer();
  const auto bus = Connect();
  Log log;
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log)), IsOk());
  for (const std::string& number : Numbers(kCount)) {
    const milliseconds delay(1000 + std::stoi(number) * 10);
    ASSERT_THAT(bus->PublishEnvelope("orders", Event(number, number), {.delay = delay}), IsOk());
  }
  ASSERT_TRUE(log.Reaches(kCount / 4));
  server_->Kill();
  ASSERT_THAT(server_->Start(), IsOk());
  EXPECT_TRUE(log.Reaches(kCount)) << log.count();
  EXPECT_TRUE(Eventually([&] { return bus->Stats().delayed.waiting == 0; }, kPatience));
  EXPECT_EQ(log.count(), static_cast<std::size_t>(kCount)) << "something was handled twice";
}

}  // namespace
}  // namespace penstock::testing
