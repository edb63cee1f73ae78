// SPDX-License-Identifier: Apache-2.0
#include "bucket/bucket_layout.h"

#include <gmock/gmock.h>

#include <string>

#include "memory/memory_message.h"

namespace penstock::eventbus {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

BucketEntry Read(const Headers& headers, std::string subject = "$KV.leases.a.b", std::string body = "v") {
  const auto stored_at = std::chrono::system_clock::time_point(seconds(5));
  const memory::MemoryMessage message(
      memory::Taken{std::make_shared<const memory::Record>(memory::Record{.subject = std::move(subject),
                                                                          .body = std::move(body),
                                                                          .headers = headers,
                                                                          .sequence = 7,
                                                                          .stored_at = stored_at})});
  return ReadBucketEntry("leases", message);
}

TEST(BucketLayoutTest, AnEntryIsTheMessageWithoutThePrefixOfItsSubject) {
  const BucketEntry entry = Read({});
  EXPECT_EQ(entry.key, "a.b");
  EXPECT_EQ(entry.value, "v");
  EXPECT_EQ(entry.revision, 7U);
  EXPECT_EQ(entry.created, std::chrono::system_clock::time_point(seconds(5)));
  EXPECT_EQ(entry.operation, BucketOperation::kPut);
}

TEST(BucketLayoutTest, HeadersSayWhatAnEntryMeans) {
  using enum BucketOperation;
  EXPECT_EQ(Read({{"KV-Operation", "DEL"}}).operation, kDelete);
  EXPECT_EQ(Read({{"kv-operation", "PURGE"}}).operation, kPurge);
  EXPECT_EQ(Read({{"KV-Operation", "PUT"}}).operation, kPut);
  EXPECT_EQ(Read({{"KV-Operation", ""}}).operation, kPut);
  EXPECT_EQ(Read({{"Nats-Marker-Reason", "MaxAge"}}).operation, kPurge);
  EXPECT_EQ(Read({{"Nats-Marker-Reason", "Purge"}}).operation, kPurge);
  EXPECT_EQ(Read({{"Nats-Marker-Reason", "Remove"}}).operation, kDelete);
}

TEST(BucketLayoutTest, ASubjectThatIsTooShortGivesAnEmptyKey) { EXPECT_EQ(Read({}, "$KV").key, ""); }

TEST(BucketLayoutTest, TheStreamHasTheSettingsOfTheBucket) {
  const StreamSpec stream = BucketStreamSpec({"leases",
                                              {.history = 3,
                                               .time_to_live = std::chrono::milliseconds(1500),
                                               .max_bytes = 4096,
                                               .max_value_bytes = 512,
                                               .storage = BucketStorage::kMemory,
                                               .replicas = 3}});
  EXPECT_EQ(stream.name, "KV_leases");
  EXPECT_THAT(stream.subjects, ElementsAre("$KV.leases.>"));
  EXPECT_EQ(stream.storage, Storage::kMemory);
  EXPECT_EQ(stream.discard, Discard::kNew);
  EXPECT_EQ(stream.max_age, std::chrono::milliseconds(1500));
  EXPECT_EQ(stream.max_bytes, 4096);
  EXPECT_EQ(stream.max_messages_per_subject, 3);
  EXPECT_EQ(stream.max_message_bytes, 512);
  EXPECT_EQ(stream.duplicate_window, seconds(120));
  EXPECT_EQ(stream.replicas, 3);
}

TEST(BucketLayoutTest, KeysAreOfTheCharactersOfAllClients) {
  for (const char* key : {"a", "a.b", "a/b=c_d-E.9", "=", "/", "-", "_", "0"}) {
    EXPECT_TRUE(CheckBucketKey(key).ok()) << key;
  }
  for (const char* key : {"", ".", "a.", ".a", "a..b", "a b", "a*b", "a>", "$a", "\xc3\xa4"}) {
    EXPECT_EQ(CheckBucketKey(key).code(), absl::StatusCode::kInvalidArgument) << key;
  }
  EXPECT_THAT(std::string(CheckBucketKey("ab c").message()), HasSubstr("\" \" at byte 2"));
}

TEST(BucketLayoutTest, WildcardsArePatternsOnlyAsWholeTokens) {
  for (const char* pattern : {">", "*", "a", "*.a.*", "a.>", "*.>"}) {
    EXPECT_TRUE(CheckBucketPattern(pattern).ok()) << pattern;
  }
  for (const char* pattern : {"", ">.a", "a>", "a*", "*a", "**", "a..>", "a.", ".>"}) {
    EXPECT_EQ(CheckBucketPattern(pattern).code(), absl::StatusCode::kInvalidArgument) << pattern;
  }
}

TEST(BucketLayoutTest, ABucketFitsIfWhatItsKeysRelyOnIsTheSame) {
  const BucketSpec wanted{"leases", {.history = 2, .replicas = 3, .reads = BucketReads::kAnyReplica}};
  BucketOptions existing{.history = 2, .max_bytes = 4096, .replicas = 5};
  EXPECT_TRUE(CheckBucketFits(wanted, existing).ok()) << "more replicas, other limits, other reads";
  existing.key_time_to_live_marker = seconds(5);
  EXPECT_TRUE(CheckBucketFits(wanted, existing).ok()) << "keys may have a time to live and need not";
  const BucketSpec with_marker{"leases", {.key_time_to_live_marker = seconds(1)}};
  EXPECT_THAT(std::string(CheckBucketFits(with_marker, {}).message()), HasSubstr("key_time_to_live_marker 0 ms"));
  EXPECT_EQ(CheckBucketFits(with_marker, {}).code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace penstock::eventbus
