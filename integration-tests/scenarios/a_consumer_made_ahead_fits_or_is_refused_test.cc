// SPDX-License-Identifier: Apache-2.0
// Every setting in the table of docs/operations.md, made ahead by an operator on a real server: the subscription works
// with nothing lost, or is refused before the first event.
#include <fstream>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "scenarios/made_ahead.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr std::int64_t kSecond = 1'000'000'000;

enum class Use { kExclusive, kCumulative, kShared, kGroup };
enum class End {
  kWorks,
  kWorksFromNowOn,  ///< what was published before may be left out
  kRefused,
};

struct Case {
  const char* name;
  const char* field;  // in the table
  Use use;
  Json settings;
  End end;
  const char* words = "";  // of the refusal, or of a log line
  int since = 209;         // the first version that has the setting, and the last that treats it so
  int until = 10000;
};

std::vector<Case> CasesOfKind() {
  using enum Use;
  using enum End;
  return {
      {"PlainExclusive", "name", kExclusive, {}, kWorks},
      {"PlainCumulative", "ack_policy", kCumulative, {}, kWorks},
      {"PlainShared", "name", kShared, {}, kWorks},
      {"PlainGroup", "name", kGroup, {}, kWorks},
      {"PullForExclusive",
       "deliver_subject",
       kExclusive,
       {{"deliver_subject", nullptr}, {"idle_heartbeat", nullptr}},
       kRefused,
       R"x(delivery "pull" but needs "push (exclusive)")x"},
      {"PushForShared",
       "deliver_subject",
       kShared,
       {{"deliver_subject", "made.ahead"}},
       kRefused,
       R"x(delivery "push" but needs "pull (shared)")x"},
      {"PushForGroup", "deliver_subject", kGroup, {{"deliver_subject", "made.ahead"}}, kRefused, R"(delivery "push")"},
      {"NotDurable",
       "durable_name",
       kShared,
       {{"durable_name", nullptr}, {"name", "billing"}, {"inactive_threshold", 3600 * kSecond}},
       kRefused,
       "durable_name"},
      {"AckAllForExplicit",
       "ack_policy",
       kExclusive,
       {{"ack_policy", "all"}},
       kRefused,
       R"(ack_policy "all" but needs "explicit")"},
      {"AckExplicitForCumulative",
       "ack_policy",
       kCumulative,
       {{"ack_policy", "explicit"}},
       kRefused,
       R"(ack_policy "explicit" but needs "all")"},
      {"AckNoneForShared", "ack_policy", kShared, {{"ack_policy", "none"}}, kRefused, R"(ack_policy "none")"},
      {"AckExplicitForGroup", "ack_policy", kGroup, {{"ack_policy", "explicit"}}, kRefused, R"(ack_policy "explicit")"},
      {"NoFilter", "filter_subject", kExclusive, {{"filter_subject", nullptr}}, kWorks},
      {"NoFilterShared", "filter_subject", kShared, {{"filter_subject", nullptr}}, kWorks},
      {"OneOfFilters",
       "filter_subjects",
       kExclusive,
       {{"filter_subject", nullptr}, {"filter_subjects", Json::array({"orders"})}},
       kWorks,
       "",
       210},
      {"DeliverNew", "deliver_policy", kExclusive, {{"deliver_policy", "new"}}, kWorksFromNowOn},
      {"DeliverLast", "deliver_policy", kShared, {{"deliver_policy", "last"}}, kWorksFromNowOn},
  };
}

std::vector<Case> CasesOfDelivery() {
  using enum Use;
  using enum End;
  return {
      {"DeliverLastPerSubject",
       "deliver_policy",
       kCumulative,
       {{"deliver_policy", "last_per_subject"}},
       kWorksFromNowOn},
      {"ByStartSequence",
       "opt_start_seq",
       kExclusive,
       {{"deliver_policy", "by_start_sequence"}, {"opt_start_seq", 11}},
       kWorksFromNowOn},
      {"ByStartTime",
       "opt_start_time",
       kShared,
       {{"deliver_policy", "by_start_time"}, {"opt_start_time", "2020-01-01T00:00:00Z"}},
       kWorks,
       "",
       210},
      {"ByStartTimeOn29",
       "opt_start_time",
       kExclusive,
       {{"deliver_policy", "by_start_time"}, {"opt_start_time", "2020-01-01T00:00:00Z"}},
       kRefused,
       "opt_start_time",
       209,
       209},
      {"ReplayOriginal",
       "replay_policy",
       kExclusive,
       {{"replay_policy", "original"}},
       kRefused,
       R"(replay_policy "original" but needs "instant")"},
      {"ReplayOriginalShared", "replay_policy", kShared, {{"replay_policy", "original"}}, kRefused, "replay_policy"},
      {"HeadersOnly", "headers_only", kExclusive, {{"headers_only", true}}, kWorks, "headers_only from true to none"},
      {"HeadersOnlyShared", "headers_only", kShared, {{"headers_only", true}}, kWorks, "headers_only from true"},
      {"HeadersOnlyGroup", "headers_only", kGroup, {{"headers_only", true}}, kWorks, "headers_only from true"},
      {"AckWait", "ack_wait", kExclusive, {{"ack_wait", kSecond}}, kWorks, "ack_wait from 1000000000"},
      {"AckWaitShared", "ack_wait", kShared, {{"ack_wait", kSecond}}, kWorks, "ack_wait from 1000000000"},
      {"Backoff",
       "backoff",
       kExclusive,
       {{"backoff", Json::array({kSecond, 2 * kSecond})}, {"max_deliver", 5}},
       kWorks,
       "backoff from [1000000000,2000000000] to none"},
  };
}

std::vector<Case> CasesOfLimits() {
  using enum Use;
  using enum End;
  return {
      {"BackoffShared",
       "backoff",
       kShared,
       {{"backoff", Json::array({kSecond, 2 * kSecond})}, {"max_deliver", 5}},
       kWorks,
       "backoff from"},
      {"MaxDeliver", "max_deliver", kCumulative, {{"max_deliver", 1}}, kWorks, "max_deliver from 1 to -1"},
      {"MaxDeliverShared", "max_deliver", kShared, {{"max_deliver", 1}}, kWorks, "max_deliver from 1 to -1"},
      {"MaxAckPending", "max_ack_pending", kExclusive, {{"max_ack_pending", 1}}, kWorks, "max_ack_pending from 1"},
      {"MaxAckPendingShared", "max_ack_pending", kShared, {{"max_ack_pending", 1}}, kWorks, "max_ack_pending from 1"},
      {"FlowControl", "flow_control", kExclusive, {{"flow_control", true}}, kWorks},
      {"NoHeartbeat",
       "idle_heartbeat",
       kExclusive,
       {{"idle_heartbeat", nullptr}},
       kRefused,
       R"(idle_heartbeat "0" but needs "1 s or less")"},
      {"SlowHeartbeat",
       "idle_heartbeat",
       kCumulative,
       {{"idle_heartbeat", 5 * kSecond}},
       kRefused,
       R"(idle_heartbeat "5000000000")"},
      {"FastHeartbeat", "idle_heartbeat", kExclusive, {{"idle_heartbeat", kSecond / 2}}, kWorks},
      {"RateLimit", "rate_limit_bps", kExclusive, {{"rate_limit_bps", 20'000'000}}, kWorks},
      {"SlowRateLimit",
       "rate_limit_bps",
       kExclusive,
       {{"rate_limit_bps", 8'000}},
       kRefused,
       R"(rate_limit_bps "8000" but needs)"},
      {"MaxWaiting", "max_waiting", kShared, {{"max_waiting", 1}}, kWorks},
      {"MaxBatch", "max_batch", kShared, {{"max_batch", 1}}, kWorks, "max_batch from 1 to none"},
      {"MaxBatchGroup", "max_batch", kGroup, {{"max_batch", 1}}, kWorks, "max_batch from 1 to none"},
      {"MaxExpires", "max_expires", kShared, {{"max_expires", kSecond / 10}}, kWorks, "max_expires from 100000000"},
      {"MaxBytes", "max_bytes", kShared, {{"max_bytes", 10}}, kWorks, "max_bytes from 10 to none"},
      {"DeliverGroup", "deliver_group", kExclusive, {{"deliver_group", "queue"}}, kRefused, R"(deliver_group "queue")"},
      {"PriorityPolicy",
       "priority_policy",
       kShared,
       {{"priority_policy", "overflow"}, {"priority_groups", Json::array({"a"})}},
       kRefused,
       R"(priority_policy "overflow" but needs "none")",
       211},
  };
}

std::vector<Case> CasesOfGroups() {
  using enum Use;
  using enum End;
  return {
      {"PriorityGroups",
       "priority_groups",
       kGroup,
       {{"priority_policy", "overflow"}, {"priority_groups", Json::array({"a"})}},
       kRefused,
       "priority_policy",
       211},
      {"PriorityTimeout",
       "priority_timeout",
       kShared,
       {{"priority_policy", "pinned_client"},
        {"priority_groups", Json::array({"a"})},
        {"priority_timeout", 60 * kSecond}},
       kRefused,
       "priority_policy",
       211},
      {"InactiveThreshold",
       "inactive_threshold",
       kExclusive,
       {{"inactive_threshold", 3600 * kSecond}},
       kWorks,
       "inactive_threshold from 3600000000000 to none"},
      {"InactiveThresholdShared",
       "inactive_threshold",
       kShared,
       {{"inactive_threshold", 3600 * kSecond}},
       kWorks,
       "inactive_threshold from"},
      {"MemStorage", "mem_storage", kExclusive, {{"mem_storage", true}}, kRefused, R"(mem_storage "true")"},
      {"MemStorageShared", "mem_storage", kShared, {{"mem_storage", true}}, kRefused, "mem_storage"},
      {"MemStorageGroup", "mem_storage", kGroup, {{"mem_storage", true}}, kWorks},
      {"Replicas", "num_replicas", kExclusive, {{"num_replicas", 1}}, kWorks},
      {"SampleFrequency", "sample_freq", kExclusive, {{"sample_freq", "100%"}}, kWorks},
      {"Metadata", "metadata", kShared, {{"metadata", {{"team", "billing"}}}}, kWorks, "", 210},
      {"Description", "description", kExclusive, {{"description", "of the billing team"}}, kWorks},
  };
}

const std::vector<Case>& Cases() {
  static const std::vector<Case> kCases = [] {
    std::vector<Case> cases;
    for (const auto& some : {CasesOfKind(), CasesOfDelivery(), CasesOfLimits(), CasesOfGroups()})
      cases.insert(cases.end(), some.begin(), some.end());
    return cases;
  }();
  return kCases;
}

// What no operator can make: the server refuses it for a durable, or knows it for its own consumers only.
const std::set<std::string> kNobodyMakes = {"direct", "sourcing"};

class AConsumerMadeAhead : public MadeAhead, public ::testing::WithParamInterface<Case> {
 protected:
  static constexpr std::size_t kKeys = 3;
  static constexpr std::size_t kPerKey = 10;

  static std::string Topic() { return GetParam().use == Use::kGroup ? "notes" : "orders"; }
  static std::string Stream() { return "EVENTS_" + Topic(); }

  void SetUp() override {
    UseServer();
    if (Version() < GetParam().since || Version() > GetParam().until) GTEST_SKIP() << "this server has no such setting";
    bus_ = Connect(LoggingOptions());
    Publish(0);
    const Json reply = Make(Config(), Stream());
    ASSERT_FALSE(reply.contains("error")) << reply;
  }

  static Json Config() {
    const Use use = GetParam().use;
    Json config = {{"durable_name", "billing"}, {"filter_subject", Topic()}, {"deliver_policy", "all"}};
    config["ack_policy"] = use == Use::kGroup ? "none" : use == Use::kCumulative ? "all" : "explicit";
    if (use == Use::kExclusive || use == Use::kCumulative) {
      config["deliver_subject"] = "made.ahead";
      config["idle_heartbeat"] = kSecond;
    }
    if (GetParam().settings.is_object()) config.merge_patch(GetParam().settings);
    return config;
  }

  // Of each key the events numbered from `first` on.
  void Publish(std::size_t first) {
    for (std::size_t n = first; n < first + kPerKey; ++n) {
      for (std::size_t k = 0; k < kKeys; ++k) {
        const Envelope event = Event("k" + std::to_string(k), std::to_string(n));
        if (GetParam().use == Use::kGroup) {
          ASSERT_THAT(bus_->Publish(Topic(), absl::StrCat(event.aggregate_id, " ", event.payload)), IsOk());
        } else {
          ASSERT_THAT(bus_->PublishEnvelope(Topic(), event), IsOk());
        }
      }
    }
  }

  absl::Status Subscribe() {
    if (GetParam().use == Use::kGroup) {
      return bus_
          ->Subscribe(Topic(), {.group = "billing"},
                      [this](const Delivery& delivery) {
                        const std::string body(delivery.payload());
                        log_.Add(body.substr(0, body.find(' ')), body.substr(body.find(' ') + 1));
                        return absl::OkStatus();
                      })
          .status();
    }
    EnvelopeSubscribeOptions options{.durable = "billing", .retry = {.min_backoff = milliseconds{5}}};
    if (GetParam().use == Use::kShared) options.sharing = Sharing::kShared;
    if (GetParam().use == Use::kCumulative) options.ack_mode = AckMode::kCumulative;
    return bus_
        ->SubscribeEnvelope(Topic(), options, [this](const Envelope& event, const Delivery&) { return Handle(event); })
        .status();
  }

  // k0's seventh fails once; k1's eighth is rejected.
  Outcome Handle(const Envelope& event) {
    if (event.aggregate_id == "k0" && event.payload == "16" && !failed_.exchange(true)) return Retry("once");
    if (event.aggregate_id == "k1" && event.payload == "17") return Reject("never");
    log_.Add(event.aggregate_id, event.payload);
    return Ack();
  }

  std::vector<std::string> Expected(const std::string& key) const {
    std::vector<std::string> numbers = Numbers(2 * kPerKey);
    if (key == "k1" && GetParam().use != Use::kGroup) std::erase(numbers, "17");
    if (GetParam().end == End::kWorksFromNowOn) {
      numbers.erase(numbers.begin(), numbers.begin() + kPerKey);
    }
    return numbers;
  }

  // A suffix of what came, when not all has to.
  bool HasExpected(const std::string& key) const {
    std::vector<std::string> came = log_.Of(key), expected = Expected(key);
    if (GetParam().use == Use::kGroup) {  // messages without a key have no order
      std::ranges::sort(came);
      std::ranges::sort(expected);
    }
    if (GetParam().end == End::kWorks) return came == expected;
    return came.size() >= expected.size() && std::equal(expected.rbegin(), expected.rend(), came.rbegin());
  }

  void ExpectThatItWorks() {
    ASSERT_THAT(Subscribe(), IsOk());
    ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus_).active; }, kPatience));
    Publish(kPerKey);
    for (std::size_t k = 0; k < kKeys; ++k) {
      const std::string key = "k" + std::to_string(k);
      EXPECT_TRUE(Eventually([&] { return HasExpected(key); }, kPatience))
          << key << ": " << ::testing::PrintToString(log_.Of(key));
    }
    if (*GetParam().words != '\0') {
      EXPECT_TRUE(lines_.Gets(GetParam().words));
    }
    if (GetParam().use == Use::kGroup) return;
    EXPECT_TRUE(failed_);
    EXPECT_EQ(OnlySubscription(*bus_).dead_lettered, 1u);
    EXPECT_TRUE(AllSettled("billing", Stream())) << Info("billing", Stream());
  }

  void ExpectThatItIsRefused() {
    const absl::Status refused = Subscribe();
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(GetParam().words)));
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("use another durable")));
    EXPECT_EQ(log_.count(), 0u);
  }

  Log log_;
  std::atomic<bool> failed_{false};
  std::unique_ptr<EventBus> bus_;
};

TEST_P(AConsumerMadeAhead, FitsOrIsRefused) {
  GetParam().end == End::kRefused ? ExpectThatItIsRefused() : ExpectThatItWorks();
}

INSTANTIATE_TEST_SUITE_P(With, AConsumerMadeAhead, ::testing::ValuesIn(Cases()),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(TheTableOfConsumers, IsWalked) {
  std::set<std::string> walked = kNobodyMakes;
  for (const Case& one : Cases()) walked.insert(one.field);
  walked.insert("pause_until");  // AConsumerInUse
  std::ifstream file(PENSTOCK_OPERATIONS_DOC);
  std::set<std::string> documented;
  bool here = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) here = line == "## Consumers";
    if (here && line.starts_with("| `")) documented.insert(line.substr(3, line.find('`', 3) - 3));
  }
  EXPECT_THAT(walked, ::testing::ContainerEq(documented));
}

}  // namespace
}  // namespace penstock::testing
