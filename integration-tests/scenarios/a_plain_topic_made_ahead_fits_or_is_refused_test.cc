// SPDX-License-Identifier: Apache-2.0
// Every setting in the table of streams in docs/operations.md, of the stream of a plain topic that an operator made
// ahead.
#include <algorithm>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "scenarios/documented_fields.h"
#include "scenarios/made_ahead.h"

namespace penstock::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr const char* kNotes = "EVENTS_notes";

enum class Fate {
  kFits,
  kWarns,        // once, naming the field
  kConsumeOnly,  // publishing is refused
  kPublishOnly,  // subscribing is refused
  kRefused,      // both are
};

struct Row {
  std::string name;
  std::string field;  // in the table
  Json settings;
  Fate fate = Fate::kFits;
  int since = 209;
  int replicas = 1;  // asked for
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.settings.dump(); }

std::vector<Row> OtherRows() {
  return {
      {"ForeignSubjects", "subjects", {{"subjects", {"elsewhere"}}}, Fate::kRefused},
      {"Mirror", "mirror", {{"subjects", nullptr}, {"mirror", {{"name", "ORIGIN"}}}}, Fate::kConsumeOnly},
      {"SourceAlone", "sources", {{"subjects", nullptr}, {"sources", {{{"name", "ORIGIN"}}}}}, Fate::kConsumeOnly},
      {"OtherSubjectStored",
       "subject_transform",
       {{"subject_transform", {{"src", "notes"}, {"dest", "moved"}}}},
       Fate::kRefused,
       210},
      {"Interest", "retention", {{"retention", "interest"}}, Fate::kWarns},
      {"WorkQueue", "retention", {{"retention", "workqueue"}}, Fate::kPublishOnly},
      {"File", "storage", {{"storage", "file"}}, Fate::kWarns},
      {"NoAck", "no_ack", {{"no_ack", true}}, Fate::kConsumeOnly},
      {"Counters", "allow_msg_counter", {{"allow_msg_counter", true}}, Fate::kConsumeOnly, 212},
      {"ShortWindow", "duplicate_window", {{"duplicate_window", kSecond}}, Fate::kWarns},
      {"FewReplicas", "num_replicas", {{"num_replicas", 1}}, Fate::kWarns, 209, 3},
      {"Markers",
       "subject_delete_marker_ttl",
       {{"allow_msg_ttl", true}, {"subject_delete_marker_ttl", 60 * kSecond}, {"allow_rollup_hdrs", true}},
       Fate::kWarns,
       211},
  };
}

std::vector<Row> FittingRows() {
  return {
      {"AsTheBusMakesIt", "name", Json::object()},
      {"CoveredByPattern", "subjects", {{"subjects", {"elsewhere.>", "*"}}}},
      {"BesideASource", "sources", {{"sources", {{{"name", "ORIGIN"}}}}}},
      {"DenyDelete", "deny_delete", {{"deny_delete", true}}},
      {"DenyPurge", "deny_purge", {{"deny_purge", true}}},
      {"RollUp", "allow_rollup_hdrs", {{"allow_rollup_hdrs", true}}},
      {"FewMessages", "max_msgs", {{"max_msgs", 3}}},
      {"FewBytes", "max_bytes", {{"max_bytes", 3000}}},
      {"OnePerSubject", "max_msgs_per_subject", {{"max_msgs_per_subject", 1}}},
      {"NewPerSubject",
       "discard_new_per_subject",
       {{"max_msgs_per_subject", 50}, {"discard", "new"}, {"discard_new_per_subject", true}}},
      {"DiscardNew", "discard", {{"max_msgs", 50}, {"discard", "new"}}},
      {"ShortAge", "max_age", {{"max_age", 30 * kSecond}, {"duplicate_window", 30 * kSecond}}},
      {"SmallMessages", "max_msg_size", {{"max_msg_size", 1000}}},
      {"DirectGet", "allow_direct", {{"allow_direct", true}}},
      {"Republish", "republish", {{"republish", {{"src", ">"}, {"dest", "copies.>"}}}}},
      {"TwoConsumers", "max_consumers", {{"max_consumers", 2}}},
      {"Description", "description", {{"description", "of the billing team"}}},
      {"Compressed", "compression", {{"storage", "memory"}, {"compression", "s2"}}, Fate::kFits, 210},
      {"LaterSequence", "first_seq", {{"first_seq", 1000}}, Fate::kFits, 210},
      {"Metadata", "metadata", {{"metadata", {{"team", "billing"}}}}, Fate::kFits, 210},
      {"ConsumerLimits",
       "consumer_limits",
       {{"consumer_limits", {{"inactive_threshold", 60 * kSecond}, {"max_ack_pending", 10}}}},
       Fate::kFits,
       210},
      {"TimeToLive", "allow_msg_ttl", {{"allow_msg_ttl", true}}, Fate::kFits, 211},
      {"Batches", "allow_atomic", {{"allow_atomic", true}}, Fate::kFits, 212},
      {"Schedules", "allow_msg_schedules", {{"allow_msg_schedules", true}}, Fate::kFits, 212},
  };
}

std::vector<Row> Rows() {
  std::vector<Row> rows = OtherRows();
  for (Row& row : FittingRows()) rows.push_back(std::move(row));
  return rows;
}

class APlainTopicMadeAhead : public MadeAhead, public ::testing::WithParamInterface<Row> {
 protected:
  void SetUp() override {
    UseServer();
    if (Version() < GetParam().since) GTEST_SKIP() << "this server has no such setting";
    const bool only_there = GetParam().settings.value("subjects", Json::array()).is_null();
    MakeStream({{"name", "ORIGIN"}, {"subjects", {only_there ? "notes" : "origin.notes"}}});
    Json config = {
        {"name", kNotes}, {"subjects", {"notes"}}, {"storage", "memory"}, {"duplicate_window", 120 * kSecond}};
    config.merge_patch(GetParam().settings);
    MakeStream(config);
    BusOptions options = Options();
    options.limits.replicas = GetParam().replicas;
    options.log = [this](LogLevel level, std::string_view line) {
      if (level == LogLevel::kWarning) warnings_.Add("", std::string(line));
    };
    bus_ = Connect(std::move(options));
  }
  void MakeStream(const Json& config) const {
    const Json made = Api("STREAM.CREATE." + config.at("name").get<std::string>(), config);
    ASSERT_FALSE(made.contains("error")) << made;
  }

  absl::Status Subscribe() {
    return bus_
        ->Subscribe("notes",
                    [this](const Delivery& delivery) {
                      handled_.Add("", std::string(delivery.payload()));
                      return absl::OkStatus();
                    })
        .status();
  }
  auto Refusal() const {
    return StatusIs(
        absl::StatusCode::kFailedPrecondition,
        AllOf(HasSubstr("\"EVENTS_notes\""), HasSubstr("\"" + GetParam().field + "\" is "), HasSubstr("; ")));
  }
  void ExpectThatItWorks() {
    ASSERT_THAT(Subscribe(), IsOk());
    for (const std::string& number : Numbers(6)) {
      ASSERT_THAT(bus_->Publish("notes", number), IsOk());
      ASSERT_TRUE(handled_.Reaches(std::stoul(number) + 1)) << "before the next one takes its place";
    }
    EXPECT_EQ(handled_.Of(""), Numbers(6));
  }

  // A counter takes only what a client of counters sends.
  void ExpectWhatOthersPublish() {
    auto raw = RawNats::Connect(server_->port());
    ASSERT_THAT(raw, IsOk());
    const bool counter = GetParam().settings.contains("allow_msg_counter");
    ASSERT_THAT(raw->Publish("notes", "", "", counter ? "Nats-Incr: 1\r\n" : ""), IsOk());
    EXPECT_TRUE(handled_.Reaches(1));
  }

  Log handled_, warnings_;
  std::unique_ptr<EventBus> bus_;
};

TEST_P(APlainTopicMadeAhead, FitsOrIsRefused) {
  const Fate fate = GetParam().fate;
  if (fate == Fate::kFits || fate == Fate::kWarns) {
    ExpectThatItWorks();
  } else {
    EXPECT_THAT(Subscribe(), fate == Fate::kConsumeOnly ? ::testing::Matcher<absl::Status>(IsOk()) : Refusal());
    const absl::Status published = bus_->Publish("notes", "0").status();
    EXPECT_THAT(published, fate == Fate::kPublishOnly ? ::testing::Matcher<absl::Status>(IsOk()) : Refusal());
    EXPECT_EQ(Api(std::string("STREAM.INFO.") + kNotes)["state"]["messages"], published.ok() ? 1 : 0);
    if (fate == Fate::kConsumeOnly) ExpectWhatOthersPublish();
  }
  const std::string field = "\"" + GetParam().field + "\" is ";
  EXPECT_THAT(warnings_.Of(""), fate == Fate::kWarns
                                    ? ::testing::Matcher<std::vector<std::string>>(ElementsAre(HasSubstr(field)))
                                    : IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(With, APlainTopicMadeAhead, ::testing::ValuesIn(Rows()),
                         [](const auto& row) { return row.param.name; });

class ASealedPlainTopic : public MadeAhead {};

TEST_F(ASealedPlainTopic, IsConsumedAndNotPublishedTo) {
  UseServer();
  const auto bus = Connect();
  ASSERT_THAT(bus->Publish("notes", "0"), IsOk());
  Json config = Api(std::string("STREAM.INFO.") + kNotes).at("config");
  config["sealed"] = true;
  ASSERT_FALSE(Api(std::string("STREAM.UPDATE.") + kNotes, config).contains("error"));
  const auto later = Connect();
  EXPECT_THAT(later->Subscribe("notes", [](const Delivery&) { return absl::OkStatus(); }), IsOk());
  EXPECT_THAT(later->Publish("notes", "1"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("\"sealed\" is true")));
}

// That a cluster places or spreads its replicas, or a mirror is read directly, shows in no stream of one server; newer
// servers know batches without commit; a memory stream does not persist.
TEST(TheTableOfStreams, IsWalkedForPlainTopics) {
  std::set<std::string> walked = {"placement", "mirror_direct", "allow_batched", "persist_mode", "sealed"};
  for (const Row& row : Rows()) walked.insert(row.field);
  EXPECT_THAT(walked, ::testing::ContainerEq(DocumentedStreamFields()));
}

}  // namespace
}  // namespace penstock::testing
