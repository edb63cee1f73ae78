// SPDX-License-Identifier: Apache-2.0
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "penstock/eventbus/actor.h"
#include "penstock/eventbus/json_codec.h"
#include "penstock/eventbus/task/coroutine.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

struct Report {
  std::string title{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Report, title)

struct Pages {
  std::int64_t count = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Pages, count)

}  // namespace
}  // namespace penstock::testing

template <>
struct penstock::Codec<penstock::testing::Report> : penstock::JsonCodec<penstock::testing::Report> {
  static std::string Type() { return "Report"; }
};
template <>
struct penstock::Codec<penstock::testing::Pages> : penstock::JsonCodec<penstock::testing::Pages> {
  static std::string Type() { return "Pages"; }
};

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

const EnvelopeSubscribeOptions kKeeping{
    .durable = "writers",
    .retry = {.max_attempts = 2, .min_backoff = milliseconds(1), .max_backoff = milliseconds(1)},
    .results = {.keep = true}};
const std::string kBytes("42\n\0x", 5);
const Actor<Report> kWriters("write-report", kKeeping);

class AResult : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    asker_ = Connect(Options("asker"));
    worker_ = Connect(Options("worker"));
  }

  std::string Publish(const std::string& payload) {
    Envelope event = Event("k", payload);
    event.event_id = NewEventId();
    EXPECT_THAT(asker_->PublishEnvelope("orders", event), IsOk());
    return event.event_id;
  }
  absl::StatusOr<Result> Await(std::string_view id, milliseconds timeout = kPatience) {
    return asker_->AwaitResult("orders", "writers", id, timeout);
  }

  std::unique_ptr<EventBus> asker_, worker_;
};

TEST_P(AResult, IsTheValueOrTheFailureOfItsMessage) {
  ASSERT_THAT(worker_->SubscribeEnvelope("orders", kKeeping,
                                         [](const Envelope& event, const Delivery&) -> Outcome {
                                           if (event.payload == "value") return Outcome::With(kBytes);
                                           if (event.payload == "none") return Ack();
                                           if (event.payload == "reject") return Reject("no such order");
                                           throw std::runtime_error("broken");
                                         }),
              IsOk());
  const auto value = Await(Publish("value"));
  ASSERT_THAT(value, IsOk());
  EXPECT_TRUE(value->handled);
  EXPECT_EQ(value->value, kBytes);
  EXPECT_EQ(value->attempts, 1u);
  EXPECT_GT(value->finished_at, std::chrono::system_clock::now() - std::chrono::minutes(5));
  const auto none = Await(Publish("none"));
  ASSERT_THAT(none, IsOk());
  EXPECT_TRUE(none->handled);
  EXPECT_EQ(none->value, "");
  const auto rejected = Await(Publish("reject"));
  ASSERT_THAT(rejected, IsOk());
  EXPECT_FALSE(rejected->handled);
  EXPECT_EQ(rejected->error_class, "rejected");
  EXPECT_EQ(rejected->error, "no such order");
  const auto thrown = Await(Publish("throw"));
  ASSERT_THAT(thrown, IsOk());
  EXPECT_EQ(thrown->error_class, "threw");
  EXPECT_EQ(thrown->attempts, 2u);
}

TEST_P(AResult, IsWaitedForBeforeItsMessageIsHandled) {
  const std::string id = Publish("late");
  auto waiting = std::async(std::launch::async, [&] { return Await(id); });
  ASSERT_THAT(worker_->SubscribeEnvelope("orders", kKeeping,
                                         [](const Envelope&, const Delivery&) { return Outcome::With("done"); }),
              IsOk());
  const auto result = waiting.get();
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->value, "done");
}

TEST_P(AResult, IsThatOfADeferredOutcomeToo) {
  std::promise<DeferredOutcome> deferred;
  ASSERT_THAT(worker_->SubscribeEnvelope("orders", kKeeping,
                                         [&](const Envelope& event, const Delivery& delivery) -> Outcome {
                                           if (event.payload == "next") return Ack();
                                           deferred.set_value(delivery.Defer());
                                           return Deferred();
                                         }),
              IsOk());
  const std::string id = Publish("first");
  const std::string next = Publish("next");
  DeferredOutcome token = deferred.get_future().get();
  EXPECT_THAT(Await(next, milliseconds(20)), StatusIs(absl::StatusCode::kDeadlineExceeded));  // it has the same key
  ASSERT_THAT(token.Settle(Outcome::With("later")), IsOk());
  const auto result = Await(id);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->value, "later");
  EXPECT_EQ(result->attempts, 1u);
  EXPECT_THAT(Await(next), IsOk());
  EXPECT_THAT(worker_->Drain(kPatience).status, IsOk());
}

TEST_P(AResult, IsThatOfACoroutineToo) {
  ASSERT_THAT(
      worker_->SubscribeEnvelope("orders", kKeeping, Coroutine([](Envelope event, CoroutineDelivery) -> Task<Outcome> {
                                   co_await Slept(milliseconds(1));
                                   if (event.payload == "bad") co_return Reject("no such order");
                                   co_return Outcome::With(event.payload + "!");
                                 })),
      IsOk());
  const auto value = Await(Publish("done"));
  ASSERT_THAT(value, IsOk());
  EXPECT_EQ(value->value, "done!");
  const auto rejected = Await(Publish("bad"));
  ASSERT_THAT(rejected, IsOk());
  EXPECT_EQ(rejected->error_class, "rejected");
}

TEST_P(AResult, IsThatAMessageWasDroppedSinceItWasTooOld) {
  EnvelopeSubscribeOptions options = kKeeping;
  options.when_expired = WhenExpired::kDrop;
  Envelope event = Event("k", "old");
  event.event_id = NewEventId();
  event.expires_at = std::chrono::system_clock::now() - std::chrono::minutes(1);
  ASSERT_THAT(asker_->PublishEnvelope("orders", event), IsOk());
  ASSERT_THAT(worker_->SubscribeEnvelope("orders", options, [](const Envelope&, const Delivery&) { return Ack(); }),
              IsOk());
  const auto result = Await(event.event_id);
  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->handled);
  EXPECT_EQ(result->error_class, "expired");
  EXPECT_EQ(result->attempts, 0u);
}

TEST_P(AResult, ThatIsNotThereIsADeadlineExceeded) {
  EXPECT_THAT(Await(Publish("nobody"), milliseconds(50)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("within 50 ms")));
  EXPECT_THAT(Await("never published", milliseconds(0)), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Await("never-published", milliseconds(0)), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_P(AResult, OfADeadLetterThatWasRedrivenIsTheNewOne) {
  std::atomic<bool> well{false};
  ASSERT_THAT(worker_->SubscribeEnvelope("orders", kKeeping,
                                         [&](const Envelope&, const Delivery&) -> Outcome {
                                           return well ? Outcome::With("at last") : Reject("not yet");
                                         }),
              IsOk());
  const std::string id = Publish("again");
  ASSERT_THAT(Await(id), IsOk());
  well = true;
  ASSERT_THAT(asker_->dead_letters().Redrive({.topic = "orders"}), IsOk());
  EXPECT_TRUE(Eventually(
      [&] {
        const auto result = Await(id);
        return result.ok() && result->value == "at last";
      },
      kPatience));
}

TEST_P(AResult, IsAskedForByAnActorsCaller) {
  ASSERT_THAT(kWriters.Host(*worker_,
                            [](const Report& report) -> absl::StatusOr<Pages> {
                              if (report.title.empty()) return absl::InvalidArgumentError("no title");
                              return Pages{.count = static_cast<std::int64_t>(report.title.size())};
                            }),
              IsOk());
  const auto pages = kWriters.Ask<Pages>(*asker_, {.title = "annual"}, kPatience);
  ASSERT_THAT(pages, IsOk());
  EXPECT_EQ(pages->count, 6);
  EXPECT_THAT(kWriters.Ask<Pages>(*asker_, {}, kPatience), StatusIs(absl::StatusCode::kAborted, HasSubstr("no title")));
  const auto sent = kWriters.Send(*asker_, {.title = "monthly"}, {.key = "finance"});
  ASSERT_THAT(sent, IsOk());
  const auto result = kWriters.AwaitResult(*asker_, sent->id, kPatience);
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->handled);
  const Actor<Report> silent("silent");
  EXPECT_THAT(silent.AwaitResult(*asker_, sent->id, milliseconds(1)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("results.keep")));
}

TEST_P(AResult, BadInputIsRefused) {
  const auto invalid = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(asker_->AwaitResult("a b", "d", "e", milliseconds(1)), invalid);
  EXPECT_THAT(asker_->AwaitResult("orders", "", "e", milliseconds(1)), invalid);
  EXPECT_THAT(asker_->AwaitResult("orders", "d", "", milliseconds(1)), invalid);
  EXPECT_THAT(asker_->AwaitResult("orders", "d", std::string(129, 'e'), milliseconds(1)), invalid);
  EXPECT_THAT(asker_->AwaitResult("orders", "d", "e", milliseconds(-1)), invalid);
  EXPECT_THAT(asker_->AwaitResult("orders", "d", "e", milliseconds(1), {.bucket = "no.dots"}), invalid);
  EXPECT_THAT(asker_->AwaitResult("orders", "d", "e", milliseconds(1), {.time_to_live = milliseconds(-1)}), invalid);
  EnvelopeSubscribeOptions options = kKeeping;
  options.results.bucket = "";
  EXPECT_THAT(worker_->SubscribeEnvelope("orders", options, [](const Envelope&, const Delivery&) { return Ack(); }),
              invalid);
}

PENSTOCK_ON_EVERY_TRANSPORT(AResult);

}  // namespace
}  // namespace penstock::testing
