// SPDX-License-Identifier: Apache-2.0
// A request to cancel holds across restarts, take-overs and redrives, and loses nothing when its bucket is lost.
#include <atomic>
#include <future>

#include "scenarios/cancelling.h"
#include "scenarios/gate.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ACancelledMessageStaysSo : public Cancelling, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override { SetUpOn(GetParam()); }

  // A handler that waits for the gate at "first".
  EnvelopeHandler WaitingAt(Gate& gate) {
    return [this, &gate](const Envelope& event, const Delivery&) {
      if (event.payload == "first") gate.opened().wait();
      log_.Add(event.aggregate_id, event.payload);
      return Ack();
    };
  }
};

TEST_P(ACancelledMessageStaysSo, WhenNobodyHandlesUntilLater) {
  Publish("k", "first");
  const std::string id = Publish("k", "second");
  Publish("k", "third");
  EXPECT_EQ(Cancel(id, milliseconds(50)), Cancelled::kRequested);
  Subscribe(*worker_, Logging(log_));
  ASSERT_TRUE(log_.Reaches(2));
  EXPECT_THAT(log_.Of("k"), ElementsAre("first", "third"));
  EXPECT_EQ(Cancel(id), Cancelled::kQueued);
}

TEST_P(ACancelledMessageStaysSo, WhenAnotherProcessTakesOver) {
  auto successor = Connect(Options("successor"));
  Gate gate;
  Subscribe(*worker_, WaitingAt(gate));
  Publish("k", "first");
  const std::string id = Publish("k", "second");
  Publish("k", "third");
  ASSERT_TRUE(HasReceived(*worker_, 3));
  Subscribe(*successor, Logging(log_));
  EXPECT_EQ(Cancel(id), Cancelled::kQueued);
  auto closing = std::async(std::launch::async, [this] { worker_->Close(); });
  gate.Open();
  closing.get();
  ASSERT_TRUE(log_.Reaches(2));
  EXPECT_THAT(log_.Of("k"), ElementsAre("first", "third"));
  EXPECT_TRUE(Eventually(
      [&] { return OnlySubscription(*worker_).cancelled + OnlySubscription(*successor).cancelled == 1; }, kPatience));
}

TEST_P(ACancelledMessageStaysSo, WhenItsProcessDiesWhileItRuns) {
  std::atomic<bool> runs{false};
  Subscribe(*worker_, [&](const Envelope&, const Delivery& delivery) {
    runs = true;
    auto token = delivery.Defer();  // nobody settles it: what a crash leaves
    static DeferredOutcome kept;
    kept = std::move(token);
    return Deferred();
  });
  const std::string id = Publish("k", "first");
  ASSERT_TRUE(Eventually([&] { return runs.load(); }, kPatience));
  EXPECT_EQ(Cancel(id), Cancelled::kRunning);
  worker_->Close();
  Publish("k", "second");
  auto successor = Connect(Options("successor"));
  Subscribe(*successor, Logging(log_));
  ASSERT_TRUE(log_.Reaches(1));
  EXPECT_THAT(log_.Of("k"), ElementsAre("second"));
}

TEST_P(ACancelledMessageStaysSo, WhicheverMemberOfASharedDurableHasIt) {
  EnvelopeSubscribeOptions options = kHonoured;
  options.sharing = Sharing::kShared;
  auto other = Connect(Options("other"));
  std::atomic<int> running{0};
  const EnvelopeHandler handler = [&](const Envelope& event, const Delivery& delivery) -> Outcome {
    ++running;
    const bool stopped = WaitForStop(delivery);
    if (!stopped) log_.Add("unstopped", event.payload);
    return Retry();
  };
  ASSERT_THAT(worker_->SubscribeEnvelope("orders", options, handler), IsOk());
  ASSERT_THAT(other->SubscribeEnvelope("orders", options, handler), IsOk());
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(Publish("k" + std::to_string(i), std::to_string(i)));
  const auto handled_by = [](const EventBus& bus) { return OnlySubscription(bus).cancelled; };
  for (const std::string& id : ids) {
    EXPECT_TRUE(Eventually(
        [&] {
          const Cancelled answer = Cancel(id, milliseconds(500));
          return answer == Cancelled::kRunning || answer == Cancelled::kQueued;
        },
        kPatience));
  }
  EXPECT_TRUE(Eventually([&] { return handled_by(*worker_) + handled_by(*other) == ids.size(); }, kPatience));
  EXPECT_THAT(log_.Of("unstopped"), IsEmpty());
}

TEST_P(ACancelledMessageStaysSo, WhenItIsRedrivenWhileItsRequestStands) {
  Subscribe(*worker_, [](const Envelope&, const Delivery&) { return Reject("not yet"); });
  const std::string id = Publish("k", "poison");
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*worker_).terminated == 1; }, kPatience));
  worker_->Close();
  EXPECT_EQ(Cancel(id, milliseconds(50)), Cancelled::kRequested) << "nobody remembers it";
  ASSERT_THAT(asker_->dead_letters().Redrive({.topic = "orders"}), IsOk());
  Publish("k", "follows");
  auto successor = Connect(Options("successor"));
  Subscribe(*successor, Logging(log_));
  ASSERT_TRUE(log_.Reaches(1));
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*successor).cancelled == 1; }, kPatience));
  EXPECT_THAT(log_.Of("k"), ElementsAre("follows"));
  EXPECT_TRUE(Eventually(
      [&] {
        const auto letters = asker_->dead_letters().List({.topic = "orders"});
        return letters.ok() && letters->letters.empty();
      },
      kPatience))
      << "its letter is gone with it";
}

TEST_P(ACancelledMessageStaysSo, UntilItsRequestExpires) {
  EnvelopeSubscribeOptions options = kHonoured;
  options.cancel = {.honour = true, .bucket = "SHORT", .time_to_live = milliseconds(200)};
  const std::string id = Publish("k", "first");
  const auto answer = asker_->Cancel("orders", "billing", id, milliseconds(0), options.cancel);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(*answer, Cancelled::kRequested);
  auto bucket = asker_->Bucket("SHORT", {.time_to_live = milliseconds(200)});
  ASSERT_THAT(bucket, IsOk());
  const std::string key = "orders.billing." + id;
  ASSERT_TRUE(Eventually([&] { return absl::IsNotFound((*bucket)->Get(key).status()); }, kPatience));
  ASSERT_THAT(worker_->SubscribeEnvelope("orders", options, Logging(log_)), IsOk());
  EXPECT_TRUE(log_.Reaches(1));
}

TEST_P(ACancelledMessageStaysSo, UnlessItsRequestIsTakenBack) {
  auto bucket = asker_->Bucket("PENSTOCK_CANCELS", {.time_to_live = std::chrono::hours(24)});
  ASSERT_THAT(bucket, IsOk());
  ASSERT_THAT((*bucket)->Put("orders.billing.broken", "no request"), IsOk());
  Gate gate;
  Subscribe(*worker_, WaitingAt(gate));
  Publish("k", "first");
  Publish("k", "broken", "broken");
  const std::string id = Publish("k", "second");
  ASSERT_TRUE(HasReceived(*worker_, 3));
  EXPECT_EQ(Cancel(id), Cancelled::kQueued);
  ASSERT_THAT((*bucket)->Delete("orders.billing." + id), IsOk());
  ASSERT_THAT((*bucket)->Put("orders.billing.unknown", "{\"state\":\"requested\"}"), IsOk());
  const std::string last = Publish("k", "last");
  ASSERT_TRUE(HasReceived(*worker_, 4));
  EXPECT_EQ(Cancel(last), Cancelled::kQueued) << "what came before it was seen";
  gate.Open();
  ASSERT_TRUE(log_.Reaches(3));
  EXPECT_THAT(log_.Of("k"), ElementsAre("first", "broken", "second"));
}

TEST_P(ACancelledMessageStaysSo, IfTheBucketFitsOrIsRefused) {
  ASSERT_THAT(asker_->Bucket("PENSTOCK_CANCELS", {.time_to_live = std::chrono::hours(1)}), IsOk());
  EXPECT_THAT(worker_->SubscribeEnvelope("orders", kHonoured, Logging(log_)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("cancel")));
  EXPECT_THAT(asker_->Cancel("orders", "billing", "id", milliseconds(1)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("cancel")));
}

PENSTOCK_ON_EVERY_TRANSPORT(ACancelledMessageStaysSo);

class ALostBucketOfRequests : public Cancelling {
 protected:
  void SetUp() override { SetUpOn("jetstream"); }

  void DeleteBucket() {
    auto raw = RawNats::Connect(server_->port());
    ASSERT_THAT(raw, IsOk());
    const auto reply = raw->Request("$JS.API.STREAM.DELETE.KV_PENSTOCK_CANCELS", "");
    ASSERT_THAT(reply, IsOk());
    ASSERT_THAT(reply->body, HasSubstr("\"success\":true"));
  }
};

TEST_F(ALostBucketOfRequests, HoldsNobodyUpAndIsMadeAnew) {
  Gate gate;
  Subscribe(*worker_, [&](const Envelope& event, const Delivery&) {
    if (event.payload == "held") gate.opened().wait();
    log_.Add(event.aggregate_id, event.payload);
    return Ack();
  });
  DeleteBucket();
  Publish("k", "first");
  ASSERT_TRUE(log_.Reaches(1));
  Publish("other", "held");
  const std::string id = Publish("other", "second");
  ASSERT_TRUE(HasReceived(*worker_, 3));
  EXPECT_EQ(Cancel(id), Cancelled::kQueued);
  gate.Open();
  Publish("other", "third");
  ASSERT_TRUE(log_.Reaches(3));
  EXPECT_THAT(log_.Of("other"), ElementsAre("held", "third"));
}

TEST_F(ALostBucketOfRequests, IsAnErrorOfWhoWaits) {
  auto waiting = std::async(std::launch::async, [&] {
    return asker_->Cancel("orders", "billing", "nobody-has-it", std::chrono::seconds(3), kHonoured.cancel);
  });
  auto raw = RawNats::Connect(server_->port());
  ASSERT_THAT(raw, IsOk());
  ASSERT_TRUE(Eventually(
      [&] {
        const auto reply = raw->Request("$JS.API.STREAM.INFO.KV_PENSTOCK_CANCELS", "");
        return reply.ok() && reply->body.find("\"messages\":1") != std::string::npos;
      },
      kPatience));
  DeleteBucket();
  EXPECT_FALSE(waiting.get().ok()) << "the request is gone";
}

}  // namespace
}  // namespace penstock::testing
