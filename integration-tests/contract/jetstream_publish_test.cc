// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "contract/jetstream_fixture.h"

namespace penstock::eventbus::contract {
namespace {

using ::testing::HasSubstr;

class JetStreamPublishTest : public JetStreamFixture {
 protected:
  // The messages of the stream, read through an exclusive consumer.
  std::vector<std::string> Stored(Transport& transport, std::size_t count) {
    ConsumerRecorder recorder;
    auto consumer = transport.OpenConsumer(SpecFor(ConsumerKind::kExclusive, "reader", 4096), recorder.Events());
    EXPECT_THAT(consumer, IsOk());
    recorder.AckFor(**consumer);
    EXPECT_TRUE(recorder.Reach(count));
    (*consumer)->Stop();
    return recorder.Bodies();
  }
};

TEST_F(JetStreamPublishTest, StoresTenThousandPipelinedMessagesInOrder) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  auto results = Send(*transport, 10'000);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto ack = results[i].get();
    ASSERT_THAT(ack, IsOk());
    ASSERT_EQ(ack->sequence, i + 1);
    ASSERT_EQ(ack->stream, "ORDERS");
    ASSERT_FALSE(ack->duplicate);
  }
  EXPECT_EQ(Stored(*transport, 10'000), Numbers(10'000));
  EXPECT_EQ(transport->Stats().publishes_pending, 0U);
}

TEST_F(JetStreamPublishTest, LosesAndDoublesNothingWhenTheServerIsKilledUnderLoad) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  std::atomic<bool> half = false;
  auto sending = std::async(std::launch::async, [&] {
    auto results = Send(*transport, 5000);
    half = true;
    auto more = Send(*transport, 15'000, 5001);
    std::move(more.begin(), more.end(), std::back_inserter(results));
    return results;
  });
  ASSERT_TRUE(Eventually([&] { return half.load(); }, seconds(10)));
  server().Kill();
  ASSERT_THAT(server().Start(), IsOk());
  auto results = sending.get();
  AwaitStored(results);
  EXPECT_EQ(Stored(*transport, 20'000), Numbers(20'000));
  EXPECT_GT(transport->Stats().reconnects, 0U);
}

// Data that a server does not read waits with its publisher, not in our memory.
TEST_F(JetStreamPublishTest, APublisherWaitsWhileTheServerReadsNothing) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  constexpr std::size_t kBodies = 400;
  const std::string body(256 * 1024, 'x');
  server().Pause();
  std::atomic<std::size_t> begun = 0;
  std::atomic<std::size_t> stored = 0;
  auto sending = std::async(std::launch::async, [&] {
    for (std::size_t i = 0; i < kBodies; ++i) {
      ++begun;
      const auto sent = transport->Publish({.subject = "orders", .body = body, .message_id = absl::StrCat("m", i)},
                                           [&](const absl::StatusOr<PubAck>& ack) { stored += ack.ok() ? 1 : 0; });
      ASSERT_THAT(sent, IsOk());
    }
  });
  ASSERT_TRUE(Eventually([&] { return begun > 1; }, seconds(10)));
  EXPECT_EQ(sending.wait_for(seconds(1)), std::future_status::timeout) << "100 MiB fit no socket";
  EXPECT_LT(begun, kBodies / 2);
  server().Resume();
  sending.get();
  EXPECT_TRUE(Eventually([&] { return stored == kBodies; }, seconds(30)));
}

TEST_F(JetStreamPublishTest, SendsWhatWasPublishedWhileDisconnectedInOrder) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  server().Kill();
  ASSERT_TRUE(Eventually([&] { return !transport->connected(); }, seconds(10)));
  auto results = Send(*transport, 1000);
  EXPECT_EQ(transport->Stats().publishes_pending, 1000U);
  ASSERT_THAT(server().Start(), IsOk());
  AwaitStored(results);
  EXPECT_EQ(Stored(*transport, 1000), Numbers(1000));
}

TEST_F(JetStreamPublishTest, WaitsForAStreamThatIsNotThereYetAndKeepsTheOrder) {
  Launch();
  const auto transport = Connect();
  auto results = Send(*transport, 200);
  EXPECT_TRUE(Eventually([&] { return transport->Stats().publish_retries > 0; }, seconds(5)));
  auto more = Send(*transport, 200, 201);
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  AwaitStored(results);
  AwaitStored(more);
  EXPECT_EQ(Stored(*transport, 400), Numbers(400));
}

TEST_F(JetStreamPublishTest, ReportsAKnownMessageIdAsDuplicate) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  for (const bool duplicate : {false, true}) {
    std::promise<absl::StatusOr<PubAck>> told;
    ASSERT_THAT(transport->Publish({.subject = "orders", .body = "body", .message_id = "same", .headers = {}},
                                   [&](absl::StatusOr<PubAck> ack) { told.set_value(std::move(ack)); }),
                IsOk());
    const auto ack = told.get_future().get();
    ASSERT_THAT(ack, IsOk());
    EXPECT_EQ(ack->sequence, 1U);
    EXPECT_EQ(ack->duplicate, duplicate);
  }
}

TEST_F(JetStreamPublishTest, BlocksWhileTheWindowIsFullAndThenSaysSo) {
  Launch();
  BusOptions options = Options();
  options.publish_window = 4;
  options.publish_timeout = milliseconds(500);
  const auto transport = Connect(options);
  server().Kill();
  ASSERT_TRUE(Eventually([&] { return !transport->connected(); }, seconds(10)));
  auto results = Send(*transport, 4);
  // Its own time runs out no earlier than theirs, so it finds room when they have failed, or fails like them.
  std::promise<absl::StatusOr<PubAck>> told;
  const absl::Status fifth = transport->Publish({.subject = "orders", .body = "5", .message_id = "five", .headers = {}},
                                                [&](absl::StatusOr<PubAck> ack) { told.set_value(std::move(ack)); });
  for (auto& result : results) EXPECT_THAT(result.get(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  const absl::Status outcome = fifth.ok() ? told.get_future().get().status() : fifth;
  EXPECT_THAT(outcome, StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(JetStreamPublishTest, FlushWaitsForOutstandingAcknowledgementsOnly) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  auto results = Send(*transport, 1000);
  EXPECT_THAT(transport->Flush(seconds(10)), IsOk());
  for (auto& result : results) EXPECT_EQ(result.wait_for(seconds(0)), std::future_status::ready);
  server().Pause();
  auto stuck = Send(*transport, 1);
  EXPECT_THAT(transport->Flush(milliseconds(100)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  server().Resume();
  AwaitStored(stuck);
}

TEST_F(JetStreamPublishTest, CloseFailsWhatIsOutstanding) {
  Launch();
  const auto transport = Connect();
  server().Kill();
  auto results = Send(*transport, 3);
  transport->Close();
  for (auto& result : results) EXPECT_THAT(result.get(), StatusIs(absl::StatusCode::kCancelled, HasSubstr("orders")));
}

// An acknowledgement without a sequence, as servers of 2.10 give in some elections, proves nothing.
TEST_F(JetStreamPublishTest, DoesNotTakeAReplyWithoutASequenceForAnAcknowledgement) {
  Launch();
  BusOptions options = Options();
  options.publish_timeout = milliseconds(700);
  const auto transport = Connect(options);
  RawNats impostor = Raw();
  ASSERT_THAT(impostor.Subscribe("orders"), IsOk());
  ASSERT_THAT(impostor.Ping(), IsOk());
  auto results = Send(*transport, 1);
  for (const std::string body : {R"({"stream":"ORDERS","seq":0,"duplicate":true})", "+OK", ""}) {
    const auto message = impostor.Next();
    ASSERT_THAT(message, IsOk());
    ASSERT_THAT(impostor.Publish(message->reply, body), IsOk());
  }
  EXPECT_THAT(results[0].get(), StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("orders")));
}

}  // namespace
}  // namespace penstock::eventbus::contract
