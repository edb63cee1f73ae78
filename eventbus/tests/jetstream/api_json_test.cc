// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <string>

#include "jetstream/api/api_client.h"
#include "jetstream/api/consumer_api.h"
#include "jetstream/api/message_api.h"
#include "jetstream/api/stream_api.h"
#include "jetstream/bucket/bucket_config.h"

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const ConsumerSpec kExclusive = {.stream = "ORDERS",
                                 .consumer = "billing",
                                 .filter_subject = "orders",
                                 .kind = ConsumerKind::kExclusive,
                                 .ack_wait = seconds(30),
                                 .max_in_flight = 64};

TEST(ApiJsonTest, ReadsARefusal) {
  const auto reply =
      ParseApiReply(R"({"error":{"code":404,"err_code":10059,"description":"stream not found"},"total":0})");
  ASSERT_TRUE(reply.ok());
  EXPECT_TRUE(reply->Refused(10059));
  EXPECT_FALSE(reply->Refused(10014));
  EXPECT_EQ(reply->error->description, "stream not found");
}

TEST(ApiJsonTest, ARefusalWithoutItsMembersIsStillARefusal) {
  const auto reply = ParseApiReply(R"({"error":{"code":"x","err_code":1e300,"description":[]}})");
  ASSERT_TRUE(reply.ok());
  ASSERT_TRUE(reply->error);
  EXPECT_EQ(reply->error->code, 0);
  EXPECT_EQ(reply->error->err_code, 0);
  EXPECT_EQ(reply->error->description, "");
}

TEST(ApiJsonTest, WhatIsNoObjectIsNoReply) {
  for (const std::string& text : {std::string(), std::string("-ERR"), std::string("[{}]"), std::string("null"),
                                  std::string("{\"a\":"), std::string("\xff\xfe"), std::string(200'000, '[')}) {
    EXPECT_EQ(ParseApiReply(text).status().code(), absl::StatusCode::kInternal);
  }
}

// {"a":{"a": ... 1 ... }}
std::string NestedObjects(int levels) {
  std::string text;
  for (int i = 0; i < levels; ++i) text += "{\"a\":";
  return text + "1" + std::string(static_cast<std::size_t>(levels), '}');
}

TEST(ApiJsonTest, WhatIsNestedTooDeeplyIsNoReply) {
  EXPECT_TRUE(ParseApiReply(NestedObjects(kMaxReplyLevels)).ok());
  EXPECT_FALSE(ParseApiReply(NestedObjects(kMaxReplyLevels + 1)).ok());
  EXPECT_FALSE(ParseApiReply(NestedObjects(300'000)).ok());
  const std::string arrays = std::string(300'000, '[') + std::string(300'000, ']');
  EXPECT_FALSE(ParseApiReply("{\"config\":" + arrays + "}").ok());
}

TEST(ApiJsonTest, BracketsInStringsDoNotNest) {
  const std::string brackets(1000, '[');
  const auto reply = ParseApiReply(R"({"a\"[":"\\","b":")" + brackets + R"("})");
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(StringMember(reply->body, "b"), brackets);
}

TEST(ApiJsonTest, SiblingsDoNotNest) {
  std::string list = "{}";
  for (int i = 0; i < 1000; ++i) list += ",[{}]";
  EXPECT_TRUE(ParseApiReply("{\"a\":[" + list + "]}").ok());
}

TEST(ApiJsonTest, MembersOfAnotherTypeAreMissing) {
  const Json value = ParseJson(R"({"s":5,"n":"5","big":18446744073709551615,"neg":-1,"b":1,"a":["x",5,"y"],"o":{}})");
  EXPECT_EQ(StringMember(value, "s"), "");
  EXPECT_EQ(IntMember(value, "n"), std::nullopt);
  EXPECT_EQ(IntMember(value, "big"), std::nullopt);
  EXPECT_EQ(UintMember(value, "big"), 18446744073709551615U);
  EXPECT_EQ(UintMember(value, "neg"), std::nullopt);
  EXPECT_FALSE(BoolMember(value, "b"));
  EXPECT_THAT(StringsMember(value, "a"), ElementsAre("x", "y"));
  EXPECT_TRUE(StringsMember(value, "o").empty());
  EXPECT_TRUE(Member(Json("text"), "x").is_null());
}

TEST(ApiJsonTest, AStreamIsAskedForWithLimitsInTheServersUnits) {
  const Json config = StreamConfig({.name = "ORDERS",
                                    .subjects = {"orders"},
                                    .storage = Storage::kMemory,
                                    .discard = Discard::kNew,
                                    .max_age = seconds(60),
                                    .max_bytes = 4096,
                                    .duplicate_window = seconds(120),
                                    .replicas = 3});
  EXPECT_EQ(config, ParseJson(R"({"name":"ORDERS","subjects":["orders"],"retention":"limits","storage":"memory",
      "discard":"new","max_consumers":-1,"max_msgs":-1,"max_bytes":4096,"max_age":60000000000,"max_msg_size":-1,
      "num_replicas":3,"duplicate_window":60000000000})"));
  EXPECT_EQ(StreamConfig({.name = "O", .subjects = {"o"}})["max_bytes"], -1);
  const Json limited =
      StreamConfig({.name = "O", .subjects = {"o"}, .max_messages_per_subject = 3, .max_message_bytes = 9});
  EXPECT_EQ(limited.at("max_msgs_per_subject"), 3);
  EXPECT_EQ(limited.at("max_msg_size"), 9);
}

TEST(ApiJsonTest, ReadsTheFactsOfAStream) {
  const auto facts = ReadStreamFacts(ParseJson(R"({"config":{"subjects":["a","b"],"storage":"memory"}})"));
  ASSERT_TRUE(facts.ok());
  EXPECT_THAT(facts->subjects, ElementsAre("a", "b"));
  EXPECT_EQ(facts->storage, Storage::kMemory);
  for (const char* text :
       {"{}", R"({"config":5})", R"({"config":{"storage":"tape"}})", R"({"config":{"storage":5}})"}) {
    EXPECT_EQ(ReadStreamFacts(ParseJson(text)).status().code(), absl::StatusCode::kInternal) << text;
  }
}

TEST(ApiJsonTest, ReadsEverySettingThatThereIsARuleFor) {
  const auto facts = ReadStreamFacts(ParseJson(R"({"config":{"subjects":["a"],"storage":"file",
      "retention":"interest","discard":"new","discard_new_per_subject":true,"max_msgs":5,"max_msgs_per_subject":6,
      "max_bytes":7,"max_msg_size":8,"max_age":9,"duplicate_window":10,"num_replicas":3,"no_ack":true,"sealed":true,
      "deny_delete":true,"allow_rollup_hdrs":true,"allow_msg_counter":true,"persist_mode":"async",
      "subject_delete_marker_ttl":11,"mirror":{"name":"ORIGIN"},"sources":[{"name":"A"},{"name":"B"}],
      "subject_transform":{"src":"a.*","dest":"b.*"}},
      "state":{"consumer_count":12}})"));
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->retention, Retention::kInterest);
  EXPECT_EQ(facts->discard, Discard::kNew);
  EXPECT_TRUE(facts->discard_new_per_subject && facts->no_ack && facts->sealed && facts->denies_delete);
  EXPECT_TRUE(facts->allows_rollup && facts->counts && facts->persists_later);
  EXPECT_EQ(facts->max_messages, 5);
  EXPECT_EQ(facts->max_messages_per_subject, 6);
  EXPECT_EQ(facts->max_bytes, 7);
  EXPECT_EQ(facts->max_message_bytes, 8);
  EXPECT_EQ(facts->max_age.count(), 9);
  EXPECT_EQ(facts->duplicate_window.count(), 10);
  EXPECT_EQ(facts->marker_ttl.count(), 11);
  EXPECT_EQ(facts->replicas, 3);
  EXPECT_EQ(facts->mirror_of, "ORIGIN");
  EXPECT_THAT(facts->sources, ::testing::ElementsAre("A", "B"));
  EXPECT_EQ(facts->subject_transform->source, "a.*");
  EXPECT_EQ(facts->subject_transform->destination, "b.*");
  EXPECT_EQ(facts->consumers, 12U);
}

TEST(ApiJsonTest, AnUnlimitedLimitIsNone) {
  for (const char* text : {R"({"config":{"storage":"file"}})",
                           R"({"config":{"storage":"file","max_msgs":-1,"max_msgs_per_subject":-1,"max_bytes":-1,
                               "max_msg_size":-1,"max_age":0,"subject_transform":"x","mirror":7,"sources":7}})"}) {
    const auto facts = ReadStreamFacts(ParseJson(text));
    ASSERT_TRUE(facts.ok());
    EXPECT_EQ(facts->max_messages + facts->max_messages_per_subject + facts->max_bytes + facts->max_message_bytes, 0);
    EXPECT_EQ(facts->retention, Retention::kLimits);
    EXPECT_FALSE(facts->subject_transform.has_value());
    EXPECT_EQ(facts->mirror_of, "");
    EXPECT_TRUE(facts->sources.empty());
  }
}

TEST(ApiJsonTest, AnExclusiveConsumerIsPushedToAndHeartbeats) {
  EXPECT_EQ(ConsumerConfig(kExclusive, "billing", "inbox.1", {}),
            ParseJson(R"({"durable_name":"billing","deliver_subject":"inbox.1","filter_subject":"orders",
                "ack_policy":"explicit","ack_wait":30000000000,"max_ack_pending":64,"max_deliver":-1,
                "idle_heartbeat":1000000000,"replay_policy":"instant","deliver_policy":"all"})"));
  const Json later = ConsumerConfig(kExclusive, "billing", "inbox.1", {StartPoint::Kind::kSequence, 42});
  EXPECT_EQ(later["deliver_policy"], "by_start_sequence");
  EXPECT_EQ(later["opt_start_seq"], 42);
}

TEST(ApiJsonTest, SharedAndAtMostOnceConsumersArePulledFrom) {
  ConsumerSpec spec = kExclusive;
  spec.kind = ConsumerKind::kShared;
  const Json shared = ConsumerConfig(spec, "billing", "", {});
  EXPECT_FALSE(shared.contains("deliver_subject"));
  EXPECT_EQ(shared["max_ack_pending"], -1);
  spec.kind = ConsumerKind::kAtMostOnce;
  spec.consumer.clear();
  const Json lossy = ConsumerConfig(spec, "penstock1", "", {StartPoint::Kind::kNew, 0});
  EXPECT_EQ(lossy["ack_policy"], "none");
  EXPECT_EQ(lossy["name"], "penstock1");
  EXPECT_EQ(lossy["deliver_policy"], "new");
  EXPECT_FALSE(lossy.contains("durable_name"));
  EXPECT_FALSE(lossy.contains("max_ack_pending"));
}

TEST(ApiJsonTest, ReadsTheFactsOfAConsumer) {
  const auto facts = ReadConsumerFacts(ParseJson(
      R"({"created":"then","config":{"deliver_subject":"inbox"},"push_bound":true,"ack_floor":{"stream_seq":9}})"));
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->deliver_subject, "inbox");
  EXPECT_TRUE(facts->bound);
  EXPECT_EQ(facts->created, "then");
  EXPECT_EQ(facts->acknowledged, 9U);
  EXPECT_EQ(facts->pending, 0U);
  EXPECT_FALSE(facts->released);
  EXPECT_FALSE(ReadConsumerFacts(ParseJson(R"({"config":null})")).ok());
}

TEST(ApiJsonTest, ReadsWhatAConsumerHasPending) {
  const auto facts = ReadConsumerFacts(
      ParseJson(R"({"config":{},"delivered":{"consumer_seq":12,"stream_seq":11},"num_ack_pending":3})"));
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->delivered, 11U);
  EXPECT_EQ(facts->deliveries, 12U);
  EXPECT_EQ(facts->pending, 3U);
}

TEST(ApiJsonTest, ReadsAStoredMessage) {
  const auto message = ReadStoredMessage(ParseJson(
      R"({"message":{"subject":"orders","seq":7,"hdrs":"TkFUUy8xLjANCkE6IGINCg0K","data":"/wA=","time":"2023-11-14T22:13:20.5Z"}})"));
  ASSERT_TRUE(message.ok());
  EXPECT_EQ((*message)->stream_sequence(), 7U);
  EXPECT_EQ((*message)->payload(), std::string_view("\xff\0", 2));
  EXPECT_EQ((*message)->Header("a"), "b");
}

TEST(ApiJsonTest, WhatDescribesNoMessageIsNone) {
  for (const char* text : {"null", "{}", R"({"message":[]})", R"({"message":{"seq":0,"time":"2023-11-14T22:13:20Z"}})",
                           R"({"message":{"seq":1,"time":"now"}})", R"({"message":{"seq":-1}})",
                           R"({"message":{"seq":1,"time":"2023-11-14T22:13:20Z","data":"%%"}})",
                           R"({"message":{"seq":1,"time":"2023-11-14T22:13:20Z","hdrs":"a"}})"}) {
    EXPECT_EQ(ReadStoredMessage(ParseJson(text)).status().code(), absl::StatusCode::kInternal) << text;
  }
}

TEST(ApiJsonTest, OnlyAnotherConsumerThatNobodyHasAcknowledgedToIsAnUnusedReplacement) {
  const std::string before = "2026-11-21T04:36:27Z";
  const ConsumerFacts fresh{.created = "2026-11-21T04:36:30Z", .delivered = 3, .deliveries = 3, .pending = 3};
  EXPECT_TRUE(IsUnusedReplacement(fresh, before));
  EXPECT_FALSE(IsUnusedReplacement(fresh, fresh.created)) << "the same consumer";
  ConsumerFacts acknowledged = fresh;
  acknowledged.acknowledged_deliveries = 1;
  EXPECT_FALSE(IsUnusedReplacement(acknowledged, before)) << "it has a position";
  ConsumerFacts out_of_order = fresh;
  out_of_order.pending = 2;
  EXPECT_FALSE(IsUnusedReplacement(out_of_order, before)) << "one past the floor is acknowledged";
}

TEST(ApiJsonTest, AConsumerIsKnownByItsTagWhereItHasOne) {
  const std::string time = "2026-11-21T04:36:27Z", later = "2026-11-21T04:36:40Z", much_later = "2026-11-21T04:50:00Z";
  EXPECT_TRUE(SameConsumer({time, "a"}, {later, "a"})) << "as a replica tells it that was cut off";
  EXPECT_FALSE(SameConsumer({time, "a"}, {much_later, "a"})) << "created anew from a configuration that was saved";
  EXPECT_FALSE(SameConsumer({time, "a"}, {time, "b"}));
  EXPECT_TRUE(SameConsumer({time, "a"}, {time, ""})) << "of an older server, or not tagged yet";
  EXPECT_FALSE(SameConsumer({time, "a"}, {later, ""}));
  EXPECT_FALSE(SameConsumer({time, ""}, {later, ""}));
}

TEST(ApiJsonTest, CreationTimesThatAreCloseNameTheSameTime) {
  EXPECT_TRUE(SameTime("2026-11-21T04:36:27.044868851Z", "2026-11-21T04:36:27.04516767Z"));
  EXPECT_TRUE(SameTime("2026-11-21T04:36:26.999Z", "2026-11-21T04:36:27.001Z"));
  EXPECT_FALSE(SameTime("2026-11-21T04:36:27Z", "2026-11-21T04:36:30Z"));
  EXPECT_TRUE(SameTime("sometime", "sometime"));
  EXPECT_FALSE(SameTime("sometime", "2026-11-21T04:36:30Z"));
}

TEST(ApiJsonTest, ABucketsSettingsAreReadFromItsStream) {
  const auto options =
      ReadBucketConfig(ParseJson(R"({"storage":"memory","max_msgs_per_subject":5,"max_age":1500000000,"max_bytes":4096,
          "max_msg_size":512,"num_replicas":3,"allow_msg_ttl":true,"subject_delete_marker_ttl":2000000000})"));
  EXPECT_EQ(options.history, 5U);
  EXPECT_EQ(options.time_to_live, std::chrono::milliseconds(1500));
  EXPECT_EQ(options.key_time_to_live_marker, seconds(2));
  EXPECT_EQ(options.max_bytes, 4096);
  EXPECT_EQ(options.max_value_bytes, 512);
  EXPECT_EQ(options.storage, BucketStorage::kMemory);
  EXPECT_EQ(options.replicas, 3);
}

TEST(ApiJsonTest, OddSettingsOfABucketAreNone) {
  for (const char* text :
       {"null", "{}", "[]", R"({"max_msgs_per_subject":-1,"max_age":"x","max_msg_size":-1,"num_replicas":0})"}) {
    const auto odd = ReadBucketConfig(ParseJson(text));
    EXPECT_EQ(odd.history, 0U) << text;
    EXPECT_EQ(odd.time_to_live.count(), 0) << text;
    EXPECT_EQ(odd.max_value_bytes, 0) << text;
    EXPECT_EQ(odd.replicas, 1) << text;
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
