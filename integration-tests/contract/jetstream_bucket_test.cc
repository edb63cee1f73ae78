// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "contract/jetstream_fixture.h"
#include "contract/watch_recorder.h"
#include "support/tcp_proxy.h"

// Buckets on a real server: their layout as other clients see it, and what a server can do to them.
namespace penstock::eventbus::contract {
namespace {

using penstock::testing::IsOkAndHolds;
using penstock::testing::TcpProxy;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Code = absl::StatusCode;
using Json = nlohmann::json;

class JetStreamBucketTest : public JetStreamFixture {
 protected:
  static CallLimit Soon() { return CallLimit::In(seconds(20)); }
  static std::unique_ptr<KeyValueStore> Open(Transport& transport, BucketOptions options = {}) {
    auto store = transport.OpenBucket({"leases", options}, Soon());
    EXPECT_THAT(store, IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }
  Json Config() { return Json::parse(Api("STREAM.INFO.KV_leases"))["config"]; }
  /// Stores as a client without any library does.
  void RawPut(const std::string& key, const std::string& value, const std::string& headers = "") {
    RawNats raw = Raw();
    const auto reply = raw.Request("$KV.leases." + key, value, headers);
    ASSERT_THAT(reply, IsOk());
    ASSERT_THAT(reply->body, HasSubstr("\"seq\""));
  }
  bool HasTimeToLive() {
    const Json level = Json::parse(Api("INFO"))["api"]["level"];
    return level.is_number() && level.get<int>() >= 1;
  }
  std::vector<std::string> Consumers() {
    const Json names = Json::parse(Api("CONSUMER.NAMES.KV_leases"))["consumers"];
    return names.is_array() ? names.get<std::vector<std::string>>() : std::vector<std::string>();
  }
};

TEST_F(JetStreamBucketTest, ItsStreamIsTheOneThatOtherClientsMake) {
  Launch();
  const auto transport = Connect();
  const auto store = Open(*transport, {.history = 5,
                                       .time_to_live = seconds(60),
                                       .max_bytes = 1 << 20,
                                       .max_value_bytes = 4096,
                                       .storage = BucketStorage::kMemory});
  Json config = Config();
  EXPECT_EQ(config["name"], "KV_leases");
  EXPECT_EQ(config["subjects"], Json({"$KV.leases.>"}));
  EXPECT_EQ(config["retention"], "limits");
  EXPECT_EQ(config["storage"], "memory");
  EXPECT_EQ(config["discard"], "new");
  EXPECT_EQ(config["max_msgs_per_subject"], 5);
  EXPECT_EQ(config["max_msgs"], -1);
  EXPECT_EQ(config["max_bytes"], 1 << 20);
  EXPECT_EQ(config["max_msg_size"], 4096);
  EXPECT_EQ(config["max_age"], 60'000'000'000);
  EXPECT_EQ(config["duplicate_window"], 60'000'000'000) << "not longer than the entries' age";
  EXPECT_EQ(config["num_replicas"], 1);
  EXPECT_EQ(config["allow_rollup_hdrs"], true);
  EXPECT_EQ(config["deny_delete"], true);
  EXPECT_EQ(config["allow_direct"], true);
  EXPECT_NE(config["allow_msg_ttl"], true);
}

TEST_F(JetStreamBucketTest, WithoutTimeToLiveItsDuplicateWindowIsTwoMinutes) {
  Launch();
  const auto transport = Connect();
  const auto store = Open(*transport);
  Json config = Config();
  EXPECT_EQ(config["max_age"], 0);
  EXPECT_EQ(config["duplicate_window"], 120'000'000'000);
  EXPECT_EQ(config["max_msgs_per_subject"], 1);
  EXPECT_EQ(config["max_msg_size"], -1);
  EXPECT_EQ(config["storage"], "file");
}

TEST_F(JetStreamBucketTest, WhatOtherClientsWriteIsRead) {
  Launch();
  const auto transport = Connect();
  const auto store = Open(*transport);
  WatchRecorder recorder;
  const auto watch = store->Watch(">", recorder.Events(), Soon());
  ASSERT_THAT(watch, IsOk());
  ASSERT_TRUE(recorder.ReachUpToDate());
  RawPut("k", "v");
  const auto entry = store->Get("k", Soon());
  ASSERT_THAT(entry, IsOk());
  EXPECT_EQ(entry->value, "v");
  EXPECT_EQ(entry->revision, 1U);
  RawPut("k", "", "KV-Operation: DEL\r\n");
  EXPECT_THAT(store->Get("k", Soon()), StatusIs(Code::kNotFound, HasSubstr("revision 2")));
  ASSERT_TRUE(recorder.Reach("-k"));
  RawPut("k", "", "KV-Operation: PURGE\r\nNats-Rollup: sub\r\n");
  ASSERT_TRUE(recorder.Reach("--k")) << "before the next write replaces it";
  EXPECT_THAT(store->Create("k", "again", Soon()), IsOkAndHolds(4U));
  ASSERT_TRUE(recorder.Reach("k=again"));
  EXPECT_THAT(recorder.Log(), ElementsAre("up to date", "k=v", "-k", "--k", "k=again"));
}

TEST_F(JetStreamBucketTest, ItsWritesAreThoseOfOtherClients) {
  Launch();
  const auto transport = Connect();
  const auto store = Open(*transport);
  RawNats raw = Raw();
  ASSERT_THAT(raw.Subscribe("$KV.leases.>"), IsOk());
  ASSERT_THAT(raw.Ping(), IsOk());
  ASSERT_THAT(store->Put("a.b", "v", Soon()), IsOk());
  ASSERT_THAT(store->Update("a.b", "w", 1, Soon()), IsOk());
  ASSERT_THAT(store->Delete("a.b", BucketOperation::kDelete, 2, Soon()), IsOk());
  ASSERT_THAT(store->Delete("a.b", BucketOperation::kPurge, std::nullopt, Soon()), IsOk());
  const auto put = raw.Next();
  EXPECT_EQ(put->subject, "$KV.leases.a.b");
  EXPECT_EQ(put->body, "v");
  EXPECT_THAT(put->headers, Not(HasSubstr("Nats-Expected")));
  EXPECT_THAT(raw.Next()->headers, HasSubstr("Nats-Expected-Last-Subject-Sequence: 1\r\n"));
  EXPECT_THAT(raw.Next()->headers,
              AllOf(HasSubstr("KV-Operation: DEL\r\n"), HasSubstr("Nats-Expected-Last-Subject-Sequence: 2\r\n")));
  const auto purge = raw.Next();
  EXPECT_THAT(purge->headers, AllOf(HasSubstr("KV-Operation: PURGE\r\n"), HasSubstr("Nats-Rollup: sub\r\n")));
  EXPECT_EQ(purge->body, "");
}

TEST_F(JetStreamBucketTest, ABucketOfAnotherClientIsOpened) {
  Launch();
  const auto transport = Connect();
  // As nats.go 1.x makes it with its defaults.
  EXPECT_THAT(
      Api("STREAM.CREATE.KV_leases",
          R"({"name":"KV_leases","subjects":["$KV.leases.>"],"retention":"limits","max_consumers":-1,"max_msgs":-1,
                      "max_bytes":-1,"discard":"new","max_age":0,"max_msgs_per_subject":1,"max_msg_size":-1,
                      "storage":"file","num_replicas":1,"duplicate_window":120000000000,"deny_delete":true,
                      "allow_rollup_hdrs":true,"allow_direct":true})"),
      HasSubstr("\"config\""));
  RawPut("k", "v");
  const auto store = Open(*transport);
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->Get("k", Soon())->value, "v");
}

TEST_F(JetStreamBucketTest, AnUpdateWithoutAnAnswerIsSentOnceAndOverAtItsDeadline) {
  Launch();
  const auto transport = Connect();
  const auto store = Open(*transport);
  ASSERT_THAT(store->Put("k", "1", Soon()), IsOkAndHolds(1U));
  server().Pause();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(store->Update("k", "2", 1, CallLimit::In(milliseconds(300))), StatusIs(Code::kDeadlineExceeded));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
  server().Resume();
  EXPECT_TRUE(Eventually([&] { return store->Get("k", Soon())->revision > 1; }, seconds(20)));
  EXPECT_EQ(store->Get("k", Soon())->value, "2") << "it happened after all, which only Get can tell";
  EXPECT_THAT(store->Put("k", "3", Soon()), IsOkAndHolds(3U)) << "and once";
}

TEST_F(JetStreamBucketTest, AnUpdateEndsWhenItIsStopped) {
  Launch();
  const auto transport = Connect();
  const auto store = Open(*transport);
  server().Pause();
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_THAT(store->Update("k", "1", 0, CallLimit::In(seconds(60), stop.get_token())), StatusIs(Code::kCancelled));
  server().Resume();
}

TEST_F(JetStreamBucketTest, APutOutlastsARestartAndIsStoredOnce) {
  Launch();
  const auto transport = Connect();
  const auto store = Open(*transport);
  server().Kill();
  auto put = std::async(std::launch::async, [&] { return store->Put("k", "v", Soon()); });
  ASSERT_THAT(server().Start(), IsOk());
  EXPECT_THAT(put.get(), IsOkAndHolds(1U));
  EXPECT_EQ(store->Get("k", Soon())->revision, 1U);
}

TEST_F(JetStreamBucketTest, WhileTheServerIsDownAnUpdateSaysThatNothingWasSent) {
  Launch();
  const auto transport = Connect();
  const auto store = Open(*transport);
  server().Stop();
  ASSERT_TRUE(Eventually([&] { return !transport->connected(); }, seconds(10)));
  EXPECT_THAT(store->Update("k", "1", 0, CallLimit::In(milliseconds(200))),
              StatusIs(Code::kUnavailable, HasSubstr("nothing was sent")));
  EXPECT_THAT(store->Get("k", CallLimit::In(milliseconds(200))), StatusIs(Code::kUnavailable));
}

TEST_F(JetStreamBucketTest, AUserThatMayNotWriteIsToldSo) {
  Launch({.config = R"(authorization: { users: [
      { user: "ada", password: "x", permissions: { publish: { deny: ["$KV.>"] } } }] })"});
  BusOptions options = Options();
  options.credentials = {.user = "ada", .password = "x"};
  const auto transport = Connect(options);
  const auto store = Open(*transport);
  EXPECT_THAT(store->Put("k", "v", Soon()), StatusIs(Code::kPermissionDenied, HasSubstr("$KV.leases.k")));
  EXPECT_THAT(store->Update("k", "v", 0, Soon()), StatusIs(Code::kPermissionDenied));
}

TEST_F(JetStreamBucketTest, KeysHaveATimeToLiveOfTheirOwnWhereTheServerKnowsIt) {
  Launch();
  const auto transport = Connect();
  const BucketOptions options{.key_time_to_live_marker = seconds(60)};
  if (!HasTimeToLive()) {
    EXPECT_THAT(transport->OpenBucket({"leases", options}, Soon()), StatusIs(Code::kUnimplemented, HasSubstr("2.11")));
    EXPECT_THAT(Api("STREAM.INFO.KV_leases"), HasSubstr("10059")) << "no bucket is left behind";
    return;
  }
  const auto store = Open(*transport, options);
  EXPECT_EQ(store->spec().options.key_time_to_live_marker, seconds(60));
  WatchRecorder recorder;
  const auto watch = store->Watch(">", recorder.Events(), Soon());
  ASSERT_THAT(store->Put("short", "1", Soon(), seconds(1)), IsOk());
  ASSERT_THAT(store->Put("long", "1", Soon()), IsOk());
  ASSERT_TRUE(recorder.Reach("--short")) << "the server's marker is a purge";
  EXPECT_THAT(store->Get("short", Soon()), StatusIs(Code::kNotFound));
  EXPECT_THAT(store->Get("long", Soon()), IsOk());
  EXPECT_THAT(store->Create("short", "2", Soon(), seconds(60)), IsOk()) << "over the marker";
}

TEST_F(JetStreamBucketTest, AWatchGoesOnAfterRestarts) {
  Launch();
  const auto transport = Connect();
  const auto store = Open(*transport);
  WatchRecorder recorder;
  const auto watch = store->Watch(">", recorder.Events(), Soon());
  ASSERT_THAT(watch, IsOk());
  ASSERT_TRUE(recorder.ReachUpToDate());
  for (int round = 0; round < 3; ++round) {
    ASSERT_THAT(store->Put("k", absl::StrCat(round), Soon()), IsOk());
    ASSERT_TRUE(recorder.Reach(absl::StrCat("k=", round)));
    round % 2 == 0 ? server().Kill() : server().Stop();
    ASSERT_THAT(server().Start(), IsOk());
  }
  ASSERT_THAT(store->Put("k", "last", Soon()), IsOk());
  ASSERT_TRUE(recorder.Reach("k=last"));
  EXPECT_THAT(recorder.Log(), ElementsAre("up to date", "k=0", "k=1", "k=2", "k=last")) << "each once, in order";
}

TEST_F(JetStreamBucketTest, AWatchLearnsWhatWasWrittenWhileItWasCutOff) {
  Launch();
  const auto proxy = TcpProxy::Start(server().port());
  ASSERT_THAT(proxy, IsOk());
  BusOptions options = Options();
  options.url = (*proxy)->url();
  const auto cut_off = Connect(options);
  const auto store = Open(*cut_off);
  WatchRecorder recorder;
  const auto watch = store->Watch(">", recorder.Events(), Soon());
  ASSERT_TRUE(recorder.ReachUpToDate());
  RawPut("a", "1");
  ASSERT_TRUE(recorder.Reach("a=1"));
  (*proxy)->ServerIsAt(0);
  (*proxy)->Cut();
  ASSERT_TRUE(Eventually([&] { return !cut_off->connected(); }, seconds(10)));
  for (const char* value : {"2", "3", "4"}) RawPut("a", value);
  RawPut("b", "1");
  (*proxy)->ServerIsAt(server().port());
  ASSERT_TRUE(recorder.Reach("b=1"));
  EXPECT_THAT(recorder.Log(), ElementsAre("up to date", "a=1", "a=4", "b=1")) << "the last value of every key";
}

TEST_F(JetStreamBucketTest, AWatchOutlastsTheLossOfItsConsumer) {
  Launch();
  const auto transport = Connect();
  const auto store = Open(*transport);
  WatchRecorder recorder;
  const auto watch = store->Watch(">", recorder.Events(), Soon());
  ASSERT_TRUE(recorder.ReachUpToDate());
  ASSERT_TRUE(Eventually([&] { return Consumers().size() == 1; }, seconds(10)));
  for (const std::string& name : Consumers()) Api("CONSUMER.DELETE.KV_leases." + name);
  RawPut("k", "v");
  ASSERT_TRUE(recorder.Reach("k=v"));
  EXPECT_THAT(recorder.Log(), ElementsAre("up to date", "k=v"));
}

TEST_F(JetStreamBucketTest, AWatchLeavesNoConsumerBehind) {
  Launch();
  const auto transport = Connect();
  const auto store = Open(*transport);
  WatchRecorder recorder;
  auto watch = store->Watch(">", recorder.Events(), Soon());
  ASSERT_THAT(watch, IsOk());
  ASSERT_TRUE(Eventually([&] { return Consumers().size() == 1; }, seconds(10)));
  (*watch)->Stop();
  EXPECT_TRUE(Eventually([&] { return Consumers().empty(); }, seconds(10)));
}

TEST_F(JetStreamBucketTest, AWatchBeginsAnewWithABucketThatWasCreatedAnew) {
  Launch();
  const auto transport = Connect();
  const auto store = Open(*transport);
  for (const char* value : {"1", "2", "3"}) RawPut("k", value);
  WatchRecorder recorder;
  const auto watch = store->Watch(">", recorder.Events(), Soon());
  ASSERT_TRUE(recorder.ReachUpToDate());
  Api("STREAM.DELETE.KV_leases");
  EXPECT_THAT(store->Get("k", Soon()), StatusIs(Code::kNotFound, HasSubstr("stream not found")));
  ASSERT_NE(Open(*transport), nullptr);
  RawPut("k", "new");
  ASSERT_TRUE(recorder.Reach("k=new"));
  ASSERT_TRUE(recorder.ReachUpToDate(2));
}

TEST_F(JetStreamBucketTest, ASlowCallbackHoldsUpItsOwnWatchOnly) {
  Launch();
  const auto transport = Connect();
  const auto store = Open(*transport, {.history = 64});
  std::promise<void> go;
  auto released = go.get_future().share();
  WatchRecorder slow, fast;
  const auto held = store->Watch(">", slow.Events([released](const BucketEntry&) { released.wait(); }), Soon());
  const auto other = store->Watch(">", fast.Events(), Soon());
  for (int i = 0; i < 300; ++i) ASSERT_THAT(store->Put(absl::StrCat("k", i), "v", Soon()), IsOk());
  ASSERT_TRUE(fast.Reach("k299=v"));
  EXPECT_LE(slow.Entries().size(), 1U);
  go.set_value();
  ASSERT_TRUE(slow.Reach("k299=v"));
  EXPECT_EQ(slow.Entries().size(), 300U);
}

}  // namespace
}  // namespace penstock::eventbus::contract
