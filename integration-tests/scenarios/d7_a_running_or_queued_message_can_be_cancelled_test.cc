// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "penstock/eventbus/actor.h"
#include "penstock/eventbus/json_codec.h"
#include "scenarios/cancelling.h"
#include "scenarios/gate.h"

namespace penstock::testing {
namespace {

struct Import {
  std::string file{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Import, file)

}  // namespace
}  // namespace penstock::testing

template <>
struct penstock::Codec<penstock::testing::Import> : penstock::JsonCodec<penstock::testing::Import> {
  static std::string Type() { return "Import"; }
};

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ACancelledMessage : public Cancelling, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override { SetUpOn(GetParam()); }
};

TEST_P(ACancelledMessage, IsNotHandledWhenItsTurnComes) {
  Gate gate;
  Subscribe(*worker_, [&](const Envelope& event, const Delivery&) {
    if (event.payload == "first") gate.opened().wait();
    log_.Add(event.aggregate_id, event.payload);
    return Ack();
  });
  Publish("k", "first");
  const std::string id = Publish("k", "second");
  Publish("k", "third");
  ASSERT_TRUE(HasReceived(*worker_, 3));
  EXPECT_EQ(Cancel(id), Cancelled::kQueued);
  EXPECT_EQ(Cancel(id), Cancelled::kQueued) << "once more";
  gate.Open();
  ASSERT_TRUE(log_.Reaches(2));
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*worker_).acked == 3; }, kPatience));
  EXPECT_THAT(log_.Of("k"), ElementsAre("first", "third"));
  EXPECT_EQ(OnlySubscription(*worker_).cancelled, 1u);
  EXPECT_EQ(OnlySubscription(*worker_).handled, 2u);
  const auto result = asker_->AwaitResult("orders", "billing", id, kPatience);
  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->handled);
  EXPECT_EQ(result->error_class, error_class::kCancelled);
}

TEST_P(ACancelledMessage, ThatRunsIsAskedToStopAndNotTriedAgainWhateverItReturns) {
  Subscribe(*worker_, [&](const Envelope& event, const Delivery& delivery) -> Outcome {
    if (event.aggregate_id == "k") {
      log_.Add("began", event.payload);
      EXPECT_TRUE(WaitForStop(delivery));
      if (event.payload == "retry") return Retry("stopped");
      if (event.payload == "reject") return Reject("stopped");
      if (event.payload == "later") return RetryAfter(std::chrono::hours(1), "stopped");
      throw std::runtime_error("stopped");
    }
    log_.Add(event.aggregate_id, event.payload);
    return Ack();
  });
  std::size_t begun = 0;
  for (const char* const payload : {"retry", "reject", "later", "throw"}) {
    const std::string id = Publish("k", payload);
    ASSERT_TRUE(Eventually([&] { return log_.Of("began").size() == begun + 1; }, kPatience)) << payload;
    ++begun;
    EXPECT_EQ(Cancel(id), Cancelled::kRunning) << payload;
  }
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*worker_).cancelled == begun; }, kPatience));
  EXPECT_EQ(OnlySubscription(*worker_).acked, begun);
  EXPECT_EQ(OnlySubscription(*worker_).dead_lettered, 0u);
  EXPECT_EQ(worker_->Stats().pool.Total().restarts, 0u);
  EXPECT_THAT(log_.Of("began"), ElementsAre("retry", "reject", "later", "throw"));
}

TEST_P(ACancelledMessage, ThatFinishesAllTheSameIsHandled) {
  std::atomic<bool> runs{false};
  Subscribe(*worker_, [&](const Envelope&, const Delivery& delivery) {
    runs = true;
    WaitForStop(delivery);
    return Outcome::With("done");
  });
  const std::string id = Publish("k", "0");
  ASSERT_TRUE(Eventually([&] { return runs.load(); }, kPatience));
  EXPECT_EQ(Cancel(id), Cancelled::kRunning);
  const auto result = asker_->AwaitResult("orders", "billing", id, kPatience);
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->handled);
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*worker_).handled == 1; }, kPatience));
  EXPECT_EQ(OnlySubscription(*worker_).cancelled, 0u);
}

TEST_P(ACancelledMessage, MayHaveADeferredOutcome) {
  std::mutex mutex;
  DeferredOutcome token;
  std::stop_token stop;
  std::atomic<int> calls{0};
  Subscribe(*worker_, [&](const Envelope&, const Delivery& delivery) {
    std::lock_guard<std::mutex> lock(mutex);
    token = delivery.Defer();
    stop = delivery.stop_token();
    ++calls;
    return Deferred();
  });
  const std::string id = Publish("k", "0");
  ASSERT_TRUE(Eventually([&] { return calls == 1; }, kPatience));
  EXPECT_EQ(Cancel(id), Cancelled::kRunning);
  std::lock_guard<std::mutex> lock(mutex);
  EXPECT_TRUE(stop.stop_requested());
  EXPECT_THAT(token.Settle(Retry("stopped")), IsOk());
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*worker_).cancelled == 1; }, kPatience));
  EXPECT_EQ(calls, 1);
}

TEST_P(ACancelledMessage, MayWaitForItsNextAttempt) {
  std::atomic<int> attempts{0};
  Subscribe(*worker_, [&](const Envelope&, const Delivery&) {
    ++attempts;
    return RetryAfter(milliseconds(500));
  });
  const std::string id = Publish("k", "0");
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*worker_).failed >= 1; }, kPatience));
  const Cancelled answer = Cancel(id);
  const int before = attempts;
  EXPECT_TRUE(answer == Cancelled::kQueued || answer == Cancelled::kRunning);
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*worker_).cancelled == 1; }, kPatience));
  EXPECT_EQ(attempts, before);
}

TEST_P(ACancelledMessage, MayCancelItself) {
  std::promise<absl::StatusOr<Cancelled>> answer;
  Subscribe(*worker_, [&](const Envelope& event, const Delivery& delivery) {
    answer.set_value(delivery.bus().Cancel("orders", "billing", event.event_id, kPatience, kHonoured.cancel));
    EXPECT_TRUE(delivery.stop_token().stop_requested());
    return Retry();
  });
  Publish("k", "0");
  const absl::StatusOr<Cancelled> got = answer.get_future().get();
  ASSERT_THAT(got, IsOk());
  EXPECT_EQ(*got, Cancelled::kRunning);
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*worker_).cancelled == 1; }, kPatience));
}

TEST_P(ACancelledMessage, MayHaveATimeLimitToo) {
  EnvelopeSubscribeOptions options = kHonoured;
  options.time_limit = std::chrono::minutes(5);
  std::atomic<bool> runs{false};
  ASSERT_THAT(worker_->SubscribeEnvelope("orders", options,
                                         [&](const Envelope&, const Delivery& delivery) -> Outcome {
                                           runs = true;
                                           return WaitForStop(delivery) ? Retry("stopped") : Ack();
                                         }),
              IsOk());
  const std::string id = Publish("k", "0");
  ASSERT_TRUE(Eventually([&] { return runs.load(); }, kPatience));
  EXPECT_EQ(Cancel(id), Cancelled::kRunning);
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*worker_).cancelled == 1; }, kPatience));
  EXPECT_EQ(OnlySubscription(*worker_).timed_out, 0u);
}

TEST_P(ACancelledMessage, ThatIsOverIsLeftAloneAndHandledIfItIsRedriven) {
  std::atomic<bool> well{false};
  Subscribe(*worker_, [&](const Envelope& event, const Delivery&) -> Outcome {
    if (event.payload == "poison" && !well) return Reject("not yet");
    log_.Add(event.aggregate_id, event.payload);
    return Ack();
  });
  const std::string good = Publish("k", "good"), poison = Publish("k", "poison");
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*worker_).terminated == 1; }, kPatience));
  EXPECT_EQ(Cancel(good), Cancelled::kFinished);
  EXPECT_EQ(Cancel(poison), Cancelled::kFinished);
  well = true;
  ASSERT_THAT(asker_->dead_letters().Redrive({.topic = "orders"}), IsOk());
  ASSERT_TRUE(log_.Reaches(2));
  EXPECT_THAT(log_.Of("k"), ElementsAre("good", "poison"));
  EXPECT_EQ(OnlySubscription(*worker_).cancelled, 0u);
}

TEST_P(ACancelledMessage, MayComeAfterItsRequest) {
  Subscribe(*worker_, Logging(log_));
  const std::string id = NewEventId();
  EXPECT_EQ(Cancel(id, milliseconds(50)), Cancelled::kRequested);
  Publish("k", "cancelled", id);
  Publish("k", "follows");
  ASSERT_TRUE(log_.Reaches(1));
  EXPECT_THAT(log_.Of("k"), ElementsAre("follows"));
  EXPECT_EQ(Cancel(id), Cancelled::kQueued) << "as it was answered when its turn came";
}

TEST_P(ACancelledMessage, IsHandledWhereNobodyHonoursRequests) {
  EnvelopeSubscribeOptions options = kHonoured;
  options.cancel.honour = false;
  Gate gate;
  ASSERT_THAT(worker_->SubscribeEnvelope("orders", options,
                                         [&](const Envelope& event, const Delivery& delivery) {
                                           EXPECT_FALSE(delivery.stop_token().stop_possible());
                                           gate.opened().wait();
                                           log_.Add(event.aggregate_id, event.payload);
                                           return Ack();
                                         }),
              IsOk());
  const std::string id = Publish("k", "0");
  EXPECT_EQ(Cancel(id, milliseconds(50)), Cancelled::kRequested);
  gate.Open();
  EXPECT_TRUE(log_.Reaches(1));
}

TEST_P(ACancelledMessage, MayBeAnActors) {
  const Actor<Import> importer("import", {.cancel = {.honour = true}});
  std::atomic<bool> runs{false};
  ASSERT_THAT(importer.Host(*worker_,
                            [&](const Import&, const Delivery& delivery) -> Outcome {
                              runs = true;
                              return WaitForStop(delivery) ? Retry("stopped") : Ack();
                            }),
              IsOk());
  const auto sent = importer.Send(*asker_, {.file = "prices.csv"});
  ASSERT_THAT(sent, IsOk());
  ASSERT_TRUE(Eventually([&] { return runs.load(); }, kPatience));
  const auto answer = importer.Cancel(*asker_, sent->id, kPatience);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(*answer, Cancelled::kRunning);
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*worker_).cancelled == 1; }, kPatience));
  EXPECT_THAT(Actor<Import>("import").Cancel(*asker_, sent->id, kPatience),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("cancel.honour")));
}

TEST_P(ACancelledMessage, IsNotNamedByBadInput) {
  const auto invalid = [](std::string_view part) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(std::string(part)));
  };
  const milliseconds soon(1);
  EXPECT_THAT(asker_->Cancel("a b", "d", "e", soon), invalid("topic"));
  EXPECT_THAT(asker_->Cancel("orders.*", "d", "e", soon), invalid("topic"));
  EXPECT_THAT(asker_->Cancel("orders", "", "e", soon), invalid("durable"));
  EXPECT_THAT(asker_->Cancel("orders", "d", "", soon), invalid("event_id"));
  EXPECT_THAT(asker_->Cancel("orders", "d", "with space", soon), invalid("event_id"));
  EXPECT_THAT(asker_->Cancel("orders", "d", std::string(129, 'e'), soon), invalid("event_id"));
  EXPECT_THAT(asker_->Cancel("orders", "d", "e", milliseconds(-1)), invalid("timeout"));
  EXPECT_THAT(asker_->Cancel("orders", "d", "e", milliseconds::min()), invalid("timeout"));
  EXPECT_THAT(asker_->Cancel("orders", "d", "e", soon, {.bucket = "no.dots"}), invalid("bucket"));
  for (const milliseconds life : {milliseconds(0), milliseconds(-1), milliseconds(99), milliseconds::max()}) {
    EXPECT_THAT(asker_->Cancel("orders", "d", "e", soon, {.time_to_live = life}), invalid("time_to_live"));
    EnvelopeSubscribeOptions options = kHonoured;
    options.cancel.time_to_live = life;
    EXPECT_THAT(worker_->SubscribeEnvelope("orders", options, Logging(log_)), invalid("time_to_live"));
  }
  EnvelopeSubscribeOptions options = kHonoured;
  options.cancel.bucket = "";
  EXPECT_THAT(worker_->SubscribeEnvelope("orders", options, Logging(log_)), invalid("bucket"));
  EXPECT_EQ(Cancel("=2e.*>", milliseconds(0)), Cancelled::kRequested) << "an ID is any visible ASCII";
  asker_->Close();
  EXPECT_THAT(asker_->Cancel("orders", "d", "e", soon), StatusIs(absl::StatusCode::kFailedPrecondition));
}

PENSTOCK_ON_EVERY_TRANSPORT(ACancelledMessage);

}  // namespace
}  // namespace penstock::testing
