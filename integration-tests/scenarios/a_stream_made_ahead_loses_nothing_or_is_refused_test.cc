// SPDX-License-Identifier: Apache-2.0
#include <ostream>
#include <string>
#include <vector>

#include "scenarios/scenario.h"
#include "scenarios/stream_trial.h"

namespace penstock::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

enum class Fate {
  kFits,         // everything is handled, nothing is said
  kWarns,        // everything is handled, and a log line names the field
  kNoPublish,    // publishing is refused, subscribing is not
  kRefused,      // subscribing and publishing are
  kNoSubscribe,  // subscribing is refused, publishing is not
};

enum class Of { kTopic, kLetters };

struct Row {
  std::string name;
  Of stream;
  json settings;
  Fate fate = Fate::kFits;
  std::string field{};  // that the text names
  int since = 9;        // the minor version 2.x that has the setting
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.settings.dump(); }

constexpr std::int64_t kSecond = 1'000'000'000;

std::vector<Row> TopicRows() {
  return {
      {"Plain", Of::kTopic, json::object()},
      {"CoveredByPattern", Of::kTopic, {{"subjects", {"orders.>"}}}},
      {"CoveredByToken", Of::kTopic, {{"subjects", {"bills", "orders.*"}}}},
      {"ForeignSubjects", Of::kTopic, {{"subjects", {"elsewhere"}}}, Fate::kRefused, "subjects"},
      {"Interest", Of::kTopic, {{"retention", "interest"}}, Fate::kWarns, "retention"},
      {"WorkQueue", Of::kTopic, {{"retention", "workqueue"}}},
      {"Memory", Of::kTopic, {{"storage", "memory"}}, Fate::kWarns, "storage"},
      {"ManyMessages", Of::kTopic, {{"max_msgs", 5000}}, Fate::kWarns, "max_msgs"},
      {"FewMessages", Of::kTopic, {{"max_msgs", 3}}, Fate::kNoPublish, "max_msgs"},
      {"ManyMessagesRefused", Of::kTopic, {{"max_msgs", 5000}, {"discard", "new"}}},
      {"FewMessagesRefused", Of::kTopic, {{"max_msgs", 900}, {"discard", "new"}}},
      {"ManyBytes", Of::kTopic, {{"max_bytes", 8 << 20}}, Fate::kWarns, "max_bytes"},
      {"ManyBytesRefused", Of::kTopic, {{"max_bytes", 8 << 20}, {"discard", "new"}}},
      {"FewBytes", Of::kTopic, {{"max_bytes", 1000}}, Fate::kNoPublish, "max_bytes"},
      {"FewBytesRefused", Of::kTopic, {{"max_bytes", 900'000}, {"discard", "new"}}},
      {"ManyPerSubject", Of::kTopic, {{"max_msgs_per_subject", 5000}}, Fate::kWarns, "max_msgs_per_subject"},
      {"OnePerSubject", Of::kTopic, {{"max_msgs_per_subject", 1}}, Fate::kNoPublish, "max_msgs_per_subject"},
      {"NewPerSubject",
       Of::kTopic,
       {{"max_msgs_per_subject", 5000}, {"discard", "new"}, {"discard_new_per_subject", true}}},
      {"LongAge", Of::kTopic, {{"max_age", 3600 * kSecond}}, Fate::kWarns, "max_age"},
      {"ShortAge", Of::kTopic, {{"max_age", 2 * kSecond}, {"duplicate_window", nullptr}}, Fate::kNoPublish, "max_age"},
      {"FewNewPerSubject",
       Of::kTopic,
       {{"max_msgs_per_subject", 900}, {"discard", "new"}, {"discard_new_per_subject", true}}},
      {"SmallMessages", Of::kTopic, {{"max_msg_size", 100'000}}},
      {"SmallerMessages", Of::kTopic, {{"max_msg_size", 10'000}}},
      {"NoAck", Of::kTopic, {{"no_ack", true}}, Fate::kNoPublish, "no_ack"},
      {"DenyDelete", Of::kTopic, {{"deny_delete", true}, {"deny_purge", true}}},
      {"RollUp", Of::kTopic, {{"allow_rollup_hdrs", true}}},
      {"Republish", Of::kTopic, {{"republish", {{"src", ">"}, {"dest", "copies.>"}}}}},
      {"DirectGet", Of::kTopic, {{"allow_direct", true}}},
      {"ShortWindow", Of::kTopic, {{"duplicate_window", kSecond}}, Fate::kWarns, "duplicate_window"},
      {"OneConsumer", Of::kTopic, {{"max_consumers", 1}}},
      {"Description", Of::kTopic, {{"description", "of the orders team"}}},
      {"Compressed", Of::kTopic, {{"compression", "s2"}}, Fate::kFits, "", 10},
  };
}

// Settings that only later servers have.
std::vector<Row> LaterTopicRows() {
  return {
      {"LaterSequence", Of::kTopic, {{"first_seq", 1000}}, Fate::kFits, "", 10},
      {"OtherSubjectStored",
       Of::kTopic,
       {{"subject_transform", {{"src", "orders.*"}, {"dest", "moved.{{wildcard(1)}}"}}}},
       Fate::kRefused,
       "subject_transform",
       10},
      {"SameSubjectStored",
       Of::kTopic,
       {{"subjects", {"orders.>", "bills.*"}},
        {"subject_transform", {{"src", "bills.*"}, {"dest", "moved.{{wildcard(1)}}"}}}},
       Fate::kFits,
       "",
       10},
      {"Metadata", Of::kTopic, {{"metadata", {{"team", "orders"}}}, {"description", "ours"}}, Fate::kFits, "", 10},
      {"ConsumerLimits", Of::kTopic, {{"consumer_limits", {{"max_ack_pending", 10000}}}}, Fate::kFits, "", 10},
      {"TimeToLive", Of::kTopic, {{"allow_msg_ttl", true}}, Fate::kFits, "", 11},
      {"Markers",
       Of::kTopic,
       {{"allow_msg_ttl", true}, {"subject_delete_marker_ttl", 60 * kSecond}, {"allow_rollup_hdrs", true}},
       Fate::kWarns,
       "subject_delete_marker_ttl",
       11},
      {"Asynchronous", Of::kTopic, {{"persist_mode", "async"}}, Fate::kWarns, "persist_mode", 12},
      {"Counters", Of::kTopic, {{"allow_msg_counter", true}}, Fate::kNoPublish, "allow_msg_counter", 12},
      {"Batches", Of::kTopic, {{"allow_atomic", true}}, Fate::kFits, "", 12},
      {"Schedules", Of::kTopic, {{"allow_msg_schedules", true}}, Fate::kFits, "", 12},

  };
}

std::vector<Row> LetterRows() {
  return {
      {"Plain", Of::kLetters, json::object()},
      {"CoveredByOneOfTwo", Of::kLetters, {{"subjects", {"others.*", "TRIAL_dead_letters.>"}}}},
      {"ForeignSubjects", Of::kLetters, {{"subjects", {"letters.>"}}}, Fate::kNoSubscribe, "subjects"},
      {"SomeSubjects", Of::kLetters, {{"subjects", {"TRIAL_dead_letters.orders.*"}}}, Fate::kNoSubscribe, "subjects"},
      {"Interest", Of::kLetters, {{"retention", "interest"}}, Fate::kNoSubscribe, "retention"},
      {"WorkQueue", Of::kLetters, {{"retention", "workqueue"}}, Fate::kWarns, "retention"},
      {"Memory", Of::kLetters, {{"storage", "memory"}}, Fate::kWarns, "storage"},
      {"FewMessages", Of::kLetters, {{"max_msgs", 1}}, Fate::kNoSubscribe, "max_msgs"},
      {"FewMessagesRefused", Of::kLetters, {{"max_msgs", 1}, {"discard", "new"}}, Fate::kNoSubscribe, "max_msgs"},
      {"ManyMessages", Of::kLetters, {{"max_msgs", 5000}, {"discard", "new"}}, Fate::kWarns, "max_msgs"},
      {"FewBytes", Of::kLetters, {{"max_bytes", 1000}}, Fate::kNoSubscribe, "max_bytes"},
      {"OnePerSubject", Of::kLetters, {{"max_msgs_per_subject", 1}}, Fate::kNoSubscribe, "max_msgs_per_subject"},
      {"OnePerSubjectRefused",
       Of::kLetters,
       {{"max_msgs_per_subject", 1}, {"discard", "new"}, {"discard_new_per_subject", true}},
       Fate::kNoSubscribe,
       "max_msgs_per_subject"},
      {"LongAge", Of::kLetters, {{"max_age", 3600 * kSecond}}, Fate::kWarns, "max_age"},
      {"ShortAge",
       Of::kLetters,
       {{"max_age", 2 * kSecond}, {"duplicate_window", nullptr}},
       Fate::kNoSubscribe,
       "max_age"},
      {"SmallMessages", Of::kLetters, {{"max_msg_size", 100}}, Fate::kNoSubscribe, "max_msg_size"},
      {"LargerMessages", Of::kLetters, {{"max_msg_size", 100'000}}, Fate::kWarns, "max_msg_size"},
      {"NoAck", Of::kLetters, {{"no_ack", true}}, Fate::kNoSubscribe, "no_ack"},
      {"DenyPurge", Of::kLetters, {{"deny_purge", true}}},
      {"ShortWindow", Of::kLetters, {{"duplicate_window", kSecond}}, Fate::kWarns, "duplicate_window"},
      {"NoConsumers", Of::kLetters, {{"max_consumers", 1}}},
      {"Mirror",
       Of::kLetters,
       {{"subjects", nullptr}, {"duplicate_window", nullptr}, {"mirror", {{"name", "ORIGIN"}}}},
       Fate::kNoSubscribe,
       "mirror"},
      {"SourceAlone",
       Of::kLetters,
       {{"subjects", nullptr}, {"sources", {{{"name", "ORIGIN"}}}}},
       Fate::kNoSubscribe,
       "sources"},
      {"BesideASource", Of::kLetters, {{"sources", {{{"name", "ORIGIN"}}}}}},
      {"Compressed", Of::kLetters, {{"compression", "s2"}}, Fate::kFits, "", 10},
      {"LaterSequence", Of::kLetters, {{"first_seq", 1000}}, Fate::kFits, "", 10},
      {"OtherSubjectStored",
       Of::kLetters,
       {{"subject_transform", {{"src", "TRIAL_dead_letters.>"}, {"dest", "moved.>"}}}},
       Fate::kNoSubscribe,
       "subject_transform",
       10},
      {"TimeToLive", Of::kLetters, {{"allow_msg_ttl", true}}, Fate::kFits, "", 11},
      {"Counters", Of::kLetters, {{"allow_msg_counter", true}}, Fate::kNoSubscribe, "allow_msg_counter", 12},
      {"Asynchronous", Of::kLetters, {{"persist_mode", "async"}}, Fate::kWarns, "persist_mode", 12},
  };
}

// Beside those that lose letters.
std::vector<Row> FurtherLetterRows() {
  return {
      {"ManyMessagesDiscarded", Of::kLetters, {{"max_msgs", 5000}}, Fate::kWarns, "max_msgs"},
      {"FewBytesRefused", Of::kLetters, {{"max_bytes", 900'000}, {"discard", "new"}}, Fate::kNoSubscribe, "max_bytes"},
      {"ManyBytes", Of::kLetters, {{"max_bytes", 8 << 20}}, Fate::kWarns, "max_bytes"},
      {"ManyBytesRefused", Of::kLetters, {{"max_bytes", 8 << 20}, {"discard", "new"}}, Fate::kWarns, "max_bytes"},
      {"ManyPerSubject", Of::kLetters, {{"max_msgs_per_subject", 5000}}, Fate::kWarns, "max_msgs_per_subject"},
      {"ManyPerSubjectRefused",
       Of::kLetters,
       {{"max_msgs_per_subject", 5000}, {"discard", "new"}, {"discard_new_per_subject", true}},
       Fate::kWarns,
       "max_msgs_per_subject"},
      {"RollUp", Of::kLetters, {{"allow_rollup_hdrs", true}}},
      {"Republish", Of::kLetters, {{"republish", {{"src", ">"}, {"dest", "copies.>"}}}}},
      {"DirectGet", Of::kLetters, {{"allow_direct", true}}},
      {"Description", Of::kLetters, {{"description", "of the orders team"}}},
      {"Metadata", Of::kLetters, {{"metadata", {{"team", "orders"}}}}, Fate::kFits, "", 10},
      {"ConsumerLimits",
       Of::kLetters,
       {{"consumer_limits", {{"inactive_threshold", kSecond}, {"max_ack_pending", 10}}}},
       Fate::kFits,
       "",
       10},
      {"Markers",
       Of::kLetters,
       {{"allow_msg_ttl", true}, {"subject_delete_marker_ttl", 60 * kSecond}, {"allow_rollup_hdrs", true}},
       Fate::kWarns,
       "subject_delete_marker_ttl",
       11},
      {"Batches", Of::kLetters, {{"allow_atomic", true}}, Fate::kFits, "", 12},
      {"Schedules", Of::kLetters, {{"allow_msg_schedules", true}}, Fate::kFits, "", 12},
  };
}

std::vector<Row> Rows() {
  std::vector<Row> rows = TopicRows();
  for (const auto& more : {LaterTopicRows(), LetterRows(), FurtherLetterRows()})
    rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

int MinorVersion(const RawNats& raw) {
  const std::string version = json::parse(raw.info())["version"];
  return std::stoi(version.substr(version.find('.') + 1));
}

class AStreamMadeAhead : public Scenario, public ::testing::WithParamInterface<Row> {
 protected:
  void SetUp() override {
    UseServer();
    auto raw = RawNats::Connect(server_->port());
    ASSERT_THAT(raw, IsOk());
    raw_ = std::make_unique<RawNats>(*std::move(raw));
    trial_ = std::make_unique<StreamTrial>(*raw_);
    ASSERT_THAT(trial_->MakeStream({{"name", "ORIGIN"}, {"subjects", {"origin"}}}, json::object()), IsOk());
  }

  void ExpectAllHandled(const TrialResult& result) {
    EXPECT_THAT(result.subscribed, IsOk());
    EXPECT_THAT(result.published, IsOk());
    EXPECT_EQ(result.stored, 6U);
    EXPECT_EQ(result.rejected, 3U);
    EXPECT_EQ(result.letters, 3U);
    EXPECT_THAT(result.redrive, IsOk());
    EXPECT_EQ(result.handled, 6U);
    EXPECT_EQ(result.handled_twice, 0U);
    EXPECT_THAT(result.drained, IsOk());
  }

  // Naming stream, field and remedy.
  auto Refusal(const std::string& stream, const std::string& field) {
    return StatusIs(absl::StatusCode::kFailedPrecondition,
                    AllOf(HasSubstr("\"" + stream + "\""), HasSubstr("\"" + field + "\""), HasSubstr("; ")));
  }

  std::unique_ptr<RawNats> raw_;
  std::unique_ptr<StreamTrial> trial_;
};

TEST_P(AStreamMadeAhead, LosesNothingOrIsRefused) {
  const Row& row = GetParam();
  if (MinorVersion(*raw_) < row.since) GTEST_SKIP() << "this server has no such setting";
  const bool topic = row.stream == Of::kTopic;
  const std::string stream = topic ? trial_->topic_stream() : trial_->letter_stream();
  ASSERT_THAT(topic ? trial_->MakeTopicStream(row.settings) : trial_->MakeLetterStream(row.settings), IsOk());

  const TrialResult result = trial_->Run(Options());
  const auto named = AllOf(HasSubstr("\"" + stream + "\""), HasSubstr("\"" + row.field + "\""));
  switch (row.fate) {
    case Fate::kFits:
      ExpectAllHandled(result);
      EXPECT_THAT(result.warnings, ::testing::IsEmpty());
      return;
    case Fate::kWarns:
      ExpectAllHandled(result);
      EXPECT_THAT(result.warnings, ::testing::ElementsAre(named)) << "once";
      return;
    case Fate::kNoPublish:
      EXPECT_THAT(result.subscribed, IsOk());
      EXPECT_THAT(result.published, Refusal(stream, row.field));
      EXPECT_EQ(result.stored, 0U);
      EXPECT_THAT(result.drained, IsOk());
      return;
    case Fate::kNoSubscribe:
      EXPECT_THAT(result.subscribed, Refusal(stream, row.field));
      EXPECT_EQ(trial_->StreamInfo(trial_->topic_stream())["state"]["messages"], 6);
      return;
    case Fate::kRefused:
      EXPECT_THAT(result.subscribed, Not(IsOk()));
      EXPECT_THAT(result.published, Not(IsOk()));
      EXPECT_EQ(result.stored, 0U);
      return;
  }
}

INSTANTIATE_TEST_SUITE_P(With, AStreamMadeAhead, ::testing::ValuesIn(Rows()), [](const auto& row) {
  return (row.param.stream == Of::kTopic ? "Topic" : "Letters") + row.param.name;
});

}  // namespace
}  // namespace penstock::testing
