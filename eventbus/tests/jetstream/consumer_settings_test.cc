// SPDX-License-Identifier: Apache-2.0
#include "jetstream/api/consumer_settings.h"

#include <gmock/gmock.h>

#include <array>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jetstream/api/api_error.h"
#include "jetstream/api/consumer_api.h"

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

Json Wanted(ConsumerUse use) {
  ConsumerSpec spec{.stream = "ORDERS", .consumer = "billing", .filter_subject = "orders", .ack_wait = seconds(30)};
  if (use == ConsumerUse::kShared) spec.kind = ConsumerKind::kShared;
  if (use == ConsumerUse::kAtMostOnce) spec.kind = ConsumerKind::kAtMostOnce;
  spec.ack_all = use == ConsumerUse::kCumulative;
  const bool pushed = use == ConsumerUse::kExclusive || use == ConsumerUse::kCumulative;
  return ConsumerConfig(spec, "billing", pushed ? "inbox.2" : "", {});
}

Json With(Json config, const char* field, const Json& value) {
  config[field] = value;
  return config;
}

constexpr std::array kUses = {ConsumerUse::kExclusive, ConsumerUse::kCumulative, ConsumerUse::kShared,
                              ConsumerUse::kAtMostOnce};

std::string Refusal(const Json& existing, const Json& wanted, const Surroundings& around = {}) {
  return std::string(CheckFits("billing", existing, wanted, around).message());
}

// A value that differs from what we would make.
Json OtherThan(const std::string& field) {
  static const std::map<std::string, Json> kOthers = {{"deliver_subject", "somewhere"},
                                                      {"durable_name", ""},
                                                      {"ack_policy", "flow_control"},
                                                      {"filter_subject", "bills"},
                                                      {"filter_subjects", Json::array({"orders", "bills"})},
                                                      {"replay_policy", "original"},
                                                      {"headers_only", true},
                                                      {"flow_control", true},
                                                      {"backoff", Json::array({1, 2})},
                                                      {"idle_heartbeat", 0},
                                                      {"deliver_group", "queue"},
                                                      {"priority_policy", "overflow"},
                                                      {"priority_groups", Json::array({"a"})},
                                                      {"mem_storage", true},
                                                      {"direct", true},
                                                      {"sourcing", true},
                                                      {"metadata", {{"a", "b"}}}};
  const auto found = kOthers.find(field);
  return found == kOthers.end() ? Json(7) : found->second;
}

TEST(ConsumerSettingsTest, WhatIsMadeForAUseFitsItAsItIs) {
  for (const ConsumerUse use : kUses) {
    EXPECT_EQ(UseOf(Wanted(use)), use);
    EXPECT_EQ(Refusal(Wanted(use), Wanted(use)), "");
    EXPECT_EQ(Adjusted(Wanted(use), Wanted(use)), Wanted(use));
    EXPECT_TRUE(CheckTaken("billing", Wanted(use), Wanted(use)).ok());
  }
}

TEST(ConsumerSettingsTest, EverySettingIsTreatedAsTheTableSays) {
  for (const ConsumerUse use : kUses) {
    for (const ConsumerSetting& setting : ConsumerSettings()) {
      const Json wanted = Wanted(use), existing = With(wanted, setting.field, OtherThan(setting.field));
      const Json adjusted = Adjusted(existing, wanted);
      const Treatment treatment = setting.ForUse(use);
      const std::string what = absl::StrCat(setting.field, " of use ", static_cast<int>(use));
      EXPECT_EQ(Refusal(existing, wanted).empty(), treatment != Treatment::kRequired) << what;
      const bool set = treatment == Treatment::kSet || treatment == Treatment::kBound;
      EXPECT_EQ(adjusted, set ? wanted : existing) << what;
      EXPECT_EQ(CheckTaken("billing", existing, wanted).ok(), treatment != Treatment::kSet || !setting.vital) << what;
    }
  }
}

TEST(ConsumerSettingsTest, ASettingThatNobodyKnowsIsKept) {
  const Json wanted = Wanted(ConsumerUse::kExclusive), existing = With(wanted, "of_the_future", 1);
  EXPECT_EQ(Refusal(existing, wanted), "");
  EXPECT_EQ(Adjusted(existing, wanted), existing);
}

TEST(ConsumerSettingsTest, AMisfitIsNamedWithBothValuesAndTheRemedy) {
  const Json wanted = Wanted(ConsumerUse::kExclusive);
  const absl::Status misfit = CheckFits("billing", With(wanted, "filter_subject", "bills"), wanted, {});
  EXPECT_EQ(misfit.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(IsMarkedAsLasting(misfit));
  EXPECT_EQ(misfit.message(),
            "open consumer \"billing\": it exists with filter_subject \"bills\" but needs \"orders\"; use another "
            "durable, or delete it");
  Json existing = wanted;
  existing.erase("ack_policy");
  EXPECT_THAT(Refusal(existing, wanted), HasSubstr("ack_policy \"none\" but needs \"explicit\""));
  existing = wanted;
  existing.erase("deliver_subject");
  EXPECT_THAT(Refusal(existing, wanted), HasSubstr("delivery \"pull\" but needs \"push (exclusive)\""));
  existing = wanted;
  existing.erase("idle_heartbeat");
  EXPECT_THAT(Refusal(existing, wanted), HasSubstr("idle_heartbeat \"0\" but needs \"1 s or less\""));
}

TEST(ConsumerSettingsTest, AFilterFitsInEveryFormThatMeansTheSame) {
  const Json wanted = Wanted(ConsumerUse::kShared);
  Json existing = wanted;
  existing.erase("filter_subject");
  EXPECT_THAT(Refusal(existing, wanted), HasSubstr("filter_subject \"\" but needs \"orders\""));
  EXPECT_THAT(Refusal(existing, wanted, {.stream_subjects = {"orders", "bills"}}), HasSubstr("filter_subject"));
  EXPECT_EQ(Refusal(existing, wanted, {.stream_subjects = {"orders"}}), "");
  existing["filter_subjects"] = Json::array({"orders"});
  EXPECT_EQ(Refusal(existing, wanted), "");
  existing["filter_subjects"] = Json::array({"bills"});
  EXPECT_THAT(Refusal(existing, wanted, {.stream_subjects = {"orders"}}),
              HasSubstr("filter_subjects \"[\\\"bills\\\"]\" but needs \"orders\""));
}

TEST(ConsumerSettingsTest, ARateLimitLetsTheLargestMessagePassInHalfASecond) {
  const Json wanted = Wanted(ConsumerUse::kExclusive);
  const Surroundings around{.largest_message_bytes = 1000};
  EXPECT_EQ(Refusal(With(wanted, "rate_limit_bps", 16'000), wanted, around), "");
  EXPECT_THAT(Refusal(With(wanted, "rate_limit_bps", 15'999), wanted, around),
              AllOf(HasSubstr("rate_limit_bps \"15999\""), HasSubstr("raise it")));
}

TEST(ConsumerSettingsTest, AStartTimeFitsWhereTheServerUpdatesItsConsumer) {
  const Json wanted = Wanted(ConsumerUse::kShared), existing = With(wanted, "opt_start_time", "2020-01-01T00:00:00Z");
  EXPECT_THAT(Refusal(existing, wanted), HasSubstr("opt_start_time \"2020-01-01T00:00:00Z\""));
  EXPECT_EQ(Refusal(existing, wanted, {.updates_with_start_time = true}), "");
}

TEST(ConsumerSettingsTest, WhatAServerLeavesOutIsItsDefault) {
  const Json wanted = Wanted(ConsumerUse::kShared);
  Json existing = wanted;
  existing.erase("max_ack_pending");
  existing.erase("max_deliver");
  EXPECT_EQ(Adjusted(existing, wanted), existing);
  existing["headers_only"] = false;
  existing["backoff"] = Json::array();
  EXPECT_EQ(Adjusted(existing, wanted), existing);
}

TEST(ConsumerSettingsTest, WhatTheServerInsistsOnIsNamed) {
  const Json wanted = Wanted(ConsumerUse::kExclusive);
  EXPECT_THAT(std::string(CheckTaken("billing", With(wanted, "inactive_threshold", 5), wanted).message()),
              AllOf(HasSubstr("the server insists on inactive_threshold \"5\""), HasSubstr("consumer_limits")));
  const Json shared = Wanted(ConsumerUse::kShared);
  EXPECT_TRUE(CheckTaken("billing", With(shared, "max_batch", 5), shared).ok()) << "requests keep to it";
}

TEST(ConsumerSettingsTest, AnEphemeralConsumerMayBeForgottenEarlierThanItAsksFor) {
  const ConsumerSpec spec{.stream = "NOTES", .filter_subject = "notes", .kind = ConsumerKind::kAtMostOnce};
  const Json wanted = ConsumerConfig(spec, "ephemeral", "", {});
  const Json existing = With(wanted, "inactive_threshold", 5);
  EXPECT_NE(existing, wanted);
  EXPECT_EQ(Adjusted(existing, wanted), existing);
  EXPECT_TRUE(CheckTaken("ephemeral", existing, wanted).ok());
}

TEST(ConsumerSettingsTest, ChangesAreToldButForWhatIsOursToChange) {
  Json existing = Wanted(ConsumerUse::kExclusive);
  existing["headers_only"] = true;
  existing["max_deliver"] = 5;
  existing["deliver_subject"] = "somewhere";
  EXPECT_EQ(Changes(existing, Adjusted(existing, Wanted(ConsumerUse::kExclusive))),
            "headers_only from true to none, max_deliver from 5 to -1");
  EXPECT_EQ(Changes(existing, existing), "");
}

TEST(ConsumerSettingsTest, AReleasedConsumerIsKnownAndTheMarkGoesWithItsNextOwner) {
  const Json wanted = Wanted(ConsumerUse::kExclusive);
  for (const Json& config : {wanted, With(wanted, "description", "a user's own words")}) {
    EXPECT_FALSE(IsReleased(config));
    const Json released = Released(Released(config));
    EXPECT_TRUE(IsReleased(released));
    EXPECT_EQ(Adjusted(released, wanted), config);
  }
  const Json wordy = Released(With(wanted, "description", std::string(4096, 'x')));
  EXPECT_TRUE(IsReleased(wordy));
  EXPECT_LE(wordy["description"].get<std::string>().size(), 4096U);
}

TEST(ConsumerSettingsTest, ATimeThatNobodySetIsNoPause) {
  EXPECT_EQ(PausedUntil({{"pause_until", "2030-01-01T00:00:00Z"}}), "2030-01-01T00:00:00Z");
  EXPECT_EQ(PausedUntil({{"pause_until", "0001-01-01T00:00:00Z"}}), "");
  EXPECT_EQ(PausedUntil({}), "");
}

std::vector<std::string> RowsOfTheCode() {
  std::vector<std::string> rows;
  for (const ConsumerSetting& setting : ConsumerSettings()) {
    std::string row = absl::StrCat("| `", setting.field, "` |");
    for (const ConsumerUse use : kUses) absl::StrAppend(&row, " ", NameOf(setting.ForUse(use)), " |");
    rows.push_back(absl::StrCat(row, " ", setting.fitting, " |"));
  }
  return rows;
}

std::vector<std::string> RowsOfTheDocument() {
  std::vector<std::string> rows;
  std::ifstream file(PENSTOCK_OPERATIONS_DOC);
  bool here = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) here = line == "## Consumers";
    if (here && line.starts_with("| `")) rows.push_back(line);
  }
  return rows;
}

TEST(ConsumerSettingsTest, TheDocumentShowsTheTable) {
  EXPECT_THAT(RowsOfTheDocument(), ::testing::ElementsAreArray(RowsOfTheCode()));
}

TEST(ConsumerSettingsTest, ATagStaysAndIsNotTold) {
  const Json wanted = Wanted(ConsumerUse::kExclusive);
  EXPECT_EQ(TagOf(wanted), "");
  const Json theirs = With(wanted, "metadata", {{"team", "billing"}});
  const Json tagged = Tagged(theirs, "tag");
  EXPECT_EQ(TagOf(tagged), "tag");
  EXPECT_EQ(TagOf(Adjusted(tagged, wanted)), "tag");
  EXPECT_EQ(tagged["metadata"]["team"], "billing");
  EXPECT_EQ(Changes(theirs, tagged), "");
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
