// SPDX-License-Identifier: Apache-2.0
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::vector<std::string> HostileTopics() {
  return {"",
          " ",
          "a b",
          "a\tb",
          "a.",
          ".a",
          "a..b",
          "orders.>.x",
          "ord*",
          "$JS.API.STREAM.DELETE.EVENTS_orders",
          "$SYS.x",
          "a\r\nPUB evil 4\r\npwnd\r\n",
          "a 0\r\n\r\nPUB evil 0\r\n",
          std::string("a\0b", 3),
          "orders\x7f",
          "\xc3\xbc",
          std::string(256, 'a'),
          std::string(5000, 'a'),
          "dead.letters",
          "EVENTS_dead_letters.orders",
          "EVENTS-delayed.orders"};
}

/// Topics to subscribe to, not to publish to.
std::vector<std::string> Patterns() { return {"*", ">", "orders.*", "orders.>"}; }

class BadInputIsRefusedWithItsRemedy : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    bus_ = Connect();
    ASSERT_NE(bus_, nullptr);
  }
  // Whatever was refused left the bus in working order.
  void TearDown() override {
    if (bus_ == nullptr) return;
    EXPECT_THAT(bus_->Publish("still.works", "yes"), IsOk());
    EXPECT_EQ(bus_->Stats().connection.reconnects, 0u);
  }

  static absl::Status Sink(const Delivery&) { return absl::OkStatus(); }
  static Outcome EnvelopeSink(const Envelope&, const Delivery&) { return Ack(); }

  std::unique_ptr<EventBus> bus_;
};
PENSTOCK_ON_EVERY_TRANSPORT(BadInputIsRefusedWithItsRemedy);

TEST_P(BadInputIsRefusedWithItsRemedy, TopicsInEveryVerb) {
  for (const auto& topic : HostileTopics()) {
    SCOPED_TRACE(::testing::PrintToString(topic.substr(0, 40)));
    const auto printable = AllOf(Not(HasSubstr("\r")), Not(HasSubstr("\n")));
    EXPECT_THAT(bus_->Publish(topic, "x"), StatusIs(kInvalid, printable));
    EXPECT_THAT(
        bus_->PublishAsync(topic, "x", [](const auto&) { ADD_FAILURE() << "told the end of what was refused"; }),
        StatusIs(kInvalid));
    EXPECT_THAT(bus_->PublishEnvelope(topic, Event("k", "p")), StatusIs(kInvalid));
    EXPECT_THAT(bus_->PublishEnvelopeAsync(topic, Event("k", "p"), [](const auto&) { ADD_FAILURE(); }),
                StatusIs(kInvalid));
    EXPECT_THAT(bus_->Subscribe(topic, Sink), StatusIs(kInvalid));
    EXPECT_THAT(bus_->SubscribeEnvelope(topic, EnvelopeSink), StatusIs(kInvalid));
  }
  for (const auto& pattern : Patterns()) {
    EXPECT_THAT(bus_->Publish(pattern, "x"), StatusIs(kInvalid)) << pattern;
    EXPECT_THAT(bus_->PublishEnvelope(pattern, Event("k", "p")), StatusIs(kInvalid)) << pattern;
  }
}

TEST_P(BadInputIsRefusedWithItsRemedy, EmptyHandlers) {
  EXPECT_THAT(bus_->Subscribe("notices", nullptr), StatusIs(kInvalid, HasSubstr("handler")));
  EXPECT_THAT(bus_->SubscribeEnvelope("orders", nullptr), StatusIs(kInvalid, HasSubstr("handler")));
}

TEST_P(BadInputIsRefusedWithItsRemedy, SubscribeOptionsOutOfRange) {
  EXPECT_THAT(bus_->Subscribe("n", {.group = "a b"}, Sink), StatusIs(kInvalid, HasSubstr("group")));
  EXPECT_THAT(bus_->Subscribe("n", {.max_in_flight = 0}, Sink), StatusIs(kInvalid, HasSubstr("max_in_flight")));
  auto refused = [&](const EnvelopeSubscribeOptions& options, const char* field) {
    EXPECT_THAT(bus_->SubscribeEnvelope("o", options, EnvelopeSink), StatusIs(kInvalid, HasSubstr(field)));
  };
  refused({.durable = "a.b"}, "durable");
  refused({.durable = std::string(65, 'a')}, "durable");
  refused({.max_in_flight = 65'537}, "max_in_flight");
  refused({.ack_wait = std::chrono::milliseconds{-1}}, "ack_wait");
  refused({.retry = {.max_attempts = 1'000'001}}, "max_attempts");
  refused({.retry = {.min_backoff = std::chrono::milliseconds{-5}}}, "min_backoff");
  refused({.retry = {.min_backoff = std::chrono::seconds{9}, .max_backoff = std::chrono::seconds{1}}}, "backoff");
  refused({.retry = {.jitter = 1.5}}, "jitter");
}

TEST_P(BadInputIsRefusedWithItsRemedy, EnvelopeFields) {
  auto refused = [&](Envelope envelope, const char* field) {
    EXPECT_THAT(bus_->PublishEnvelope("orders", std::move(envelope)), StatusIs(kInvalid, HasSubstr(field)));
  };
  refused({.event_type = "T"}, "aggregate_id");
  refused(Event("has space", "p"), "aggregate_id");
  refused(Event("line\r\nbreak", "p"), "aggregate_id");
  refused(Event(std::string(257, 'a'), "p"), "aggregate_id");
  refused(Event("\xff\xfe", "p"), "aggregate_id");
  refused({.aggregate_id = "k"}, "event_type");
  refused({.aggregate_id = "k", .event_type = "T", .event_version = 0}, "event_version");
  refused({.event_id = "a b", .aggregate_id = "k", .event_type = "T"}, "event_id");
  refused({.aggregate_id = "k", .event_type = "T", .traceparent = "a\r\nNats-Rollup: all"}, "traceparent");
  EXPECT_THAT(bus_->PublishEnvelope("orders", Event("k", "{broken"), {.format = EnvelopeFormat::kJson}),
              StatusIs(kInvalid, HasSubstr("payload")));
}

TEST_P(BadInputIsRefusedWithItsRemedy, HeadersKeysAndMessageIds) {
  auto refused = [&](PublishOptions options) {
    EXPECT_THAT(bus_->Publish("notices", "x", std::move(options)), StatusIs(kInvalid));
  };
  refused({.headers = {{"Nats-Rollup", "all"}}});
  refused({.headers = {{"nats-msg-id", "1"}}});
  refused({.headers = {{"Penstock-Aggregate-Id", "x"}}});
  refused({.headers = {{"X\r\nNats-Rollup", "all"}}});
  refused({.headers = {{"X", "a\r\nNats-Rollup: all"}}});
  refused({.headers = {{"", "x"}}});
  refused({.message_id = "a b"});
  refused({.message_id = std::string(129, 'a')});
  refused({.key = "a b"});
}

TEST_P(BadInputIsRefusedWithItsRemedy, BodiesOverTheServersLimit) {
  const std::string huge(2 << 20, 'x');
  EXPECT_THAT(bus_->Publish("notices", huge), StatusIs(kInvalid, HasSubstr("max_payload")));
  EXPECT_THAT(bus_->PublishEnvelope("orders", Event("k", huge)), StatusIs(kInvalid, HasSubstr("max_payload")));
}

TEST_P(BadInputIsRefusedWithItsRemedy, NegativeDrainTimes) {
  EXPECT_THAT(bus_->Drain(std::chrono::milliseconds{-1}).status, StatusIs(kInvalid));
  EXPECT_TRUE(bus_->connected());
}

class BadConnections : public Scenario {};

TEST_F(BadConnections, OptionsAreCheckedBeforeAnythingIsTried) {
  auto refused = [](BusOptions options, const char* field) {
    EXPECT_THAT(EventBus::Connect(std::move(options)), StatusIs(kInvalid, HasSubstr(field)));
  };
  refused({.url = "memory://"}, "client_id");
  refused({.url = "memory://", .client_id = "a b"}, "client_id");
  refused({.url = "http://127.0.0.1", .client_id = "c"}, "url");
  refused({.url = "nats://:4222", .client_id = "c"}, "url");
  refused({.url = "nats://127.0.0.1:99999", .client_id = "c"}, "url");
  refused({.url = "", .client_id = "c"}, "url");
  refused({.url = "memory://", .client_id = "c", .base_stream_name = "a.b"}, "base_stream_name");
  refused({.url = "memory://", .client_id = "c", .pool = {.actors = 0}}, "actors");
  refused({.url = "memory://", .client_id = "c", .publish_window = 0}, "publish_window");
  refused({.url = "memory://", .client_id = "c", .limits = {.replicas = 2}}, "replicas");
  refused({.url = "memory://", .client_id = "c", .connect_timeout = std::chrono::milliseconds{1}}, "connect_timeout");
}

TEST_F(BadConnections, NobodyListening) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THAT(EventBus::Connect({.url = "nats://127.0.0.1:1", .client_id = "c"}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("127.0.0.1:1")));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{10});
}

TEST_F(BadConnections, WrongPasswordIsNamedAndNeverShown) {
  UseServer({.config = "authorization: { user: \"u\", password: \"right\" }"});
  auto options = Options();
  options.credentials = {.user = "u", .password = "wr0ng-s3cret"};
  EXPECT_THAT(EventBus::Connect(options), StatusIs(absl::StatusCode::kUnauthenticated, Not(HasSubstr("wr0ng-s3cret"))));
  options.credentials.password = "right";
  EXPECT_THAT(EventBus::Connect(options), IsOk());
}

TEST_F(BadConnections, AServerWithoutJetStream) {
  UseServer({.jetstream = false});
  EXPECT_THAT(EventBus::Connect(Options()), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("JetStream")));
}

}  // namespace
}  // namespace penstock::testing
