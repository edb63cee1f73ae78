// SPDX-License-Identifier: Apache-2.0
// Every setting in the table of streams in docs/operations.md, of a bucket that an operator made ahead.
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "scenarios/documented_fields.h"
#include "scenarios/made_ahead.h"

namespace penstock::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::int64_t kSecond = 1'000'000'000;

struct Row {
  std::string name;
  std::string field;  // in the table
  Json settings;
  std::string refusal{};  // a part of its text; empty: it fits
  BucketOptions asked{};
  int since = 209;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.settings.dump(); }

std::vector<Row> RefusedRows() {
  return {
      {"ForeignSubjects", "subjects", {{"subjects", {"$KV.others.>"}}}, "\"subjects\" is $KV.others.>"},
      {"Mirror", "mirror", {{"subjects", nullptr}, {"mirror", {{"name", "ORIGIN"}}}}, "\"mirror\" is ORIGIN"},
      {"SourceAlone", "sources", {{"subjects", {"x"}}, {"sources", {{{"name", "ORIGIN"}}}}}, "\"sources\" is ORIGIN"},
      {"OtherSubjectStored",
       "subject_transform",
       {{"subject_transform", {{"src", "$KV.settings.>"}, {"dest", "moved.>"}}}},
       "\"subject_transform\" is ",
       {},
       210},
      {"Interest", "retention", {{"retention", "interest"}}, "\"retention\" is interest"},
      {"WorkQueue", "retention", {{"retention", "workqueue"}}, "\"retention\" is workqueue"},
      {"NoAck", "no_ack", {{"no_ack", true}}, "\"no_ack\" is true"},
      {"NoRollUp", "allow_rollup_hdrs", {{"allow_rollup_hdrs", false}}, "\"allow_rollup_hdrs\" is false"},
      {"Counters",
       "allow_msg_counter",
       {{"allow_msg_counter", true}, {"discard", "old"}},
       "\"allow_msg_counter\" is true",
       {},
       212},
      {"Memory", "storage", {{"storage", "memory"}}, "storage memory, not file"},
      {"History", "max_msgs_per_subject", {{"max_msgs_per_subject", 5}}, "history 5, not 1"},
      {"Age", "max_age", {{"max_age", 60 * kSecond}, {"duplicate_window", nullptr}}, "time_to_live 60000 ms, not 0 ms"},
      {"Replicas", "num_replicas", {{"num_replicas", 1}}, "replicas 1, not 3", {.replicas = 3}},
      {"NoMarkers",
       "subject_delete_marker_ttl",
       Json::object(),
       "key_time_to_live_marker 0 ms, not 1000 ms",
       {.key_time_to_live_marker = std::chrono::seconds(1)},
       211},
  };
}

std::vector<Row> FittingRows() {
  return {
      {"AsOthersMakeThem", "name", Json::object()},
      {"MemoryAsAsked", "storage", {{"storage", "memory"}}, "", {.storage = BucketStorage::kMemory}},
      {"HistoryAsAsked", "max_msgs_per_subject", {{"max_msgs_per_subject", 5}}, "", {.history = 5}},
      {"MoreSubjects", "subjects", {{"subjects", {"$KV.settings.>", "$KV.others.>"}}}},
      {"BesideASource", "sources", {{"sources", {{{"name", "ORIGIN"}}}}}},
      {"MayDelete", "deny_delete", {{"deny_delete", false}}},
      {"DiscardsOld", "discard", {{"discard", "old"}}},
      {"ManyMessages", "max_msgs", {{"max_msgs", 5000}}},
      {"ManyBytes", "max_bytes", {{"max_bytes", 1 << 20}}},
      {"SmallValues", "max_msg_size", {{"max_msg_size", 1000}}},
      {"ShortWindow", "duplicate_window", {{"duplicate_window", kSecond}}},
      {"NoDirectGet", "allow_direct", {{"allow_direct", false}}},
      {"NoDirectGetAnyReplica", "allow_direct", {{"allow_direct", false}}, "", {.reads = BucketReads::kAnyReplica}},
      {"FewConsumers", "max_consumers", {{"max_consumers", 1}}},
      {"Republish", "republish", {{"republish", {{"src", ">"}, {"dest", "copies.>"}}}}},
      {"Description", "description", {{"description", "of the billing team"}}},
      {"Compressed", "compression", {{"compression", "s2"}}, "", {}, 210},
      {"LaterSequence", "first_seq", {{"first_seq", 1000}}, "", {}, 210},
      {"Metadata", "metadata", {{"metadata", {{"team", "billing"}}}}, "", {}, 210},
      {"ConsumerLimits",
       "consumer_limits",
       {{"consumer_limits", {{"inactive_threshold", 60 * kSecond}, {"max_ack_pending", 10}}}},
       "",
       {},
       210},
      {"TimeToLive", "allow_msg_ttl", {{"allow_msg_ttl", true}}, "", {}, 211},
      {"Markers",
       "subject_delete_marker_ttl",
       {{"allow_msg_ttl", true}, {"subject_delete_marker_ttl", 60 * kSecond}},
       "",
       {},
       211},
      {"Asynchronous", "persist_mode", {{"persist_mode", "async"}}, "", {}, 212},
      {"Batches", "allow_atomic", {{"allow_atomic", true}}, "", {}, 212},
      {"Schedules", "allow_msg_schedules", {{"allow_msg_schedules", true}, {"discard", "old"}}, "", {}, 212},
  };
}

std::vector<Row> Rows() {
  std::vector<Row> rows = RefusedRows();
  for (Row& row : FittingRows()) rows.push_back(std::move(row));
  return rows;
}

class ABucketMadeAhead : public MadeAhead, public ::testing::WithParamInterface<Row> {
 protected:
  void SetUp() override {
    UseServer();
    if (Version() < GetParam().since) GTEST_SKIP() << "this server has no such setting";
    MakeStream({{"name", "ORIGIN"}, {"subjects", {"origin"}}});
  }

  void MakeStream(const Json& config) const {
    const Json made = Api("STREAM.CREATE." + config.at("name").get<std::string>(), config);
    ASSERT_FALSE(made.contains("error")) << made;
  }
  void MakeBucketStream(const Json& settings) const {
    Json config = {{"name", "KV_settings"},
                   {"subjects", {"$KV.settings.>"}},
                   {"discard", "new"},
                   {"max_msgs_per_subject", 1},
                   {"duplicate_window", 120 * kSecond},
                   {"deny_delete", true},
                   {"allow_rollup_hdrs", true},
                   {"allow_direct", true}};
    config.merge_patch(settings);
    MakeStream(config);
  }

  void ExpectThatItWorks(Bucket& bucket) {
    const auto revision = bucket.Create("colour", "red");
    ASSERT_THAT(revision, IsOk());
    EXPECT_THAT(bucket.Create("colour", "green"), StatusIs(absl::StatusCode::kAlreadyExists));
    ASSERT_THAT(bucket.Update("colour", "blue", *revision), IsOk());
    EXPECT_THAT(bucket.Update("colour", "green", *revision), StatusIs(absl::StatusCode::kAborted));
    const auto entry = bucket.Get("colour");
    ASSERT_THAT(entry, IsOk());
    EXPECT_EQ(entry->value, "blue");
    ASSERT_THAT(bucket.Put("shape", "round"), IsOk());
    const auto watch =
        bucket.Watch(">", {.on_entry = [this](const BucketEntry& seen) { log_.Add(seen.key, seen.value); }});
    ASSERT_THAT(watch, IsOk());
    ASSERT_TRUE(log_.Reaches(2));
    EXPECT_EQ(log_.Of("colour").back(), "blue");
    ASSERT_THAT(bucket.Purge("shape"), IsOk());
    ASSERT_TRUE(log_.Reaches(3));
    EXPECT_THAT(bucket.Get("shape"), StatusIs(absl::StatusCode::kNotFound));
  }

  Log log_;
};

TEST_P(ABucketMadeAhead, FitsOrIsRefused) {
  MakeBucketStream(GetParam().settings);
  const auto bus = Connect();
  const auto bucket = bus->Bucket("settings", GetParam().asked);
  if (GetParam().refusal.empty()) {
    ASSERT_THAT(bucket, IsOk());
    ExpectThatItWorks(**bucket);
  } else {
    EXPECT_THAT(bucket, StatusIs(absl::StatusCode::kFailedPrecondition,
                                 AllOf(HasSubstr("bucket \"settings\""), HasSubstr(GetParam().refusal))));
  }
}

INSTANTIATE_TEST_SUITE_P(With, ABucketMadeAhead, ::testing::ValuesIn(Rows()),
                         [](const auto& row) { return row.param.name; });

class ASealedBucket : public MadeAhead {};

TEST_F(ASealedBucket, IsReadAndSaysWhyItTakesNothing) {
  UseServer();
  const auto bus = Connect();
  {
    const auto bucket = bus->Bucket("settings");
    ASSERT_THAT(bucket, IsOk());
    ASSERT_THAT((*bucket)->Put("colour", "red"), IsOk());
  }
  Json config = Api("STREAM.INFO.KV_settings").at("config");
  config["sealed"] = true;
  ASSERT_FALSE(Api("STREAM.UPDATE.KV_settings", config).contains("error"));
  const auto bucket = bus->Bucket("settings");
  ASSERT_THAT(bucket, IsOk());
  EXPECT_EQ((*bucket)->Get("colour")->value, "red");
  EXPECT_THAT((*bucket)->Put("colour", "blue"), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("sealed")));
}

// That a cluster places or spreads its replicas, or a mirror is read directly, shows in no bucket of one server; newer
// servers know batches without commit; a bucket always purges.
TEST(TheTableOfStreams, IsWalkedForBuckets) {
  std::set<std::string> walked = {"placement",  "mirror_direct",           "allow_batched",
                                  "deny_purge", "discard_new_per_subject", "sealed"};
  for (const Row& row : Rows()) walked.insert(row.field);
  EXPECT_THAT(walked, ::testing::ContainerEq(DocumentedStreamFields()));
}

}  // namespace
}  // namespace penstock::testing
