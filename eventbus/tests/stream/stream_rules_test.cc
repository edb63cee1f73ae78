// SPDX-License-Identifier: Apache-2.0
#include "stream/stream_rules.h"

#include <gmock/gmock.h>

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "stream/stream_review.h"
#include "tests/document_table.h"

namespace penstock::eventbus {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using enum StreamVerdict;

constexpr std::chrono::seconds kPublishTimeout{30};

StreamNeed Need(StreamUse use, StreamAccess access = StreamAccess::kPublish) {
  const bool own = use == StreamUse::kDeadLetters || use == StreamUse::kDelayed;
  return {.use = use,
          .access = access,
          .wanted = {.name = "S",
                     .subjects = {own ? "S.>" : "orders.created"},
                     .storage = use == StreamUse::kPlainTopic ? Storage::kMemory : Storage::kFile,
                     .max_messages_per_subject = use == StreamUse::kDelayed ? 1 : 0},
          .publish_timeout = kPublishTimeout,
          .max_payload_bytes = 1 << 20};
}

// As the bus makes it.
StreamFacts Fitting(const StreamNeed& need) {
  StreamFacts facts = FactsOf(need.wanted);
  facts.discard = need.use == StreamUse::kPlainTopic ? Discard::kOld : Discard::kNew;
  facts.allows_rollup = need.use == StreamUse::kBucket;
  return facts;
}

constexpr StreamUse kUses[] = {StreamUse::kPlainTopic, StreamUse::kEnvelopeTopic, StreamUse::kDeadLetters,
                               StreamUse::kBucket, StreamUse::kDelayed};

struct Setting {
  std::string field;
  std::function<void(StreamFacts&)> set;
  std::array<StreamVerdict, kStreamUses> verdicts;
};

std::vector<Setting> PolicySettings() {
  return {
      {"subjects",
       [](auto& f) {
         f.subjects = {"orders", "orders.*.x"};
       },
       {kRefused, kRefused, kRefused, kRefused, kRefused}},
      {"mirror",
       [](auto& f) {
         f.mirror_of = "ORIGIN";
         f.subjects.clear();
       },
       {kConsumeOnly, kConsumeOnly, kRefused, kRefused, kRefused}},
      {"sources",
       [](auto& f) {
         f.sources = {"ORIGIN"};
         f.subjects = {"orders"};
       },
       {kConsumeOnly, kConsumeOnly, kRefused, kRefused, kRefused}},
      {"sources", [](auto& f) { f.sources = {"ORIGIN"}; }, {kFits, kFits, kFits, kFits, kFits}},
      {"subject_transform",
       [](auto& f) {
         f.subject_transform = {"", "moved.>"};
       },
       {kRefused, kRefused, kRefused, kRefused, kRefused}},
      {"retention",
       [](auto& f) { f.retention = Retention::kInterest; },
       {kWarns, kConsumeOnly, kRefused, kRefused, kRefused}},
      {"retention",
       [](auto& f) {
         f.retention = Retention::kInterest;
         f.consumers = 1;
       },
       {kFits, kWarns, kRefused, kRefused, kRefused}},
      {"retention",
       [](auto& f) { f.retention = Retention::kWorkQueue; },
       {kPublishOnly, kFits, kWarns, kRefused, kRefused}},
      {"persist_mode", [](auto& f) { f.persists_later = true; }, {kFits, kWarns, kWarns, kFits, kWarns}},
      {"no_ack", [](auto& f) { f.no_ack = true; }, {kConsumeOnly, kConsumeOnly, kRefused, kRefused, kRefused}},
      {"sealed", [](auto& f) { f.sealed = true; }, {kConsumeOnly, kConsumeOnly, kRefused, kFits, kRefused}},
      {"allow_msg_counter",
       [](auto& f) { f.counts = true; },
       {kConsumeOnly, kConsumeOnly, kRefused, kRefused, kRefused}},
      {"deny_delete", [](auto& f) { f.denies_delete = true; }, {kFits, kFits, kWarns, kFits, kRefused}},
  };
}

std::vector<Setting> LimitSettings() {
  const auto old = [](StreamFacts& f) { f.discard = Discard::kOld; };
  const auto discard_new = [](StreamFacts& f) { f.discard = Discard::kNew; };
  return {
      {"max_msgs",
       [old](auto& f) {
         old(f);
         f.max_messages = 999;
       },
       {kFits, kConsumeOnly, kRefused, kFits, kRefused}},
      {"max_msgs",
       [old](auto& f) {
         old(f);
         f.max_messages = 1000;
       },
       {kFits, kWarns, kWarns, kFits, kWarns}},
      {"max_msgs",
       [discard_new](auto& f) {
         discard_new(f);
         f.max_messages = 999;
       },
       {kFits, kFits, kRefused, kFits, kFits}},
      {"max_msgs",
       [discard_new](auto& f) {
         discard_new(f);
         f.max_messages = 1000;
       },
       {kFits, kFits, kWarns, kFits, kFits}},
      {"max_bytes",
       [old](auto& f) {
         old(f);
         f.max_bytes = kLeastBytes - 1;
       },
       {kFits, kConsumeOnly, kRefused, kFits, kRefused}},
      {"max_bytes",
       [old](auto& f) {
         old(f);
         f.max_bytes = kLeastBytes;
       },
       {kFits, kWarns, kWarns, kFits, kWarns}},
      {"max_bytes",
       [discard_new](auto& f) {
         discard_new(f);
         f.max_bytes = 1;
       },
       {kFits, kFits, kRefused, kFits, kFits}},
      {"max_bytes",
       [discard_new](auto& f) {
         discard_new(f);
         f.max_bytes = kLeastBytes;
       },
       {kFits, kFits, kWarns, kFits, kFits}},
  };
}

std::vector<Setting> FurtherLimitSettings() {
  using std::chrono::seconds;
  const auto discard_new = [](StreamFacts& f) { f.discard = Discard::kNew; };
  return {
      {"max_msgs_per_subject",
       [discard_new](auto& f) {
         discard_new(f);
         f.max_messages_per_subject = 1;
       },
       {kFits, kConsumeOnly, kRefused, kMustMatch, kFits}},
      {"max_msgs_per_subject",
       [](auto& f) { f.max_messages_per_subject = 1000; },
       {kFits, kWarns, kWarns, kMustMatch, kRefused}},
      {"max_msgs_per_subject",
       [discard_new](auto& f) {
         discard_new(f);
         f.discard_new_per_subject = true;
         f.max_messages_per_subject = 1;
       },
       {kFits, kFits, kRefused, kMustMatch, kRefused}},
      {"max_msgs_per_subject",
       [discard_new](auto& f) {
         discard_new(f);
         f.discard_new_per_subject = true;
         f.max_messages_per_subject = 1000;
       },
       {kFits, kFits, kWarns, kMustMatch, kRefused}},
      {"max_age", [](auto& f) { f.max_age = seconds(59); }, {kFits, kConsumeOnly, kRefused, kMustMatch, kRefused}},
      {"max_age", [](auto& f) { f.max_age = seconds(60); }, {kFits, kWarns, kWarns, kMustMatch, kWarns}},
      {"max_msg_size", [](auto& f) { f.max_message_bytes = 1023; }, {kFits, kConsumeOnly, kRefused, kFits, kRefused}},
      {"max_msg_size", [](auto& f) { f.max_message_bytes = 1024; }, {kFits, kFits, kRefused, kFits, kFits}},
      {"max_msg_size", [](auto& f) { f.max_message_bytes = 65535; }, {kFits, kFits, kRefused, kFits, kFits}},
      {"max_msg_size", [](auto& f) { f.max_message_bytes = 65536; }, {kFits, kFits, kWarns, kFits, kFits}},
      {"max_msg_size", [](auto& f) { f.max_message_bytes = 1 << 20; }, {kFits, kFits, kFits, kFits, kFits}},
      {"duplicate_window", [](auto& f) { f.duplicate_window = seconds(29); }, {kWarns, kWarns, kWarns, kFits, kWarns}},
      {"duplicate_window", [](auto& f) { f.duplicate_window = kPublishTimeout; }, {kFits, kFits, kFits, kFits, kFits}},
      {"num_replicas", [](auto& f) { f.replicas = 0; }, {kWarns, kWarns, kWarns, kMustMatch, kWarns}},
      {"subject_delete_marker_ttl",
       [](auto& f) { f.marker_ttl = seconds(1); },
       {kWarns, kWarns, kWarns, kMustMatch, kWarns}},
  };
}

std::vector<Setting> Settings() {
  std::vector<Setting> settings = PolicySettings();
  for (Setting& limit : LimitSettings()) settings.push_back(std::move(limit));
  for (Setting& limit : FurtherLimitSettings()) settings.push_back(std::move(limit));
  return settings;
}

bool RefusedFor(StreamVerdict verdict, StreamAccess access) {
  if (verdict == kConsumeOnly) return access == StreamAccess::kPublish;
  if (verdict == kPublishOnly) return access == StreamAccess::kConsume;
  return verdict == kRefused;
}

TEST(StreamRulesTest, WhatTheBusMakesFitsEveryUse) {
  for (const StreamUse use : kUses) {
    const StreamNeed need = Need(use);
    const StreamReview review = ReviewStream(Fitting(need), need, StorageMismatch::kRefuse);
    EXPECT_TRUE(review.status.ok()) << review.status;
    EXPECT_THAT(review.warnings, IsEmpty());
    EXPECT_EQ(review.storage_mismatch, "");
  }
}

TEST(StreamRulesTest, EverySettingHasItsVerdictForEveryUse) {
  for (const Setting& setting : Settings()) {
    for (const StreamUse use : kUses) {
      for (const StreamAccess access : {StreamAccess::kPublish, StreamAccess::kConsume}) {
        const StreamNeed need = Need(use, access);
        StreamFacts facts = Fitting(need);
        setting.set(facts);
        const StreamVerdict verdict = setting.verdicts[static_cast<std::size_t>(use)];
        const StreamReview review = ReviewStream(facts, need, StorageMismatch::kWarn);
        EXPECT_EQ(!review.status.ok(), RefusedFor(verdict, access)) << setting.field << " " << review.status;
        EXPECT_EQ(review.warnings.size(), verdict == kWarns ? 1U : 0U) << setting.field;
        const std::string text =
            review.status.ok() ? absl::StrJoin(review.warnings, "\n") : std::string(review.status.message());
        if (text.empty()) continue;
        EXPECT_THAT(text, AllOf(HasSubstr("stream \"S\""), HasSubstr("\"" + setting.field + "\"")));
      }
    }
  }
}

TEST(StreamRulesTest, EveryRuleThatIsNotAlwaysFittingIsTried) {
  std::set<std::string> tried = {"storage", "allow_rollup_hdrs"};
  for (const Setting& setting : Settings()) tried.insert(setting.field);
  for (const StreamRule& rule : StreamRules()) {
    EXPECT_TRUE(rule.applies == nullptr || tried.contains(rule.field)) << rule.field;
  }
}

TEST(StreamRulesTest, ARefusalNamesStreamPurposeFieldValueCauseAndRemedy) {
  const StreamNeed need = Need(StreamUse::kDeadLetters);
  StreamFacts facts = Fitting(need);
  facts.retention = Retention::kInterest;
  const absl::Status status = ReviewStream(facts, need, StorageMismatch::kWarn).status;
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "use stream \"S\" for dead letters: \"retention\" is interest: a message that no consumer wants is "
            "acknowledged and not kept; create the consumer first, or set retention to limits");
}

TEST(StreamRulesTest, TheOtherStorageIsRefusedOrToldAsTheOptionsSay) {
  const StreamNeed need = Need(StreamUse::kDeadLetters);
  StreamFacts facts = Fitting(need);
  facts.storage = Storage::kMemory;
  const StreamReview warned = ReviewStream(facts, need, StorageMismatch::kWarn);
  EXPECT_TRUE(warned.status.ok());
  EXPECT_THAT(warned.storage_mismatch, HasSubstr("\"storage\" is memory"));
  const StreamReview refused = ReviewStream(facts, need, StorageMismatch::kRefuse);
  EXPECT_THAT(std::string(refused.status.message()), HasSubstr("\"storage\" is memory"));
}

TEST(StreamRulesTest, ABucketThatCannotPurgeIsRefused) {
  const StreamNeed need = Need(StreamUse::kBucket);
  StreamFacts facts = Fitting(need);
  facts.allows_rollup = false;
  EXPECT_THAT(std::string(ReviewStream(facts, need, StorageMismatch::kWarn).status.message()),
              HasSubstr("\"allow_rollup_hdrs\" is false"));
  facts.sealed = true;
  EXPECT_TRUE(ReviewStream(facts, need, StorageMismatch::kWarn).status.ok()) << "servers take that from sealed ones";
}

TEST(StreamRulesTest, SubjectsMayTakeMoreThanIsPublished) {
  for (const std::string subject : {"orders.created", "orders.*", "orders.>", "*.created", ">"}) {
    const StreamNeed need = Need(StreamUse::kEnvelopeTopic);
    StreamFacts facts = Fitting(need);
    facts.subjects = {"bills", subject};
    EXPECT_TRUE(ReviewStream(facts, need, StorageMismatch::kWarn).status.ok()) << subject;
  }
}

TEST(StreamRulesTest, ATransformOfOtherSubjectsFits) {
  const StreamNeed need = Need(StreamUse::kEnvelopeTopic);
  StreamFacts facts = Fitting(need);
  facts.subject_transform = {"bills.*", "moved.*"};
  EXPECT_TRUE(ReviewStream(facts, need, StorageMismatch::kWarn).status.ok());
  facts.subject_transform = {"orders.>", "orders.>"};
  EXPECT_TRUE(ReviewStream(facts, need, StorageMismatch::kWarn).status.ok());
}

TEST(StreamRulesTest, LimitsThatTheOptionsAskForAreNotWarnedOf) {
  StreamNeed need = Need(StreamUse::kEnvelopeTopic);
  need.wanted.max_age = std::chrono::hours(1);
  need.wanted.duplicate_window = std::chrono::seconds(120);
  StreamFacts facts = Fitting(need);
  EXPECT_THAT(ReviewStream(facts, need, StorageMismatch::kWarn).warnings, IsEmpty());
  facts.max_age = std::chrono::minutes(30);
  EXPECT_THAT(ReviewStream(facts, need, StorageMismatch::kWarn).warnings, ElementsAre(StartsWith("stream \"S\"")));
}

std::vector<std::string> RowsOfTheCode() {
  std::vector<std::string> rows;
  for (const StreamRule& rule : StreamRules()) {
    std::string row = std::string("| `") + rule.field + "` | " + rule.when + " |";
    for (const StreamUse use : kUses) row += " " + std::string(VerdictName(rule.VerdictFor(use))) + " |";
    const std::string remedy = rule.remedy;
    rows.push_back(row + " " + rule.consequence + (remedy.empty() ? "" : "; " + remedy) + " |");
  }
  return rows;
}

TEST(StreamRulesTest, TheDocumentShowsEveryRule) {
  const auto rows = ::testing::ContainerEq(RowsOfTheCode());
  EXPECT_THAT(penstock::testing::TableRows(PENSTOCK_OPERATIONS_DOC, "### Settings of streams"), rows)
      << absl::StrJoin(RowsOfTheCode(), "\n");
}

}  // namespace
}  // namespace penstock::eventbus
