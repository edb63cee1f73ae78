// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <future>
#include <thread>

#include "absl/strings/match.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;

constexpr const char* kStream = "KV_PENSTOCK_RESULTS";
const EnvelopeSubscribeOptions kKeeping{.durable = "writers", .results = {.keep = true}};

/// Requests of the JetStream API, as others see them.
class Requests {
 public:
  explicit Requests(int port) : raw_(*RawNats::Connect(port)) {
    EXPECT_THAT(raw_.Subscribe("$JS.API.>"), IsOk());
    EXPECT_THAT(raw_.Ping(), IsOk());
  }
  /// Those since the last call that have `part` in their subject, or are about the bucket of results.
  std::size_t Count(std::string_view part = "") {
    for (auto next = raw_.Next(milliseconds(300)); next.ok(); next = raw_.Next(milliseconds(300))) {
      if (absl::StrContains(next->subject, kStream)) subjects_.push_back(next->subject);
    }
    return static_cast<std::size_t>(std::ranges::count_if(
        subjects_, [part](const std::string& subject) { return absl::StrContains(subject, std::string(part)); }));
  }

 private:
  RawNats raw_;
  std::vector<std::string> subjects_{};
};

class ManyResults : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    asker_ = Connect(Options("asker"));
    worker_ = Connect(Options("worker"));
  }

  static void Handle(EventBus& bus, EnvelopeHandler handler, const EnvelopeSubscribeOptions& options = kKeeping) {
    ASSERT_THAT(bus.SubscribeEnvelope("orders", options, std::move(handler)), IsOk());
  }
  static Outcome Echo(const Envelope& event, const Delivery&) { return Outcome::With(event.payload); }

  std::vector<std::string> Publish(std::size_t count) {
    std::vector<std::string> ids(count);
    for (std::size_t i = 0; i < count; ++i) {
      Envelope event = Event("k" + std::to_string(i % 7), std::to_string(i));
      ids[i] = event.event_id = NewEventId();
      EXPECT_THAT(asker_->PublishEnvelope("orders", std::move(event)), IsOk());
    }
    return ids;
  }
  absl::StatusOr<Result> Await(std::string_view id, milliseconds timeout = kPatience) {
    return asker_->AwaitResult("orders", "writers", id, timeout);
  }
  std::vector<std::future<absl::StatusOr<Result>>> AwaitAtOnce(const std::vector<std::string>& ids) {
    std::vector<std::future<absl::StatusOr<Result>>> waits;
    for (const std::string& id : ids) {
      waits.push_back(std::async(std::launch::async, [this, id] { return Await(id); }));
    }
    return waits;
  }
  static void ExpectNumbers(std::vector<std::future<absl::StatusOr<Result>>> waits) {
    for (std::size_t i = 0; i < waits.size(); ++i) {
      const auto result = waits[i].get();
      ASSERT_THAT(result, IsOk());
      EXPECT_EQ(result->value, std::to_string(i));
    }
  }

  std::unique_ptr<EventBus> asker_, worker_;
};
PENSTOCK_ON_EVERY_TRANSPORT(ManyResults);

class ResultsOnAServer : public ManyResults {
 protected:
  void DeleteBucket() {
    auto raw = RawNats::Connect(server_->port());
    ASSERT_THAT(raw, IsOk());
    const auto deleted = raw->Request(std::string("$JS.API.STREAM.DELETE.") + kStream, "");
    ASSERT_THAT(deleted, IsOk());
    ASSERT_TRUE(absl::StrContains(deleted->body, "\"success\":true")) << deleted->body;
  }
};
INSTANTIATE_TEST_SUITE_P(On, ResultsOnAServer, ::testing::Values("jetstream"),
                         [](const auto& transport) { return std::string(transport.param); });

TEST_P(ResultsOnAServer, ThatAreThereCostOneRequestEach) {
  Handle(*worker_, Echo);
  const std::vector<std::string> ids = Publish(20);
  ASSERT_THAT(Await(ids.back()), IsOk());
  ASSERT_TRUE(Eventually([&] { return worker_->Stats().subscriptions.front().acked == ids.size(); }, kPatience));
  Requests requests(server_->port());
  for (const std::string& id : ids) ASSERT_THAT(Await(id), IsOk());
  EXPECT_EQ(requests.Count(), ids.size());
}

TEST_P(ResultsOnAServer, ThatAreNotThereYetShareOneWatch) {
  Requests requests(server_->port());
  const std::vector<std::string> ids = Publish(24);
  auto waits = AwaitAtOnce(ids);
  ASSERT_TRUE(Eventually([&] { return requests.Count("MSG.GET") >= ids.size(); }, kPatience));
  Handle(*worker_, Echo);
  ExpectNumbers(std::move(waits));
  EXPECT_EQ(requests.Count("CONSUMER.CREATE") + requests.Count("CONSUMER.DURABLE"), 1U);
  EXPECT_LE(requests.Count("MSG.GET"), 2 * ids.size());
}

TEST_P(ResultsOnAServer, AreAwaitedAgainOnceTheirBucketWasDeleted) {
  Handle(*worker_, Echo);
  const std::vector<std::string> before = Publish(1);
  ASSERT_THAT(Await(before[0]), IsOk());
  auto waiting = std::async(std::launch::async, [&] { return Await("not-published-yet"); });
  DeleteBucket();
  EXPECT_THAT(Await(before[0], milliseconds(100)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  ExpectNumbers(AwaitAtOnce(Publish(3)));
  Envelope late = Event("k", "late");
  late.event_id = "not-published-yet";
  ASSERT_THAT(asker_->PublishEnvelope("orders", late), IsOk());
  const auto result = waiting.get();
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->value, "late");
}

TEST_P(ManyResults, AreAwaitedByManyAtOnce) {
  const std::vector<std::string> ids = Publish(100);
  auto first = AwaitAtOnce(ids);
  Handle(*worker_, Echo);
  ExpectNumbers(std::move(first));
  ExpectNumbers(AwaitAtOnce(ids));
}

TEST_P(ManyResults, AreNotAwaitedFromAClosedBus) {
  auto waits = AwaitAtOnce(Publish(8));
  const auto left = [&waits] {
    return std::ranges::count_if(
        waits, [](auto& wait) { return wait.wait_for(milliseconds(0)) != std::future_status::ready; });
  };
  asker_->Close();
  EXPECT_TRUE(Eventually([&] { return left() == 0; }, kPatience / 3)) << "long before their time is up";
  for (auto& wait : waits) EXPECT_THAT(wait.get(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Await("any"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(ManyResults, OfAllThatWasHandledAreKeptWhenTheWorkerCloses) {
  Log log;
  const auto handler = [&log](const Envelope& event, const Delivery&) {
    log.Add(event.payload, "handled");
    return Outcome::With(event.payload);
  };
  const std::vector<std::string> ids = Publish(400);
  Handle(*worker_, handler);
  ASSERT_TRUE(log.Reaches(20));
  worker_->Close();
  const auto next = Connect(Options("next"));
  Handle(*next, handler);
  ExpectNumbers(AwaitAtOnce(ids));
  EXPECT_EQ(log.count(), ids.size()) << "what was handled before is not handled again";
}

TEST_P(ManyResults, OfAnAttemptThatOverranItsTimeLimitAreNotKept) {
  EnvelopeSubscribeOptions options = kKeeping;
  options.time_limit = milliseconds(50);
  options.retry = {.max_attempts = 3, .min_backoff = milliseconds(300), .max_backoff = milliseconds(300)};
  const auto handler = [](const Envelope&, const Delivery& delivery) {
    if (delivery.attempt() > 1) return Outcome::With("in time");
    const std::stop_token& stop = delivery.stop_token();
    EXPECT_TRUE(Eventually([&] { return stop.stop_requested(); }, kPatience));
    return Outcome::With("too late");
  };
  const std::vector<std::string> ids = Publish(1);
  auto waits = AwaitAtOnce(ids);
  Handle(*worker_, handler, options);
  const auto result = waits[0].get();
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->value, "in time");
  EXPECT_EQ(result->attempts, 2U);
}

}  // namespace
}  // namespace penstock::testing
