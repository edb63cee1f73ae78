// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "contract/jetstream_fixture.h"

namespace penstock::eventbus::contract {
namespace {

using enum ConsumerKind;
using ::testing::HasSubstr;

class JetStreamConsumerTest : public JetStreamFixture {
 protected:
  std::unique_ptr<Consumer> Open(Transport& transport, const ConsumerSpec& spec, ConsumerEvents events) {
    auto consumer = transport.OpenConsumer(spec, std::move(events));
    EXPECT_THAT(consumer, IsOk());
    return consumer.ok() ? *std::move(consumer) : nullptr;
  }

  std::string DeliverSubject(const std::string& consumer) {
    const std::string info = Api("CONSUMER.INFO.ORDERS." + consumer);
    const std::string member = "\"deliver_subject\":\"";
    const std::size_t begin = info.find(member) + member.size();
    return info.substr(begin, info.find('"', begin) - begin);
  }

  // Restarts the server as if it had been killed while it wrote the consumer's configuration (2.9.10, seen by chaos),
  // with 20 messages more. It must have the floor of 50 on disk, which it may fail to write when it ends.
  void RestartWithoutConfigurationOf(const std::string& consumer, Transport& transport) {
    Eventually([&] { return FloorOnDisk(consumer) == 50; }, seconds(2));
    server().Stop();
    ForgetConfigurationOf(consumer);
    auto results = Send(transport, 20, 101);
    ASSERT_THAT(server().Start(), IsOk());
    AwaitStored(results);
  }

  // Of the file with the consumer's state: two bytes that name its format, then the floor's two sequences.
  int FloorOnDisk(const std::string& consumer) {
    std::string bytes(4, 0);
    std::ifstream(StateOf(consumer) / "o.dat").read(bytes.data(), 4);
    return bytes[3];
  }

  void ForgetConfigurationOf(const std::string& consumer) {
    std::filesystem::resize_file(StateOf(consumer) / "meta.inf", 0);
  }

  std::filesystem::path StateOf(const std::string& consumer) {
    for (const auto& file : std::filesystem::recursive_directory_iterator(server().store())) {
      const std::filesystem::path& path = file.path();
      if (path.filename() == "meta.inf" && path.parent_path().filename() == consumer) return path.parent_path();
    }
    ADD_FAILURE() << "the server keeps no consumer " << consumer;
    return {};
  }

  // Everything once, later deliveries of the same left out.
  static std::vector<std::string> FirstTimes(const std::vector<std::string>& bodies) {
    std::set<std::string> seen;
    std::vector<std::string> first;
    for (const std::string& body : bodies) {
      if (seen.insert(body).second) first.push_back(body);
    }
    return first;
  }

  static bool HasBody(const ConsumerRecorder& recorder, const std::string& body) {
    const auto bodies = recorder.Bodies();
    return std::find(bodies.begin(), bodies.end(), body) != bodies.end();
  }
  static bool ReachBody(const ConsumerRecorder& recorder, const std::string& body, std::chrono::milliseconds deadline) {
    return Eventually([&] { return HasBody(recorder, body); }, deadline);
  }
};

TEST_F(JetStreamConsumerTest, ExclusiveResumesInOrderAfterTheServerWasKilled) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  ConsumerRecorder recorder;
  std::atomic<int> epochs = 0;
  ConsumerEvents events = recorder.Events();
  events.on_stream_recreated = [&] { ++epochs; };
  const auto consumer = Open(*transport, SpecFor(kExclusive, "billing"), std::move(events));
  recorder.AckFor(*consumer);
  PublishMany(*transport, 500);
  server().Kill();
  auto results = Send(*transport, 500, 501);
  EXPECT_TRUE(Eventually([&] { return !consumer->Stats().active; }, seconds(10)));
  ASSERT_THAT(server().Start(), IsOk());
  EXPECT_TRUE(ReachBody(recorder, "1000", seconds(5)));
  AwaitStored(results);
  EXPECT_EQ(FirstTimes(recorder.Bodies()), Numbers(1000));
  EXPECT_TRUE(consumer->Stats().active);
  EXPECT_GE(consumer->Stats().resubscribes, 1U);
  EXPECT_EQ(epochs, 0);
}

TEST_F(JetStreamConsumerTest, ExclusiveIsTakenOverWithinASecondWithThePendingFirst) {
  Launch();
  auto owner = Connect();
  const auto standby = Connect();
  ASSERT_THAT(owner->EnsureStream(Stream()), IsOk());
  ConsumerRecorder first, second;
  auto owned = Open(*owner, SpecFor(kExclusive, "billing", 10), first.Events());
  const auto waiting = Open(*standby, SpecFor(kExclusive, "billing", 10), second.Events());
  EXPECT_TRUE(owned->Stats().active);
  EXPECT_FALSE(waiting->Stats().active);
  PublishMany(*standby, 20);
  ASSERT_TRUE(first.Reach(10));
  ASSERT_THAT(first.Acknowledge(*owned, 1, AckType::kAck), IsOk());
  ASSERT_TRUE(first.Reach(11));
  ASSERT_THAT(owner->Flush(seconds(5)), IsOk());
  EXPECT_TRUE(second.Sequences().empty());
  second.AckFor(*waiting);
  const auto begin = std::chrono::steady_clock::now();
  owned->Stop();
  owner->Close();
  ASSERT_TRUE(second.Reach(19));
  EXPECT_LT(second.At(0).at - begin, seconds(1));
  std::vector<std::string> expected = Numbers(20);
  expected.erase(expected.begin() + 1);
  EXPECT_EQ(second.Bodies(), expected);
  EXPECT_TRUE(waiting->Stats().active);
}

TEST_F(JetStreamConsumerTest, ExclusiveSynchronisesOnAGapAndIgnoresStrangers) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  ConsumerRecorder recorder;
  const auto consumer = Open(*transport, SpecFor(kExclusive, "billing"), recorder.Events());
  PublishMany(*transport, 3);
  ASSERT_TRUE(recorder.Reach(3));
  const std::string inbox = DeliverSubject("billing");
  RawNats raw = Raw();
  ASSERT_THAT(raw.Publish(inbox, "forged"), IsOk());
  ASSERT_THAT(raw.Publish(inbox, "", "not.an.ack", "Status: 409\r\n"), IsOk());
  ASSERT_THAT(raw.Publish(inbox, "", "", "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 3\r\n"), IsOk());
  PublishMany(*transport, 1, 4);
  ASSERT_TRUE(recorder.Reach(4));
  EXPECT_EQ(recorder.Bodies(), Numbers(4));
  EXPECT_EQ(consumer->Stats().resubscribes, 0U);
  ASSERT_THAT(raw.Publish(inbox, "", "", "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 9\r\n"), IsOk());
  ASSERT_TRUE(recorder.Reach(8));
  EXPECT_EQ(consumer->Stats().resubscribes, 1U);
  EXPECT_EQ(recorder.Sequences(), (std::vector<std::uint64_t>{1, 2, 3, 4, 1, 2, 3, 4}));
}

TEST_F(JetStreamConsumerTest, ExclusiveSynchronisesWhenTheServerFellSilent) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  ConsumerRecorder recorder;
  const auto consumer = Open(*transport, SpecFor(kExclusive, "billing"), recorder.Events());
  recorder.AckFor(*consumer);
  PublishMany(*transport, 5);
  ASSERT_TRUE(recorder.Reach(5));
  server().Pause();
  EXPECT_TRUE(Eventually([&] { return !consumer->Stats().active; }, seconds(5)));
  server().Resume();
  PublishMany(*transport, 5, 6);
  EXPECT_TRUE(ReachBody(recorder, "10", seconds(5)));
  EXPECT_EQ(FirstTimes(recorder.Bodies()), Numbers(10));
  EXPECT_GE(consumer->Stats().resubscribes, 1U);
}

TEST_F(JetStreamConsumerTest, ADeletedDurableIsMadeAgainFromTheFirstUnsettledMessage) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  ConsumerRecorder recorder;
  std::atomic<int> epochs = 0;
  std::atomic<std::size_t> before_it = 0;
  ConsumerEvents events = recorder.Events();
  events.on_stream_recreated = [&] { ++epochs; };
  events.on_consumer_recreated = [&] { before_it = recorder.arrivals().size(); };
  const auto consumer = Open(*transport, SpecFor(kExclusive, "billing"), std::move(events));
  PublishMany(*transport, 5);
  ASSERT_TRUE(recorder.Reach(5));
  EXPECT_EQ(before_it, 0U) << "made for the first time";
  for (const std::size_t index : {0, 1, 3}) ASSERT_THAT(recorder.Acknowledge(*consumer, index, AckType::kAck), IsOk());
  ASSERT_THAT(transport->Flush(seconds(5)), IsOk());
  DeleteConsumer("billing");
  ASSERT_TRUE(recorder.Reach(8));
  EXPECT_EQ(epochs, 0) << "sequences still mean what they meant";
  EXPECT_EQ(before_it, 5U) << "told before the first message comes again";
  EXPECT_EQ(recorder.Sequences(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 3, 4, 5}));
  EXPECT_THAT(recorder.Acknowledge(*consumer, 2, AckType::kAck), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(recorder.Acknowledge(*consumer, 5, AckType::kAck), IsOk());
}

TEST_F(JetStreamConsumerTest, ADurableOfWhichOnlyTheStateWasLeftBringsWhatIsPendingFirst) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  ConsumerRecorder recorder;
  const auto consumer = Open(*transport, SpecFor(kExclusive, "billing", 100), recorder.Events());
  PublishMany(*transport, 100);
  ASSERT_TRUE(recorder.Reach(100));
  for (std::size_t index = 0; index < 50; ++index)
    ASSERT_THAT(recorder.Acknowledge(*consumer, index, AckType::kAck), IsOk());
  ASSERT_THAT(transport->Flush(seconds(5)), IsOk());
  RestartWithoutConfigurationOf("billing", *transport);
  ASSERT_TRUE(recorder.Reach(170));
  const std::vector<std::string> bodies = recorder.Bodies();
  EXPECT_THAT(std::vector<std::string>(bodies.begin() + 100, bodies.end()),
              ::testing::ElementsAreArray(Numbers(70, 51)));
  EXPECT_THAT(recorder.Acknowledge(*consumer, 100, AckType::kAck), IsOk());
}

TEST_F(JetStreamConsumerTest, ANewProcessTakesWhatIsPendingOfSuchADurableFirst) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  ConsumerRecorder before, after;
  auto consumer = Open(*transport, SpecFor(kExclusive, "billing", 100), before.Events());
  PublishMany(*transport, 100);
  ASSERT_TRUE(before.Reach(100));
  for (std::size_t index = 0; index < 50; ++index)
    ASSERT_THAT(before.Acknowledge(*consumer, index, AckType::kAck), IsOk());
  consumer = nullptr;
  RestartWithoutConfigurationOf("billing", *transport);
  consumer = Open(*transport, SpecFor(kExclusive, "billing", 100), after.Events());
  ASSERT_TRUE(after.Reach(70));
  EXPECT_EQ(after.Bodies(), Numbers(70, 51));
}

// The owner would have it begin with what is unsettled, the other, which knows of nothing, with the first message: the
// server takes one of the two.
TEST_F(JetStreamConsumerTest, OfTwoThatMakeADurableAtOnceOneFlowsAndTheOtherStandsBy) {
  Launch();
  const auto transport = Connect();
  const auto other = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  ConsumerRecorder first, second;
  std::atomic<int> lost = 0;
  const auto events = [&lost](ConsumerRecorder& recorder) {
    ConsumerEvents told = recorder.Events();
    told.on_closed = [&lost](const absl::Status&) { ++lost; };
    return told;
  };
  const auto owned = Open(*transport, SpecFor(kExclusive, "billing", 100), events(first));
  const auto waiting = Open(*other, SpecFor(kExclusive, "billing", 100), events(second));
  PublishMany(*transport, 10);
  ASSERT_TRUE(first.Reach(10));
  for (std::size_t index = 0; index < 5; ++index) ASSERT_THAT(first.Acknowledge(*owned, index, AckType::kAck), IsOk());
  for (int round = 11; round <= 35; ++round) {
    server().Stop();
    std::filesystem::remove_all(StateOf("billing"));
    ASSERT_THAT(server().Start(), IsOk());
    PublishMany(*transport, 1, round);
    const std::string news = std::to_string(round);
    ASSERT_TRUE(Eventually([&] { return HasBody(first, news) || HasBody(second, news); }, seconds(10))) << round;
    EXPECT_TRUE(Eventually([&] { return owned->Stats().active != waiting->Stats().active; }, seconds(10))) << round;
  }
  EXPECT_EQ(lost, 0);
}

TEST_F(JetStreamConsumerTest, CumulativeAcknowledgementsStopAtTheFirstUnsettledMessage) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  ConsumerSpec spec = SpecFor(kExclusive, "billing");
  spec.ack_all = true;
  ConsumerRecorder first, second;
  auto consumer = Open(*transport, spec, first.Events());
  for (int i = 1; i <= 6; ++i) {
    PublishMany(*transport, 1, i);
    ASSERT_TRUE(first.Reach(static_cast<std::size_t>(i)));
  }
  const auto floor_is = [&](const std::string& floor) {
    const auto holds = [&] {
      const std::string info = Api("CONSUMER.INFO.ORDERS.billing");
      const std::size_t part = info.find("\"ack_floor\"");
      return info.find("\"stream_seq\":" + floor, part) < info.find('}', part);
    };
    return Eventually(holds, seconds(5));
  };
  EXPECT_THAT(Api("CONSUMER.INFO.ORDERS.billing"), HasSubstr("\"ack_policy\":\"all\""));
  for (const std::size_t index : {0, 1, 3, 4}) ASSERT_THAT(first.Acknowledge(*consumer, index, AckType::kAck), IsOk());
  EXPECT_TRUE(floor_is("2"));
  ASSERT_THAT(first.Acknowledge(*consumer, 2, AckType::kNak), IsOk());
  ASSERT_TRUE(first.Reach(7));
  EXPECT_EQ(first.At(6).sequence, 3U) << "a Nak is for one message";
  ASSERT_THAT(first.Acknowledge(*consumer, 6, AckType::kTerm), IsOk());
  EXPECT_TRUE(floor_is("5")) << "and so is a Term";
  consumer->Stop();
  const auto next = Open(*transport, spec, second.Events());
  ASSERT_TRUE(second.Reach(1));
  EXPECT_EQ(second.At(0).sequence, 6U);
  spec.ack_all = false;
  EXPECT_THAT(transport->OpenConsumer(spec, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ack_policy")));
}

TEST_F(JetStreamConsumerTest, AStreamMadeAgainBeginsANewEpochFromItsFirstMessage) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  ConsumerRecorder recorder;
  std::atomic<int> epochs = 0;
  ConsumerEvents events = recorder.Events();
  events.on_stream_recreated = [&] { ++epochs; };
  events.on_consumer_recreated = [] { ADD_FAILURE() << "a new epoch says more"; };
  const auto consumer = Open(*transport, SpecFor(kExclusive, "billing"), std::move(events));
  recorder.AckFor(*consumer);
  PublishMany(*transport, 5);
  ASSERT_TRUE(recorder.Reach(5));
  EXPECT_THAT(Api("STREAM.DELETE.ORDERS"), HasSubstr("\"success\":true"));
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  PublishMany(*transport, 2, 6);
  ASSERT_TRUE(recorder.Reach(7));
  EXPECT_EQ(epochs, 1);
  EXPECT_EQ(recorder.Bodies(), Numbers(7));
  EXPECT_EQ(recorder.Sequences(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 1, 2}));
}

TEST_F(JetStreamConsumerTest, ADurableOfAnotherShapeIsRefusedByFieldAndValues) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream({.name = "ORDERS", .subjects = {"orders", "bills"}}), IsOk());
  const auto make = [&](const std::string& name, const std::string& config) {
    return Api("CONSUMER.DURABLE.CREATE.ORDERS." + name,
               absl::StrCat(R"({"stream_name":"ORDERS","config":{"durable_name":")", name, R"(",)", config, "}}"));
  };
  const std::string orders = R"("filter_subject":"orders",)";
  make("pull", orders + R"("ack_policy":"explicit")");
  make("push", orders + R"("ack_policy":"explicit","deliver_subject":"somewhere")");
  make("bills", R"("filter_subject":"bills","ack_policy":"explicit","deliver_subject":"somewhere")");
  make("acknone", orders + R"("ack_policy":"none","deliver_subject":"somewhere")");
  const auto refused = [&](ConsumerKind kind, const std::string& name, const std::vector<std::string>& words) {
    const auto consumer = transport->OpenConsumer(SpecFor(kind, name), {});
    for (const std::string& word : words) {
      EXPECT_THAT(consumer, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(word)));
    }
  };
  refused(kExclusive, "pull", {"\"pull\"", "push (exclusive)"});
  refused(kShared, "push", {"\"push\"", "pull (shared)"});
  refused(kExclusive, "bills", {"filter_subject", "\"bills\"", "\"orders\""});
  refused(kExclusive, "acknone", {"ack_policy", "\"none\"", "\"explicit\""});
  refused(kAtMostOnce, "pull", {"ack_policy", "\"none\"", "\"explicit\""});
}

TEST_F(JetStreamConsumerTest, FieldsThatAreOursAreUpdatedOnAnExistingDurable) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  for (const ConsumerKind kind : {kExclusive, kShared}) {
    ConsumerSpec spec = SpecFor(kind, kind == kShared ? "shared" : "exclusive", 10);
    Open(*transport, spec, {})->Stop();
    spec.ack_wait = seconds(7);
    spec.max_in_flight = 20;
    const auto again = Open(*transport, spec, {});  // stands by until the server has noted that the first left
    const auto info = [&] { return Api("CONSUMER.INFO.ORDERS." + spec.consumer); };
    EXPECT_TRUE(Eventually([&] { return absl::StrContains(info(), "\"ack_wait\":7000000000"); }, seconds(10)));
    EXPECT_EQ(absl::StrContains(info(), "\"max_ack_pending\":20"), kind == kExclusive);
  }
}

TEST_F(JetStreamConsumerTest, AFeedWhoseDurableBecameUnfitIsLost) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  std::promise<absl::Status> lost;
  ConsumerEvents events;
  events.on_closed = [&](absl::Status why) { lost.set_value(std::move(why)); };
  const auto consumer = Open(*transport, SpecFor(kExclusive, "billing"), std::move(events));
  RawNats raw = Raw();
  auto why = lost.get_future();
  const auto deadline = std::chrono::steady_clock::now() + seconds(20);
  // Now and then the consumer makes its consumer again before the other one reaches the server.
  do {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    ASSERT_THAT(raw.Publish("$JS.API.CONSUMER.DELETE.ORDERS.billing", "", "nobody"), IsOk());
    ASSERT_THAT(raw.Publish("$JS.API.CONSUMER.DURABLE.CREATE.ORDERS.billing",
                            R"({"stream_name":"ORDERS","config":{"durable_name":"billing","filter_subject":"orders",)"
                            R"("ack_policy":"explicit"}})",
                            "nobody"),
                IsOk());
  } while (why.wait_for(seconds(4)) != std::future_status::ready);
  EXPECT_THAT(why.get(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("pull")));
  EXPECT_FALSE(consumer->Stats().active);
}

TEST_F(JetStreamConsumerTest, StopFromAnEventReturnsAndNothingFollows) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  PublishMany(*transport, 50);
  for (const ConsumerKind kind : {kExclusive, kShared}) {
    std::promise<Consumer*> opened;
    std::promise<void> stopped;
    std::atomic<int> calls = 0;
    ConsumerEvents events;
    events.on_messages = [&, consumer = opened.get_future().share()](const auto&) {
      consumer.get()->Stop();
      if (++calls == 1) stopped.set_value();
    };
    const auto consumer = Open(*transport, SpecFor(kind, kind == kShared ? "s" : "e", 1), std::move(events));
    opened.set_value(consumer.get());
    ASSERT_EQ(stopped.get_future().wait_for(seconds(5)), std::future_status::ready);
    consumer->Stop();
    EXPECT_EQ(calls, 1);
  }
}

TEST_F(JetStreamConsumerTest, SharedFeedsDivideTheMessagesAndSurviveAServerKill) {
  Launch();
  const auto transport = Connect();
  const auto other = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  ConsumerRecorder first, second;
  const auto one = Open(*transport, SpecFor(kShared, "billing", 20), first.Events());
  const auto two = Open(*other, SpecFor(kShared, "billing", 20), second.Events());
  first.AckFor(*one);
  second.AckFor(*two);
  PublishMany(*transport, 500);
  ASSERT_TRUE(Eventually([&] { return first.Bodies().size() + second.Bodies().size() >= 500; }, seconds(10)));
  server().Kill();
  auto results = Send(*transport, 500, 501);
  ASSERT_THAT(server().Start(), IsOk());
  AwaitStored(results);
  std::set<std::string> all;
  const auto holds = [&] {
    for (const auto& body : first.Bodies()) all.insert(body);
    for (const auto& body : second.Bodies()) all.insert(body);
    return all.size() == 1000;
  };
  EXPECT_TRUE(Eventually(holds, seconds(10)));
  EXPECT_FALSE(first.Bodies().empty());
  EXPECT_FALSE(second.Bodies().empty());
}

TEST_F(JetStreamConsumerTest, AtMostOnceStreamAndConsumerComeBackAfterARestart) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream(Storage::kMemory)), IsOk());
  PublishMany(*transport, 3);
  ConsumerRecorder alone, grouped;
  std::atomic<int> epochs = 0;
  ConsumerEvents events = alone.Events();
  events.on_stream_recreated = [&] { ++epochs; };
  const auto ephemeral = Open(*transport, SpecFor(kAtMostOnce, "", 10), std::move(events));
  const auto group = Open(*transport, SpecFor(kAtMostOnce, "group", 10), grouped.Events());
  alone.AckFor(*ephemeral);
  grouped.AckFor(*group);
  PublishMany(*transport, 30, 4);
  ASSERT_TRUE(alone.Reach(30));
  ASSERT_TRUE(grouped.Reach(30));
  server().Kill();
  ASSERT_TRUE(Eventually([&] { return !ephemeral->Stats().active && !group->Stats().active; }, seconds(5)));
  ASSERT_THAT(server().Start(), IsOk());
  ASSERT_TRUE(Eventually([&] { return ephemeral->Stats().active && group->Stats().active; }, seconds(5)));
  EXPECT_THAT(Api("STREAM.INFO.ORDERS"), HasSubstr("\"storage\":\"memory\""));
  PublishMany(*transport, 30, 34);
  ASSERT_TRUE(alone.Reach(60));
  ASSERT_TRUE(grouped.Reach(60));
  EXPECT_EQ(alone.Bodies(), Numbers(60, 4));
  EXPECT_EQ(grouped.Bodies(), Numbers(60, 4));
  EXPECT_EQ(epochs, 1);
}

TEST_F(JetStreamConsumerTest, StopDeletesAnEphemeralConsumerAndLeavesDurables) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  const auto ephemeral = Open(*transport, SpecFor(kAtMostOnce, ""), {});
  const auto group = Open(*transport, SpecFor(kAtMostOnce, "group"), {});
  const auto shared = Open(*transport, SpecFor(kShared, "shared"), {});
  const auto exclusive = Open(*transport, SpecFor(kExclusive, "exclusive"), {});
  EXPECT_THAT(Api("STREAM.INFO.ORDERS"), HasSubstr("\"consumer_count\":4"));
  for (Consumer* consumer : {ephemeral.get(), group.get(), shared.get(), exclusive.get()}) consumer->Stop();
  EXPECT_THAT(Api("CONSUMER.NAMES.ORDERS"),
              ::testing::AllOf(HasSubstr("group"), HasSubstr("shared"), HasSubstr("exclusive")));
  EXPECT_THAT(Api("STREAM.INFO.ORDERS"), HasSubstr("\"consumer_count\":3"));
}

TEST_F(JetStreamConsumerTest, APullConsumerThatVanishedIsMadeAgain) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  ConsumerRecorder recorder;
  const auto consumer = Open(*transport, SpecFor(kShared, "shared", 10), recorder.Events());
  recorder.AckFor(*consumer);
  PublishMany(*transport, 5);
  ASSERT_TRUE(recorder.Reach(5));
  DeleteConsumer("shared");
  PublishMany(*transport, 5, 6);
  EXPECT_TRUE(ReachBody(recorder, "10", seconds(15)));
}

}  // namespace
}  // namespace penstock::eventbus::contract
