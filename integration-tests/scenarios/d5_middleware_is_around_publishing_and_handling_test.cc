// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <mutex>

#include "penstock/eventbus/middleware.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The steps that middleware and handlers took. Thread-safe.
class Steps {
 public:
  void Add(std::string step) {
    const std::lock_guard<std::mutex> lock(mutex_);
    steps_.push_back(std::move(step));
  }
  std::vector<std::string> All() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return steps_;
  }
  bool Reach(std::size_t count) const {
    return Eventually([&] { return All().size() >= count; }, kPatience);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> steps_;
};

/// Notes what it is around.
class Noting final : public Middleware {
 public:
  Noting(Steps& steps, std::string name) : steps_(steps), name_(std::move(name)) {}

  Outcome OnHandle(const Envelope&, const Delivery&, NextHandler& next) override {
    steps_.Add(name_ + " begins");
    Outcome outcome = next();
    steps_.Add(name_ + " ends");
    return outcome;
  }
  absl::Status BeforePublish(std::string_view topic, Envelope& envelope, PublishOptions& options) override {
    steps_.Add(name_ + " before " + std::string(topic));
    envelope.payload += name_;
    options.headers.emplace_back("x-" + name_, "1");
    return absl::OkStatus();
  }
  void AfterPublish(std::string_view, const absl::StatusOr<PubAck>& ack) override {
    steps_.Add(name_ + (ack.ok() ? " stored" : " not stored"));
  }

 private:
  Steps& steps_;
  const std::string name_;
};

/// Does to every call what it is given.
class Doing final : public Middleware {
 public:
  explicit Doing(std::function<Outcome(NextHandler& next)> what) : what_(std::move(what)) {}
  Outcome OnHandle(const Envelope&, const Delivery&, NextHandler& next) override { return what_(next); }

 private:
  const std::function<Outcome(NextHandler& next)> what_;
};

/// Refuses, or throws, when something is published.
class Refusing final : public Middleware {
 public:
  explicit Refusing(bool throws) : throws_(throws) {}
  absl::Status BeforePublish(std::string_view, Envelope&, PublishOptions&) override {
    if (throws_) throw std::runtime_error("boom");
    return absl::PermissionDeniedError("not today");
  }

 private:
  const bool throws_;
};

class MiddlewareAround : public EveryTransport {
 protected:
  std::unique_ptr<EventBus> ConnectWith(std::vector<std::shared_ptr<Middleware>> middleware) {
    BusOptions options = Options();
    options.middleware = std::move(middleware);
    return Scenario::Connect(std::move(options));
  }
  static EnvelopeSubscribeOptions With(std::vector<std::shared_ptr<Middleware>> middleware) {
    return {.durable = "billing",
            .retry = {.max_attempts = 3, .min_backoff = milliseconds(1), .max_backoff = milliseconds(1)},
            .middleware = std::move(middleware)};
  }

  Steps steps_;
  Log log_;
};

TEST_P(MiddlewareAround, IsAroundHandlingTheBusesOutsideTheSubscriptions) {
  auto bus = ConnectWith({std::make_shared<Noting>(steps_, "a"), std::make_shared<Noting>(steps_, "b")});
  auto publisher = Connect();
  const auto subscribed = bus->SubscribeEnvelope("orders", With({std::make_shared<Noting>(steps_, "c")}),
                                                 [this](const Envelope&, const Delivery&) {
                                                   steps_.Add("handler");
                                                   return Ack();
                                                 });
  ASSERT_THAT(subscribed, IsOk());
  PublishNumbered(*publisher, "orders", 1, 1);
  ASSERT_TRUE(steps_.Reach(7));
  EXPECT_THAT(steps_.All(), ElementsAre("a begins", "b begins", "c begins", "handler", "c ends", "b ends", "a ends"));
}

TEST_P(MiddlewareAround, ChangesWhatIsPublishedAndLearnsWhetherItWasStored) {
  auto bus = ConnectWith({std::make_shared<Noting>(steps_, "a"), std::make_shared<Noting>(steps_, "b")});
  ASSERT_THAT(bus->PublishEnvelope("orders", Event("k", "x")), IsOk());
  EXPECT_THAT(steps_.All(), ElementsAre("a before orders", "b before orders", "b stored", "a stored"));
  auto consumer = Connect();
  std::atomic<bool> headers{false};
  ASSERT_THAT(consumer->SubscribeEnvelope("orders",
                                          [&](const Envelope& event, const Delivery& delivery) {
                                            headers = delivery.Header("x-a") && delivery.Header("x-b");
                                            log_.Add("k", event.payload);
                                            return Ack();
                                          }),
              IsOk());
  ASSERT_TRUE(log_.Reaches(1));
  EXPECT_THAT(log_.Of("k"), ElementsAre("xab"));
  EXPECT_TRUE(headers);
}

TEST_P(MiddlewareAround, ThatRefusesOrThrowsSendsNothing) {
  for (const bool throws : {false, true}) {
    auto bus = ConnectWith({std::make_shared<Refusing>(throws)});
    const auto ack = bus->PublishEnvelope("orders", Event("k", "x"));
    EXPECT_THAT(ack, throws ? StatusIs(absl::StatusCode::kInternal, HasSubstr("boom"))
                            : StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("not today")));
    EXPECT_TRUE(bus->Stats().topics.empty());
  }
}

TEST_P(MiddlewareAround, ThatThrowsCountsAsAFailedHandler) {
  auto bus = Connect();
  std::atomic<int> calls{0};
  const auto throwing = std::make_shared<Doing>([&](NextHandler& next) -> Outcome {
    if (++calls == 1) throw std::runtime_error("boom");
    return next();
  });
  ASSERT_THAT(bus->SubscribeEnvelope("orders", With({throwing}), Logging(log_)), IsOk());
  PublishNumbered(*bus, "orders", 1, 2);
  ASSERT_TRUE(log_.Reaches(2));
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0", "1"));
  EXPECT_EQ(OnlySubscription(*bus).failed, 1u);
}

TEST_P(MiddlewareAround, CallsTheHandlerOnceAtMost) {
  auto bus = Connect();
  const auto twice = std::make_shared<Doing>([](NextHandler& next) {
    next();
    return next();
  });
  const auto never = std::make_shared<Doing>([](NextHandler&) { return Ack(); });
  ASSERT_THAT(bus->SubscribeEnvelope("orders", With({twice}), Logging(log_)), IsOk());
  ASSERT_THAT(bus->SubscribeEnvelope("bills", With({never}), Logging(log_)), IsOk());
  PublishNumbered(*bus, "bills", 1, 1);
  PublishNumbered(*bus, "orders", 1, 1);
  EXPECT_TRUE(Eventually(
      [&] {
        const auto all = bus->Stats().subscriptions;
        return all[0].acked == 1 && all[1].acked == 1;
      },
      kPatience));
  EXPECT_EQ(log_.count(), 1u);
}

TEST_P(MiddlewareAround, TellsSuccessAndFailure) {
  auto bus = Connect();
  const auto callbacks =
      middleware::Callbacks([this](const Envelope& event, const Delivery&) { steps_.Add("handled " + event.payload); },
                            [this](const Envelope& event, const Delivery&, const Outcome& outcome) {
                              steps_.Add("failed " + event.payload + ": " + outcome.reason());
                            });
  ASSERT_THAT(bus->SubscribeEnvelope("orders", With({callbacks, middleware::Callbacks({}, {})}),
                                     [](const Envelope& event, const Delivery& delivery) -> Outcome {
                                       if (event.payload == "1") return Reject("never");
                                       if (event.payload == "2" && delivery.attempt() == 1)
                                         throw std::runtime_error("oh");
                                       return Ack();
                                     }),
              IsOk());
  PublishNumbered(*bus, "orders", 1, 3);
  ASSERT_TRUE(steps_.Reach(4));
  EXPECT_THAT(steps_.All(), ElementsAre("handled 0", "failed 1: never", "failed 2: threw: oh", "handled 2"));
}

TEST_P(MiddlewareAround, MakesFailuresPermanentByChoice) {
  auto bus = Connect();
  const auto permanent = middleware::Permanent(
      [](const Envelope&, const Outcome& failure) { return failure.reason().find("malformed") != std::string::npos; });
  std::atomic<int> calls{0};
  ASSERT_THAT(bus->SubscribeEnvelope("orders", With({permanent, middleware::Permanent({})}),
                                     [&](const Envelope& event, const Delivery&) -> Outcome {
                                       ++calls;
                                       if (event.payload == "0") return Retry("malformed");
                                       if (event.payload == "1") throw std::runtime_error("malformed, too");
                                       return Retry("busy");
                                     }),
              IsOk());
  PublishNumbered(*bus, "orders", 1, 3);
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).terminated == 3; }, kPatience));
  EXPECT_EQ(calls, 1 + 1 + 3);
}

TEST_P(MiddlewareAround, CarriesTheTraceIntoWhatAHandlerPublishes) {
  auto bus = ConnectWith({middleware::TraceContext()});
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "shipping"},
                                     [](const Envelope&, const Delivery& delivery) -> Outcome {
                                       return delivery.bus().PublishEnvelope("shipments", Event("s", "")).status();
                                     }),
              IsOk());
  ASSERT_THAT(bus->SubscribeEnvelope("shipments", {.durable = "audit"},
                                     [this](const Envelope& event, const Delivery&) {
                                       steps_.Add(event.traceparent + " " + event.trace_id);
                                       return Ack();
                                     }),
              IsOk());
  Envelope order = Event("o", "");
  order.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  order.trace_id = "t-1";
  ASSERT_THAT(bus->PublishEnvelope("orders", order), IsOk());
  ASSERT_TRUE(steps_.Reach(1));
  EXPECT_THAT(steps_.All(), ElementsAre(order.traceparent + " t-1"));
  ASSERT_THAT(bus->PublishEnvelope("shipments", Event("s", "")), IsOk());
  ASSERT_TRUE(steps_.Reach(2));
  EXPECT_EQ(steps_.All()[1], " ") << "outside of a handler there is none";
}

TEST_P(MiddlewareAround, WritesALineForEachEvent) {
  auto bus = Connect();
  const auto log = middleware::Log([this](LogLevel, std::string_view line) { steps_.Add(std::string(line)); });
  ASSERT_THAT(bus->SubscribeEnvelope("orders", With({log}),
                                     [](const Envelope& event, const Delivery&) -> Outcome {
                                       return event.payload == "0" ? Ack() : Reject("bad\nline");
                                     }),
              IsOk());
  PublishNumbered(*bus, "orders", 1, 2);
  ASSERT_TRUE(steps_.Reach(2));
  EXPECT_THAT(steps_.All(),
              Contains(AllOf(HasSubstr("topic \"orders\""), HasSubstr("of \"k0\""), HasSubstr("handled in"))));
  EXPECT_THAT(steps_.All(), Contains(AllOf(HasSubstr("rejected in"), HasSubstr(R"(bad\x0Aline)"))));
}

TEST_P(MiddlewareAround, ANullPointerIsRefused) {
  BusOptions options = Options();
  options.middleware = {nullptr};
  EXPECT_THAT(EventBus::Connect(options), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("middleware")));
  auto bus = Connect();
  EXPECT_THAT(bus->SubscribeEnvelope("orders", With({nullptr}), Logging(log_)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("middleware")));
}

PENSTOCK_ON_EVERY_TRANSPORT(MiddlewareAround);

}  // namespace
}  // namespace penstock::testing
