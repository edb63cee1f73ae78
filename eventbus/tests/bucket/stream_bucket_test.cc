// SPDX-License-Identifier: Apache-2.0
#include "bucket/stream_bucket.h"

#include <gmock/gmock.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "memory/memory_message.h"

// What a transport is asked for, and what becomes of its answers.
namespace penstock::eventbus {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Answers as it was told to, and keeps what it was asked.
class ScriptedStream final : public BucketStream {
 public:
  struct Script {
    std::deque<absl::StatusOr<std::uint64_t>> stores{};
    std::deque<absl::StatusOr<memory::Record>> reads{};
    std::vector<std::string> asked{};
    std::vector<Resend> resends{};
    std::vector<BucketReads> reads_how{};
  };

  ScriptedStream(Script& script, BucketOptions options) : script_(script), spec_{"b", options} {}

  const BucketSpec& spec() const override { return spec_; }
  absl::StatusOr<std::uint64_t> Store(OutboundMessage message, Resend resend, const CallLimit&) override {
    std::string asked = message.subject;
    for (const ReservedHeader& each : message.reserved_headers) {
      asked.append(" ").append(each.name).append("=").append(each.value);
    }
    script_.asked.push_back(asked);
    script_.resends.push_back(resend);
    return Next(script_.stores);
  }
  absl::StatusOr<std::unique_ptr<StoredMessage>> ReadLast(const std::string& subject, BucketReads how,
                                                          const CallLimit&) override {
    script_.asked.push_back("read " + subject);
    script_.reads_how.push_back(how);
    auto record = Next(script_.reads);
    if (!record.ok()) return record.status();
    return std::make_unique<memory::MemoryMessage>(
        memory::Taken{std::make_shared<const memory::Record>(*std::move(record))});
  }
  absl::StatusOr<std::unique_ptr<KeyValueWatch>> Watch(const std::string&, StreamWatchEvents,
                                                       const CallLimit&) override {
    return absl::UnimplementedError("none");
  }

 private:
  template <typename Answer>
  static Answer Next(std::deque<Answer>& answers) {
    if (answers.empty()) return absl::InternalError("asked too often");
    Answer answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }

  Script& script_;
  const BucketSpec spec_;
};

class StreamBucketTest : public ::testing::Test {
 protected:
  static CallLimit Soon() { return CallLimit::In(seconds(5)); }
  StreamBucket Bucket(BucketOptions options = {}) {
    return StreamBucket(std::make_unique<ScriptedStream>(script_, options));
  }
  static memory::Record Entry(std::uint64_t revision, Headers headers = {}) {
    return {.subject = "$KV.b.k", .body = "v", .headers = std::move(headers), .sequence = revision, .stored_at = {}};
  }

  ScriptedStream::Script script_{};
};

TEST_F(StreamBucketTest, AnUpdateIsSentOnceWhateverTheAnswer) {
  for (const absl::StatusCode code : {absl::StatusCode::kAborted, absl::StatusCode::kDeadlineExceeded,
                                      absl::StatusCode::kUnavailable, absl::StatusCode::kCancelled}) {
    script_ = {};
    script_.stores = {absl::Status(code, "x")};
    EXPECT_EQ(Bucket().Update("k", "v", 4, Soon()).status().code(), code);
    EXPECT_THAT(script_.asked, ElementsAre("$KV.b.k Nats-Expected-Last-Subject-Sequence=4"));
    EXPECT_THAT(script_.resends, ElementsAre(BucketStream::Resend::kNever));
  }
}

TEST_F(StreamBucketTest, OnlyWritesWithoutAnExpectationAreSentAgain) {
  script_.stores = {1U, 2U, 3U, 4U};
  StreamBucket bucket = Bucket();
  EXPECT_TRUE(bucket.Put("k", "v", Soon()).ok());
  EXPECT_TRUE(bucket.Delete("k", BucketOperation::kPurge, std::nullopt, Soon()).ok());
  EXPECT_TRUE(bucket.Delete("k", BucketOperation::kDelete, 2, Soon()).ok());
  EXPECT_TRUE(bucket.Create("k", "v", Soon()).ok());
  using enum BucketStream::Resend;
  EXPECT_THAT(script_.resends, ElementsAre(kUntilDeadline, kUntilDeadline, kNever, kNever));
  EXPECT_THAT(script_.asked, ElementsAre("$KV.b.k", "$KV.b.k KV-Operation=PURGE Nats-Rollup=sub",
                                         "$KV.b.k KV-Operation=DEL Nats-Expected-Last-Subject-Sequence=2",
                                         "$KV.b.k Nats-Expected-Last-Subject-Sequence=0"));
}

TEST_F(StreamBucketTest, CreateOverADeletionExpectsTheRevisionOfTheDeletion) {
  script_.stores = {absl::AbortedError("x"), 8U};
  script_.reads = {Entry(7, {{"KV-Operation", "DEL"}})};
  EXPECT_EQ(*Bucket().Create("k", "v", Soon()), 8U);
  EXPECT_THAT(script_.asked, ElementsAre("$KV.b.k Nats-Expected-Last-Subject-Sequence=0", "read $KV.b.k",
                                         "$KV.b.k Nats-Expected-Last-Subject-Sequence=7"));
}

TEST_F(StreamBucketTest, CreateFollowsAKeyThatIsDeletedOrExpiresMeanwhile) {
  script_.stores = {absl::AbortedError("x"), absl::AbortedError("x"), absl::AbortedError("x"), 12U};
  script_.reads = {Entry(7, {{"KV-Operation", "DEL"}}), Entry(9, {{"KV-Operation", "PURGE"}}),
                   absl::NotFoundError("expired")};
  EXPECT_EQ(*Bucket().Create("k", "v", Soon()), 12U);
  EXPECT_EQ(script_.asked.back(), "$KV.b.k Nats-Expected-Last-Subject-Sequence=0");
}

TEST_F(StreamBucketTest, CreateEndsWithTheFirstAttemptThatMayHaveStoredIt) {
  script_.stores = {absl::AbortedError("x"), absl::DeadlineExceededError("no answer")};
  script_.reads = {Entry(7, {{"KV-Operation", "DEL"}})};
  EXPECT_EQ(Bucket().Create("k", "v", Soon()).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(StreamBucketTest, CreateIsRefusedByAValueAndByAnUnreadableKey) {
  script_.stores = {absl::AbortedError("x"), absl::AbortedError("x")};
  script_.reads = {Entry(7), absl::UnavailableError("no leader")};
  StreamBucket bucket = Bucket();
  EXPECT_EQ(bucket.Create("k", "v", Soon()).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(bucket.Create("k", "v", Soon()).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(StreamBucketTest, ReplicasAnswerGetOnlyAndOnlyIfChosen) {
  script_.stores = {absl::AbortedError("x")};
  script_.reads = {Entry(7), Entry(7), Entry(7)};
  StreamBucket bucket = Bucket({.reads = BucketReads::kAnyReplica});
  EXPECT_TRUE(bucket.Get("k", Soon()).ok());
  EXPECT_FALSE(bucket.Create("k", "v", Soon()).ok());
  EXPECT_TRUE(Bucket().Get("k", Soon()).ok());
  EXPECT_THAT(script_.reads_how, ElementsAre(BucketReads::kAnyReplica, BucketReads::kLeader, BucketReads::kLeader));
}

TEST_F(StreamBucketTest, ATimeToLiveIsAHeaderWhereTheBucketAllowsIt) {
  script_.stores = {1U};
  EXPECT_TRUE(Bucket({.key_time_to_live_marker = seconds(1)}).Put("k", "v", Soon(), seconds(30)).ok());
  EXPECT_THAT(script_.asked, ElementsAre("$KV.b.k Nats-TTL=30s"));
}

TEST_F(StreamBucketTest, WhatIsInvalidReachesNoTransport) {
  StreamBucket bucket = Bucket();
  EXPECT_FALSE(bucket.Get("a b", Soon()).ok());
  EXPECT_FALSE(bucket.Put("a b", "v", Soon()).ok());
  EXPECT_FALSE(bucket.Put("k", "v", Soon(), seconds(1)).ok());
  EXPECT_FALSE(bucket.Delete("*", Soon()).ok());
  EXPECT_THAT(script_.asked, IsEmpty());
}

}  // namespace
}  // namespace penstock::eventbus
