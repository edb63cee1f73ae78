// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <optional>

#include "scenarios/gate.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const EnvelopeSubscribeOptions kBilling{.durable = "billing"};
constexpr milliseconds kPeriod{300};

class Beating : public Scenario {
 protected:
  void SetUpOn(const std::string& transport) {
    transport == "jetstream" ? UseServer() : UseMemory();
    asker_ = Connect(Options("asker"));
  }

  BusOptions BeatingOptions(std::string client_id) const {
    BusOptions options = Options(std::move(client_id));
    options.liveness = {.beat = true, .period = kPeriod};
    return options;
  }
  std::vector<WorkerLiveness> All() const {
    auto workers = asker_->Liveness();
    EXPECT_THAT(workers, IsOk());
    return workers.ok() ? *std::move(workers) : std::vector<WorkerLiveness>{};
  }
  /// The worker, when it comes to match.
  std::optional<WorkerLiveness> Await(const std::string& client_id,
                                      const std::function<bool(const WorkerLiveness& worker)>& matches) const {
    std::optional<WorkerLiveness> found;
    Eventually(
        [&] {
          for (const WorkerLiveness& each : All()) {
            if (each.client_id == client_id && matches(each)) found = each;
          }
          return found.has_value();
        },
        kPatience);
    return found;
  }
  std::optional<WorkerLiveness> AwaitState(const std::string& client_id, WorkerState state) const {
    return Await(client_id, [state](const WorkerLiveness& worker) { return worker.state == state; });
  }
  std::optional<WorkerLiveness> AwaitRole(const std::string& client_id, SubscriptionRole role) const {
    return Await(client_id, [role](const WorkerLiveness& worker) { return Has(worker, role); });
  }
  static bool Has(const WorkerLiveness& worker, SubscriptionRole role) {
    return worker.subscriptions.size() == 1 && worker.subscriptions[0].role == role;
  }

  std::unique_ptr<EventBus> asker_;
  Log log_;
};

class Liveness : public Beating, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override { SetUpOn(GetParam()); }
};

TEST_P(Liveness, TellsWhoIsAliveSinceWhenAndOnWhat) {
  EXPECT_THAT(All(), IsEmpty());
  auto silent = Connect(Options("silent"));
  const auto before = std::chrono::system_clock::now();
  auto worker = Connect(BeatingOptions("worker"));
  ASSERT_THAT(worker->SubscribeEnvelope("orders", kBilling, Logging(log_)), IsOk());
  const auto found = Await("worker", [](const WorkerLiveness& w) {
    return Has(w, SubscriptionRole::kOwns) && w.state == WorkerState::kAlive;
  });
  ASSERT_TRUE(found);
  EXPECT_THAT(All(), SizeIs(1)) << "only those that beat";
  const WorkerLiveness& told = *found;
  EXPECT_EQ(told.pid, getpid());
  EXPECT_THAT(told.instance, SizeIs(16));
  EXPECT_FALSE(told.host.empty());
  EXPECT_FALSE(told.version.empty());
  EXPECT_EQ(told.period, kPeriod);
  EXPECT_EQ(told.workers, 2u);
  EXPECT_GE(told.started_at + std::chrono::seconds(1), before);
  EXPECT_LE(told.since_beat, 3 * kPeriod);
  EXPECT_GE(told.last_beat_at + std::chrono::seconds(1), before);
  EXPECT_EQ(told.subscriptions[0].topic, "orders");
  EXPECT_EQ(told.subscriptions[0].durable, "billing");
  EXPECT_EQ(told.subscriptions[0].running, 0u);
}

TEST_P(Liveness, TellsTheProcessesOfOneServiceApartAndForgetsThoseThatWereClosed) {
  auto one = Connect(BeatingOptions("worker")), other = Connect(BeatingOptions("worker"));
  ASSERT_TRUE(Eventually([&] { return All().size() == 2; }, kPatience));
  EXPECT_NE(All()[0].instance, All()[1].instance);
  one->Close();
  EXPECT_THAT(All(), SizeIs(1)) << "at once";
  EXPECT_TRUE(other->Drain(kPatience).orderly);
  EXPECT_THAT(All(), IsEmpty());
}

TEST_P(Liveness, TellsWhoStandsByAndWhoTookOver) {
  auto owner = Connect(BeatingOptions("owner"));
  ASSERT_THAT(owner->SubscribeEnvelope("orders", kBilling, Logging(log_)), IsOk());
  ASSERT_TRUE(AwaitRole("owner", SubscriptionRole::kOwns));
  auto heir = Connect(BeatingOptions("heir"));
  ASSERT_THAT(heir->SubscribeEnvelope("orders", kBilling, Logging(log_)), IsOk());
  ASSERT_TRUE(AwaitRole("heir", SubscriptionRole::kStandsBy));
  owner->Close();
  EXPECT_TRUE(AwaitRole("heir", SubscriptionRole::kOwns));
  EXPECT_THAT(All(), SizeIs(1));
}

TEST_P(Liveness, TellsWhoSharesAndWhoListens) {
  EnvelopeSubscribeOptions shared = kBilling;
  shared.sharing = Sharing::kShared;
  auto worker = Connect(BeatingOptions("worker")), listener = Connect(BeatingOptions("listener"));
  ASSERT_THAT(worker->SubscribeEnvelope("orders", shared, Logging(log_)), IsOk());
  ASSERT_THAT(listener->Subscribe("prices", [](const Delivery&) { return absl::OkStatus(); }), IsOk());
  EXPECT_TRUE(AwaitRole("worker", SubscriptionRole::kShares));
  EXPECT_TRUE(AwaitRole("listener", SubscriptionRole::kListens));
}

TEST_P(Liveness, TellsThatAllWorkersAreStuckAndThatTheyAreNotAnyMore) {
  auto worker = Connect(BeatingOptions("worker"));
  Gate gate;
  ASSERT_THAT(worker->SubscribeEnvelope("orders", kBilling,
                                        [&](const Envelope& event, const Delivery&) {
                                          gate.opened().wait();
                                          log_.Add(event.aggregate_id, event.payload);
                                          return Ack();
                                        }),
              IsOk());
  PublishNumbered(*asker_, "orders", 8, 2);
  const auto stuck = AwaitState("worker", WorkerState::kStuck);
  ASSERT_TRUE(stuck);
  ASSERT_THAT(stuck->subscriptions, SizeIs(1));
  EXPECT_EQ(stuck->subscriptions[0].running, 2u);
  EXPECT_GT(stuck->subscriptions[0].longest_running, milliseconds(0));
  EXPECT_EQ(stuck->subscriptions[0].waiting, 14u);
  EXPECT_GT(stuck->subscriptions[0].oldest_waiting, milliseconds(0));
  EXPECT_GT(stuck->since_progress, 3 * kPeriod);
  gate.Open();
  EXPECT_TRUE(log_.Reaches(16));
  EXPECT_TRUE(AwaitState("worker", WorkerState::kAlive));
}

TEST_P(Liveness, TellsThatOneLongHandlerIsNoReasonToWorry) {
  auto worker = Connect(BeatingOptions("worker"));
  Gate gate;
  ASSERT_THAT(worker->SubscribeEnvelope("orders", kBilling,
                                        [&](const Envelope&, const Delivery&) {
                                          gate.opened().wait();
                                          return Ack();
                                        }),
              IsOk());
  PublishNumbered(*asker_, "orders", 1, 1);
  EXPECT_TRUE(Await("worker", [](const WorkerLiveness& w) {
    return w.subscriptions.size() == 1 && w.subscriptions[0].longest_running > 5 * w.period &&
           w.state == WorkerState::kAlive;
  }));
}

TEST_P(Liveness, TellsThatADeferredOutcomeHoldsNoWorker) {
  auto worker = Connect(BeatingOptions("worker"));
  std::mutex mutex;
  std::vector<DeferredOutcome> tokens;
  ASSERT_THAT(worker->SubscribeEnvelope("orders", kBilling,
                                        [&](const Envelope&, const Delivery& delivery) {
                                          std::lock_guard<std::mutex> lock(mutex);
                                          tokens.push_back(delivery.Defer());
                                          return Deferred();
                                        }),
              IsOk());
  PublishNumbered(*asker_, "orders", 3, 1);
  EXPECT_TRUE(Await("worker", [](const WorkerLiveness& w) {
    return w.subscriptions.size() == 1 && w.subscriptions[0].running == 3 &&
           w.subscriptions[0].longest_running > 4 * w.period && w.state == WorkerState::kAlive;
  }));
  std::lock_guard<std::mutex> lock(mutex);
  for (DeferredOutcome& token : tokens) EXPECT_THAT(token.Settle(Ack()), IsOk());
}

TEST_P(Liveness, TellsWhoseBeatsHaveEnded) {
  auto bucket = asker_->Bucket("PENSTOCK_LIVENESS", {.time_to_live = std::chrono::hours(1)});
  ASSERT_THAT(bucket, IsOk());
  ASSERT_THAT((*bucket)->Put("gone.1", R"({"client_id":"gone","instance":"1","period_ms":100,"pid":4711,
      "subscriptions":[{"topic":"orders","durable":"billing","role":"owns","running":3}]})"),
              IsOk());
  const auto gone = AwaitState("gone", WorkerState::kDead);
  ASSERT_TRUE(gone);
  EXPECT_GT(gone->since_beat, milliseconds(300));
  EXPECT_EQ(gone->pid, 4711);
  ASSERT_THAT(gone->subscriptions, SizeIs(1));
  EXPECT_EQ(gone->subscriptions[0].role, SubscriptionRole::kOwns);
}

TEST_P(Liveness, PassesOverWhatIsNoBeat) {
  auto bucket = asker_->Bucket("PENSTOCK_LIVENESS", {.time_to_live = std::chrono::hours(1)});
  ASSERT_THAT(bucket, IsOk());
  int key = 0;
  for (const char* const value :
       {"", "{", "[]", "7", "{}", R"({"client_id":7,"period_ms":1})", R"({"client_id":"a"})",
        R"({"client_id":"a","period_ms":-5})", R"({"client_id":"a","period_ms":"1"})", "\xff\xfe\x00"}) {
    ASSERT_THAT((*bucket)->Put("hostile." + std::to_string(++key), value), IsOk());
  }
  ASSERT_THAT((*bucket)->Put("hostile.vast", R"({"client_id":"vast","period_ms":9223372036854775807,
      "since_progress_ms":9223372036854775807,"subscriptions":[7,{"role":"king","running":-1},{}]})"),
              IsOk());
  const std::vector<WorkerLiveness> all = All();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].client_id, "vast");
  EXPECT_THAT(all[0].subscriptions, Each(Field(&SubscriptionLiveness::role, SubscriptionRole::kInactive)));
}

TEST_P(Liveness, BadInputIsRefused) {
  const auto invalid = [](std::string_view part) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(std::string(part)));
  };
  for (const milliseconds period : {milliseconds(0), milliseconds(99), milliseconds(600'001), milliseconds::min()}) {
    BusOptions options = Options();
    options.liveness.period = period;
    EXPECT_THAT(EventBus::Connect(options).status(), invalid("liveness.period"));
  }
  BusOptions options = Options();
  options.liveness.bucket = "no.dots";
  EXPECT_THAT(EventBus::Connect(options).status(), invalid("liveness.bucket"));
  EXPECT_THAT(asker_->Liveness({.timeout = milliseconds(-1)}), invalid("timeout"));
  EXPECT_THAT(asker_->Liveness({.timeout = milliseconds::max()}), invalid("timeout"));
  asker_->Close();
  EXPECT_THAT(asker_->Liveness(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(Liveness, ABucketThatDoesNotFitIsLoggedAndHoldsNobodyUp) {
  ASSERT_THAT(asker_->Bucket("PENSTOCK_LIVENESS", {.time_to_live = std::chrono::hours(2)}), IsOk());
  std::atomic<int> warnings{0};
  BusOptions options = BeatingOptions("worker");
  options.log = [&](LogLevel level, std::string_view line) {
    if (level == LogLevel::kWarning && line.find("PENSTOCK_LIVENESS") != line.npos) ++warnings;
  };
  auto worker = Connect(options);
  ASSERT_THAT(worker->SubscribeEnvelope("orders", kBilling, Logging(log_)), IsOk());
  EXPECT_TRUE(Eventually([&] { return warnings == 1; }, kPatience));
  PublishNumbered(*asker_, "orders", 1, 1);
  EXPECT_TRUE(log_.Reaches(1));
  EXPECT_THAT(asker_->Liveness(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("liveness")));
  worker->Close();
  EXPECT_EQ(warnings, 1) << "once, not with each beat";
}

PENSTOCK_ON_EVERY_TRANSPORT(Liveness);

class LivenessOnAServer : public Beating {
 protected:
  void SetUp() override { SetUpOn("jetstream"); }
};

TEST_F(LivenessOnAServer, GoesOnWhenItsBucketWasDeletedOrTheServerBegunAgain) {
  auto worker = Connect(BeatingOptions("worker"));
  ASSERT_TRUE(AwaitState("worker", WorkerState::kAlive));
  auto raw = RawNats::Connect(server_->port());
  ASSERT_THAT(raw, IsOk());
  const auto deleted = raw->Request("$JS.API.STREAM.DELETE.KV_PENSTOCK_LIVENESS", "");
  ASSERT_THAT(deleted, IsOk());
  ASSERT_THAT(deleted->body, HasSubstr("\"success\":true"));
  EXPECT_TRUE(AwaitState("worker", WorkerState::kAlive));
  server_->Stop();
  ASSERT_THAT(server_->Start(), IsOk());
  ASSERT_TRUE(Eventually([&] { return asker_->connected() && worker->connected(); }, kPatience));
  EXPECT_TRUE(AwaitState("worker", WorkerState::kAlive));
}

}  // namespace
}  // namespace penstock::testing
