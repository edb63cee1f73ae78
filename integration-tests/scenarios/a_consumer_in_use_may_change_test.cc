// SPDX-License-Identifier: Apache-2.0
// What an operator does to a consumer and its stream while they are in use is noticed, said, and loses nothing that is
// still there.
#include "absl/strings/match.h"
#include "scenarios/made_ahead.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::int64_t kSecond = 1'000'000'000;

// One account, which everybody is in; with permissions, or none.
std::string Account(const std::string& permissions = "") {
  return absl::StrCat("accounts: { A: { jetstream: enabled, users: [ { user: a, password: a", permissions,
                      " }, { user: o, password: o } ] } }\nno_auth_user: o\n");
}
constexpr const char* kNoAnswers = R"(, permissions: { publish: { deny: ["$JS.ACK.>"] } })";

class AConsumerInUse : public MadeAhead {
 protected:
  static EnvelopeSubscribeOptions Billing(Sharing sharing = Sharing::kExclusive) {
    return {.durable = "billing",
            .sharing = sharing,
            .retry = {.max_attempts = 1000, .min_backoff = milliseconds{20}, .max_backoff = milliseconds{20}},
            .max_in_flight = 100};
  }

  BusOptions OptionsOfUser() {
    BusOptions options = LoggingOptions();
    options.credentials = {.user = "a", .password = "a"};
    return options;
  }

  // k0's first event fails until it is to be handled.
  EnvelopeHandler FailingFirst(const Outcome& failure) {
    return [this, failure](const Envelope& event, const Delivery&) {
      if (event.aggregate_id == "k0" && event.payload == "0" && !fixed_) {
        attempts_.fetch_add(1);
        return failure;
      }
      log_.Add(event.aggregate_id, event.payload);
      return Ack();
    };
  }

  void ExpectNumbers(std::size_t keys, std::size_t per_key) {
    EXPECT_TRUE(log_.Reaches(keys * per_key));
    for (std::size_t k = 0; k < keys; ++k) {
      const std::string key = "k" + std::to_string(k);
      EXPECT_EQ(log_.Of(key), Numbers(per_key)) << key;
    }
  }

  enum class Removal { kDelete, kPurge };

  void RemoveFirst(Removal removal) {
    const Json reply = removal == Removal::kPurge ? Api(absl::StrCat("STREAM.PURGE.", kStream))
                                                  : Api(absl::StrCat("STREAM.MSG.DELETE.", kStream), {{"seq", 1}});
    ASSERT_TRUE(reply.value("success", false)) << reply;
  }

  // The poison message is removed by hand: its key goes on, and it is not tried any more. What is behind it is here.
  void ExpectThatARemovedMessageIsForgotten(EnvelopeSubscribeOptions options, const Outcome& failure,
                                            Removal removal = Removal::kDelete) {
    UseServer();
    auto bus = Connect(LoggingOptions());
    ASSERT_THAT(bus->SubscribeEnvelope("orders", std::move(options), FailingFirst(failure)), IsOk());
    PublishNumbered(*bus, "orders", 1, 5);
    ASSERT_TRUE(Eventually([&] { return attempts_ >= 1; }, kPatience));
    RemoveFirst(removal);
    ASSERT_TRUE(log_.Reaches(4));
    EXPECT_EQ(log_.Of("k0"), (std::vector<std::string>{"1", "2", "3", "4"}));
    EXPECT_EQ(OnlySubscription(*bus).gone, 1u);
    EXPECT_EQ(OnlySubscription(*bus).dead_lettered, 0u);
    EXPECT_TRUE(AllSettled("billing")) << Info("billing");
    EXPECT_EQ(OnlySubscription(*bus).in_flight, 0u);
  }

  Log log_;
  std::atomic<bool> fixed_{false};
  std::atomic<int> attempts_{0};
};

TEST_F(AConsumerInUse, OfAWorkQueueIsMadeAgainWithEverythingThatWasNotAcknowledged) {
  for (const Sharing sharing : {Sharing::kExclusive, Sharing::kShared}) {
    UseServer();
    fixed_ = false;
    const Json made = Api(absl::StrCat("STREAM.CREATE.", kStream),
                          {{"name", kStream}, {"subjects", Json::array({"orders"})}, {"retention", "workqueue"}});
    ASSERT_FALSE(made.contains("error")) << made;
    Log log;
    auto bus = Connect(LoggingOptions());
    ASSERT_THAT(bus->SubscribeEnvelope("orders", Billing(sharing),
                                       [&](const Envelope& event, const Delivery&) {
                                         if (event.payload == "7" && !fixed_) return RetryAfter(milliseconds{50});
                                         log.Add(event.aggregate_id, event.payload);
                                         return Ack();
                                       }),
                IsOk());
    PublishNumbered(*bus, "orders", 1, 10);
    ASSERT_TRUE(log.Reaches(7));
    ASSERT_TRUE(Eventually([&] { return Info("billing").value("num_ack_pending", 0) == 3; }, kPatience));
    EXPECT_TRUE(Api(absl::StrCat("CONSUMER.DELETE.", kStream, ".billing")).value("success", false));
    ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).resubscribes >= 1; }, kPatience));
    fixed_ = true;
    ASSERT_TRUE(log.Reaches(10)) << log.count();
    EXPECT_EQ(log.Of("k0"), Numbers(10));
    EXPECT_TRUE(AllSettled("billing")) << Info("billing");
  }
}

TEST_F(AConsumerInUse, ThatIsSharedAndDeletedBeginsBehindWhatWasHandled) {
  UseServer();
  {
    auto first = Connect();
    ASSERT_THAT(first->SubscribeEnvelope("orders", Billing(Sharing::kShared), Logging(log_)), IsOk());
    PublishNumbered(*first, "orders", 1, 30);
    ASSERT_TRUE(log_.Reaches(30));
    ASSERT_TRUE(AllSettled("billing"));
  }
  Log log;
  auto bus = Connect(LoggingOptions());
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Billing(Sharing::kShared), Logging(log)), IsOk());
  EXPECT_TRUE(Api(absl::StrCat("CONSUMER.DELETE.", kStream, ".billing")).value("success", false));
  PublishNumbered(*bus, "orders", 2, 5);
  ASSERT_TRUE(log.Reaches(10));
  EXPECT_TRUE(AllSettled("billing")) << Info("billing");
  EXPECT_EQ(log.count(), 10u);
}

// More than the server sends before it waits for an answer.
TEST_F(AConsumerInUse, WithFlowControlIsAnswered) {
  UseServer();
  auto bus = Connect(LoggingOptions());
  const std::string filler(20'000, 'x');
  for (int n = 0; n < 600; ++n) {
    ASSERT_THAT(bus->PublishEnvelopeAsync("orders", Event("k" + std::to_string(n % 7), std::to_string(n) + filler),
                                          [](const absl::StatusOr<PubAck>& ack) { EXPECT_THAT(ack, IsOk()); }),
                IsOk());
  }
  ASSERT_TRUE(
      Eventually([&] { return Api(absl::StrCat("STREAM.INFO.", kStream))["state"]["messages"] == 600; }, kPatience));
  const Json made = Make({{"durable_name", "billing"},
                          {"filter_subject", "orders"},
                          {"ack_policy", "explicit"},
                          {"deliver_subject", "made.ahead"},
                          {"idle_heartbeat", kSecond},
                          {"flow_control", true}});
  ASSERT_FALSE(made.contains("error")) << made;
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log_)), IsOk());
  EXPECT_TRUE(log_.Reaches(600)) << log_.count();
  EXPECT_TRUE(AllSettled("billing"));
}

TEST_F(AConsumerInUse, ThatMayNotAnswerIsRefused) {
  UseServer({.config = Account(kNoAnswers)});
  auto bus = Connect(OptionsOfUser());
  PublishNumbered(*bus, "orders", 1, 3);
  for (const Sharing sharing : {Sharing::kExclusive, Sharing::kShared}) {
    const auto id = bus->SubscribeEnvelope("orders", Billing(sharing), Logging(log_));
    EXPECT_THAT(id, StatusIs(absl::StatusCode::kPermissionDenied,
                             AllOf(HasSubstr("acknowledge: "), HasSubstr("$JS.ACK.EVENTS_orders.billing.>"))));
  }
  EXPECT_EQ(log_.count(), 0u);
}

TEST_F(AConsumerInUse, ThatMayAnswerNoLongerSaysSoAndGoesOnWhenItMay) {
  for (const Sharing sharing : {Sharing::kExclusive, Sharing::kShared}) {
    UseServer({.config = Account()});
    LogLines lines;
    BusOptions options = OptionsOfUser();
    options.log = lines.Sink();
    Log log;
    auto bus = Connect(std::move(options));
    ASSERT_THAT(bus->SubscribeEnvelope("orders", Billing(sharing), Logging(log)), IsOk());
    PublishNumbered(*bus, "orders", 1, 3);
    ASSERT_TRUE(log.Reaches(3));
    ASSERT_TRUE(AllSettled("billing"));
    ASSERT_THAT(server_->Reload(Account(kNoAnswers)), IsOk());
    ASSERT_TRUE(Eventually([&] { return bus->connected(); }, kPatience));
    const auto publish = [&](const std::string& number) {
      return Eventually([&] { return bus->PublishEnvelope("orders", Event("k0", number)).ok(); }, kPatience);
    };
    ASSERT_TRUE(publish("3"));
    EXPECT_TRUE(lines.Gets("acknowledge: ") || lines.Has("refuses its answers"));
    EXPECT_TRUE(Eventually([&] { return !OnlySubscription(*bus).active; }, kPatience));
    ASSERT_THAT(server_->Reload(Account()), IsOk());
    EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).active; }, kPatience));
    ASSERT_TRUE(publish("4"));
    EXPECT_TRUE(log.Reaches(5));
    EXPECT_TRUE(AllSettled("billing")) << Info("billing");
    EXPECT_EQ(log.Of("k0"), Numbers(5));
  }
}

TEST_F(AConsumerInUse, WhoseWindowAnOperatorLoweredGetsItBack) {
  UseServer();
  auto bus = Connect(LoggingOptions());
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Billing(), Logging(log_)), IsOk());
  PublishNumbered(*bus, "orders", 1, 3);
  ASSERT_TRUE(log_.Reaches(3));
  const Json window = Info("billing")["config"]["max_ack_pending"];
  Change("billing", "max_ack_pending", 1);
  EXPECT_TRUE(lines_.Gets("somebody changed its settings; setting max_ack_pending from 1 to "));
  EXPECT_TRUE(Eventually([&] { return Info("billing")["config"]["max_ack_pending"] == window; }, kPatience));
}

TEST_F(AConsumerInUse, WhoseRequestsAnOperatorLimitedGetsEverything) {
  UseServer();
  auto bus = Connect(LoggingOptions());
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Billing(Sharing::kShared), Logging(log_)), IsOk());
  PublishNumbered(*bus, "orders", 1, 3);
  ASSERT_TRUE(log_.Reaches(3));
  Change("billing", "max_batch", 1);
  EXPECT_TRUE(lines_.Gets("max_batch from 1 to none"));
  Change("billing", "headers_only", true);
  EXPECT_TRUE(lines_.Gets("headers_only from true to none"));
  ASSERT_TRUE(Eventually([&] { return !Info("billing")["config"].contains("headers_only"); }, kPatience));
  PublishNumbered(*bus, "orders", 1, 3);
  EXPECT_TRUE(log_.Reaches(6));
}

TEST_F(AConsumerInUse, ThatFitsNoLongerEndsWithTheReason) {
  UseServer();
  auto bus = Connect(LoggingOptions());
  if (Version() < 210) GTEST_SKIP() << "2.9 does not update a filter";
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Billing(), Logging(log_)), IsOk());
  Json stream = Api(absl::StrCat("STREAM.INFO.", kStream)).at("config");
  stream["subjects"] = Json::array({"orders", "bills"});
  ASSERT_FALSE(Api(absl::StrCat("STREAM.UPDATE.", kStream), stream).contains("error"));
  Change("billing", "filter_subject", "bills");
  EXPECT_TRUE(lines_.Gets(R"(it exists with filter_subject "bills" but needs "orders")"));
  EXPECT_TRUE(Eventually([&] { return !OnlySubscription(*bus).active; }, kPatience));
}

TEST_F(AConsumerInUse, WhoseStreamIsPurgedSaysThatEventsAreGone) {
  for (const Sharing sharing : {Sharing::kExclusive, Sharing::kShared}) {
    UseServer();
    LogLines lines;
    BusOptions options = Options();
    options.log = lines.Sink();
    auto bus = Connect(std::move(options));
    std::atomic<bool> open = false;
    ASSERT_THAT(bus->SubscribeEnvelope(
                    "orders", {.durable = "billing", .sharing = sharing, .max_in_flight = 1},
                    [&](const Envelope&, const Delivery&) { return open ? Ack() : RetryAfter(milliseconds{50}); }),
                IsOk());
    PublishNumbered(*bus, "orders", 1, 50);
    ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).received >= 1; }, kPatience));
    // The look before the purge.
    EXPECT_FALSE(Eventually([&] { return lines.Has("gone"); }, seconds(2)));
    ASSERT_TRUE(Api(absl::StrCat("STREAM.PURGE.", kStream)).value("success", false));
    EXPECT_TRUE(lines.Gets("events that were not handled are gone: the stream begins with message 51 now"));
    open = true;
    ASSERT_THAT(bus->PublishEnvelope("orders", Event("k1", "after")), IsOk());
    EXPECT_TRUE(AllSettled("billing")) << Info("billing");
  }
}

TEST_F(AConsumerInUse, ThatIsPausedSaysSoAndGoesOnAfterwards) {
  UseServer();
  auto bus = Connect(LoggingOptions());
  if (Version() < 211) GTEST_SKIP() << "this server pauses nothing";
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Billing(), Logging(log_)), IsOk());
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).active; }, kPatience));
  const Json paused =
      Api(absl::StrCat("CONSUMER.PAUSE.", kStream, ".billing"), {{"pause_until", "2099-01-01T00:00:00Z"}});
  ASSERT_FALSE(paused.contains("error")) << paused;
  PublishNumbered(*bus, "orders", 2, 5);
  EXPECT_TRUE(lines_.Gets("an operator paused it: nothing comes before 2099-01-01T00:00:00Z"));
  EXPECT_EQ(log_.count(), 0u);
  EXPECT_FALSE(Api(absl::StrCat("CONSUMER.PAUSE.", kStream, ".billing")).contains("error"));
  ExpectNumbers(2, 5);
  EXPECT_TRUE(lines_.Gets("it is paused no longer"));
}

TEST_F(AConsumerInUse, ThatWasPausedAheadSaysSoAndGoesOnAfterwards) {
  UseServer();
  if (Version() < 211) GTEST_SKIP() << "this server pauses nothing";
  for (const Sharing sharing : {Sharing::kExclusive, Sharing::kShared}) {
    UseServer();
    LogLines lines;
    BusOptions options = Options();
    options.log = lines.Sink();
    Log log;
    auto bus = Connect(std::move(options));
    PublishNumbered(*bus, "orders", 2, 5);
    Json config = {{"durable_name", "billing"}, {"filter_subject", "orders"}, {"ack_policy", "explicit"}};
    config["pause_until"] = "2099-01-01T00:00:00Z";
    if (sharing == Sharing::kExclusive) config.update({{"deliver_subject", "made.ahead"}, {"idle_heartbeat", kSecond}});
    ASSERT_FALSE(Make(config).contains("error"));
    ASSERT_THAT(bus->SubscribeEnvelope("orders", Billing(sharing), Logging(log)), IsOk());
    EXPECT_TRUE(lines.Gets("an operator paused it: nothing comes before 2099-01-01T00:00:00Z"));
    EXPECT_EQ(log.count(), 0u);
    EXPECT_FALSE(Api(absl::StrCat("CONSUMER.PAUSE.", kStream, ".billing")).contains("error"));
    EXPECT_TRUE(log.Reaches(10));
    EXPECT_TRUE(AllSettled("billing")) << Info("billing");
  }
}

TEST_F(AConsumerInUse, WithABlockedKeyWhoseMessageWasDeletedGoesOn) {
  EnvelopeSubscribeOptions options = Billing();
  options.after_dead_letter = AfterDeadLetter::kBlock;
  ExpectThatARemovedMessageIsForgotten(std::move(options), Reject("poison"));
}

TEST_F(AConsumerInUse, DoesNotTryAgainWhatWasDeletedMeanwhile) {
  ExpectThatARemovedMessageIsForgotten(Billing(), RetryAfter(seconds{3}, "later"));
  EXPECT_EQ(attempts_, 1);
}

TEST_F(AConsumerInUse, ThatIsSharedDoesNotEither) {
  ExpectThatARemovedMessageIsForgotten(Billing(Sharing::kShared), RetryAfter(seconds{3}, "later"));
  EXPECT_EQ(attempts_, 1);
}

TEST_F(AConsumerInUse, ThatAcknowledgesCumulativelyDoesNotEither) {
  EnvelopeSubscribeOptions options = Billing();
  options.ack_mode = AckMode::kCumulative;
  ExpectThatARemovedMessageIsForgotten(std::move(options), RetryAfter(seconds{3}, "later"));
  EXPECT_EQ(attempts_, 1);
}

TEST_F(AConsumerInUse, DoesNotTryAgainWhatWasPurgedMeanwhile) {
  EnvelopeSubscribeOptions options = Billing();
  options.after_dead_letter = AfterDeadLetter::kQuarantine;
  ExpectThatARemovedMessageIsForgotten(std::move(options), RetryAfter(seconds{3}, "later"), Removal::kPurge);
  EXPECT_EQ(attempts_, 1);
}

TEST_F(AConsumerInUse, WithABlockedKeyWhoseMessageWasPurgedGoesOn) {
  EnvelopeSubscribeOptions options = Billing();
  options.after_dead_letter = AfterDeadLetter::kBlock;
  ExpectThatARemovedMessageIsForgotten(std::move(options), Reject("poison"), Removal::kPurge);
}

TEST_F(AConsumerInUse, OfAStreamThatBoundsItsWindowFitsOrIsRefused) {
  UseServer();
  if (Version() < 210) GTEST_SKIP() << "this server has no such limit";
  const Json made =
      Api(absl::StrCat("STREAM.CREATE.", kStream),
          {{"name", kStream}, {"subjects", Json::array({"orders"})}, {"consumer_limits", {{"max_ack_pending", 10}}}});
  ASSERT_FALSE(made.contains("error")) << made;
  auto bus = Connect(LoggingOptions());
  PublishNumbered(*bus, "orders", 3, 20);
  EXPECT_THAT(bus->SubscribeEnvelope("orders", Billing(), Logging(log_)),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("(JetStream error 10121)"), HasSubstr("lower max_in_flight"))));
  for (const Sharing sharing : {Sharing::kExclusive, Sharing::kShared}) {
    Log log;
    EnvelopeSubscribeOptions options = Billing(sharing);
    options.durable = sharing == Sharing::kShared ? "shared" : "exclusive";
    options.max_in_flight = 10;
    ASSERT_THAT(bus->SubscribeEnvelope("orders", options, Logging(log)), IsOk());
    EXPECT_TRUE(log.Reaches(60)) << log.count();
    EXPECT_TRUE(AllSettled(options.durable)) << Info(options.durable);
  }
}

TEST_F(AConsumerInUse, OfAStreamThatForgetsIdleConsumersIsRefused) {
  UseServer();
  if (Version() < 210) GTEST_SKIP() << "this server has no such limit";
  const Json made =
      Api(absl::StrCat("STREAM.CREATE.", kStream), {{"name", kStream},
                                                    {"subjects", Json::array({"orders"})},
                                                    {"consumer_limits", {{"inactive_threshold", 60 * kSecond}}}});
  ASSERT_FALSE(made.contains("error")) << made;
  auto bus = Connect(LoggingOptions());
  for (const Sharing sharing : {Sharing::kExclusive, Sharing::kShared}) {
    EXPECT_THAT(
        bus->SubscribeEnvelope("orders", Billing(sharing), Logging(log_)),
        StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("insists on inactive_threshold \"60000000000\"")));
  }
}

}  // namespace
}  // namespace penstock::testing
