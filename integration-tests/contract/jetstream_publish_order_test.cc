// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "contract/jetstream_fixture.h"

// Publishes that are swallowed, or refused in passing, while others of their order key follow.
namespace penstock::eventbus::contract {
namespace {

using penstock::testing::RawMessage;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Results = std::vector<std::future<absl::StatusOr<PubAck>>>;

constexpr seconds kResentWithin{5};

class JetStreamPublishOrderTest : public JetStreamFixture {
 protected:
  static constexpr std::uint64_t kKey = 7, kOtherKey = 8;

  void SetUp() override {
    Launch();
    transport_ = Connect();
    ASSERT_NE(transport_, nullptr);
  }

  void Publish(const std::string& body, std::uint64_t key, Results& results) {
    std::promise<absl::StatusOr<PubAck>> told;
    results.push_back(told.get_future());
    ASSERT_THAT(transport_->Publish(
                    {.subject = "orders", .body = body, .message_id = "id-" + body, .order_key = key},
                    [told = std::move(told)](absl::StatusOr<PubAck> ack) mutable { told.set_value(std::move(ack)); }),
                IsOk());
  }

  // Takes what is published to the subject, in place of a stream.
  RawNats Impostor() {
    RawNats raw = Raw();
    subscription_ = raw.Subscribe("orders").value_or(0);
    EXPECT_GT(subscription_, 0);
    EXPECT_THAT(raw.Ping(), IsOk());
    return raw;
  }
  // From now on a stream takes it.
  void MakeWayForTheStream(RawNats& impostor) {
    ASSERT_THAT(impostor.Unsubscribe(subscription_), IsOk());
    ASSERT_THAT(impostor.Ping(), IsOk());
    ASSERT_THAT(transport_->EnsureStream(Stream()), IsOk());
  }

  // The bodies that come within the time.
  static std::vector<RawMessage> Coming(RawNats& impostor, milliseconds time) {
    std::vector<RawMessage> messages;
    for (auto next = impostor.Next(time); next.ok(); next = impostor.Next(time)) messages.push_back(*next);
    return messages;
  }
  static void Answer(RawNats& impostor, const RawMessage& to, int sequence) {
    ASSERT_THAT(impostor.Publish(to.reply, absl::StrCat(R"({"stream":"ORDERS","seq":)", sequence, "}")), IsOk());
  }
  std::vector<std::string> Stored(std::size_t count) {
    std::vector<std::string> bodies;
    for (std::uint64_t sequence = 1; sequence <= count; ++sequence) {
      const auto message = transport_->ReadMessage("ORDERS", "orders", sequence);
      EXPECT_THAT(message, IsOk());
      if (message.ok()) bodies.emplace_back((*message)->payload());
    }
    EXPECT_THAT(transport_->ReadMessage("ORDERS", "orders", count + 1), StatusIs(absl::StatusCode::kNotFound));
    return bodies;
  }

  static void ExpectStoredSoon(Results& results) {
    for (auto& result : results) {
      ASSERT_EQ(result.wait_for(kResentWithin), std::future_status::ready);
      ASSERT_THAT(result.get(), IsOk());
    }
  }

  std::unique_ptr<Transport> transport_{};
  int subscription_ = 0;
};

TEST_F(JetStreamPublishOrderTest, SendsASwallowedPublishAgainWhileTheConnectionLives) {
  RawNats impostor = Impostor();
  Results results;
  Publish("1", 0, results);
  ASSERT_THAT(impostor.Next(), IsOk());
  MakeWayForTheStream(impostor);
  ExpectStoredSoon(results);
  EXPECT_THAT(Stored(1), ElementsAre("1"));
  EXPECT_EQ(transport_->Stats().publish_retries, 1U);
  EXPECT_EQ(transport_->Stats().reconnects, 0U);
}

TEST_F(JetStreamPublishOrderTest, SendsASwallowedPublishAgainSoonAfterALaterOneWasAcknowledged) {
  RawNats impostor = Impostor();
  Results results;
  Publish("1", 0, results);
  ASSERT_THAT(impostor.Next(), IsOk());
  MakeWayForTheStream(impostor);
  const auto begun = std::chrono::steady_clock::now();
  Publish("2", 0, results);
  ExpectStoredSoon(results);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(1500)) << "sooner than without the later one";
  EXPECT_THAT(Stored(2), ElementsAre("2", "1")) << "without a key there is no order";
}

TEST_F(JetStreamPublishOrderTest, KeepsTheOrderOfAKeyWhoseFirstPublishIsSwallowed) {
  RawNats impostor = Impostor();
  Results results;
  Publish("1", kKey, results);
  ASSERT_THAT(impostor.Next(), IsOk());
  MakeWayForTheStream(impostor);
  for (const char* body : {"2", "3", "4"}) Publish(body, kKey, results);
  ExpectStoredSoon(results);
  EXPECT_THAT(Stored(4), ElementsAre("1", "2", "3", "4"));
}

TEST_F(JetStreamPublishOrderTest, ReportsWhatAnEarlierAttemptStoredAsNew) {
  RawNats impostor = Impostor();
  ASSERT_THAT(transport_->EnsureStream({.name = "OTHERS", .subjects = {"others"}}), IsOk());
  Results results;
  Publish("1", kKey, results);
  const auto first = impostor.Next();
  const auto second = impostor.Next();
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->headers, first->headers) << "another message ID";
  ASSERT_THAT(impostor.Publish(second->reply, R"({"stream":"ORDERS","seq":9,"duplicate":true})"), IsOk());
  const auto ack = results[0].get();
  ASSERT_THAT(ack, IsOk());
  EXPECT_FALSE(ack->duplicate);
}

// A server that takes the second while it refuses the first is not given the second.
TEST_F(JetStreamPublishOrderTest, KeepsTheOrderOfAKeyWhoseFirstPublishIsRefusedInPassing) {
  RawNats impostor = Impostor();
  Results results;
  Publish("1", kKey, results);
  Publish("2", kKey, results);
  auto came = Coming(impostor, milliseconds(200));
  ASSERT_THAT(came, SizeIs(1));
  ASSERT_THAT(impostor.Publish(came[0].reply, R"({"error":{"code":503,"err_code":10008,"description":"not now"}})"),
              IsOk());
  std::vector<std::string> taken;
  while (taken.size() < 2) {
    const auto next = impostor.Next();
    ASSERT_THAT(next, IsOk());
    taken.push_back(next->body);
    Answer(impostor, *next, static_cast<int>(taken.size()));
  }
  EXPECT_THAT(taken, ElementsAre("1", "2"));
  ExpectStoredSoon(results);
}

TEST_F(JetStreamPublishOrderTest, LetsOtherKeysAndUnkeyedPublishesPassAKeyThatWaits) {
  RawNats impostor = Impostor();
  Results held, passing;
  Publish("1", kKey, held);
  Publish("2", kKey, held);
  Publish("other", kOtherKey, passing);
  Publish("none-1", 0, passing);
  Publish("none-2", 0, passing);
  std::map<std::string, RawMessage> came;
  for (RawMessage& message : Coming(impostor, milliseconds(200))) came[message.body] = message;
  ASSERT_THAT(came, ::testing::UnorderedElementsAre(::testing::Key("1"), ::testing::Key("other"),
                                                    ::testing::Key("none-1"), ::testing::Key("none-2")));
  EXPECT_EQ(transport_->Stats().publishes_pending, 5U) << "one that waits counts too";
  for (const char* body : {"other", "none-1", "none-2"}) Answer(impostor, came[body], 5);
  ExpectStoredSoon(passing);
  EXPECT_EQ(transport_->Stats().publishes_pending, 2U);
}

TEST_F(JetStreamPublishOrderTest, ARefusedPublishLetsTheNextOfItsKeyGo) {
  RawNats impostor = Impostor();
  Results results;
  Publish("1", kKey, results);
  Publish("2", kKey, results);
  const auto first = impostor.Next();
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(impostor.Publish(first->reply, R"({"error":{"code":400,"err_code":10054,"description":"too long"}})"),
              IsOk());
  const auto second = impostor.Next(milliseconds(1000));
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->body, "2");
  Answer(impostor, *second, 1);
  EXPECT_THAT(results[0].get(), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(results[1].get(), IsOk());
}

// So that whoever publishes again keeps the order.
TEST_F(JetStreamPublishOrderTest, APublishThatRunsOutOfTimeTakesThoseBehindItAlong) {
  BusOptions options = Options();
  options.publish_timeout = milliseconds(1000);
  transport_ = Connect(options);
  RawNats impostor = Impostor();
  Results results;
  Publish("1", kKey, results);
  const auto first = impostor.Next();
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(Coming(impostor, milliseconds(300)), IsEmpty());
  Publish("2", kKey, results);
  Publish("3", kKey + 1, results);
  const auto other = impostor.Next();
  ASSERT_THAT(other, IsOk());
  EXPECT_EQ(other->body, "3") << "its key has nothing to do with it";
  EXPECT_THAT(results[0].get(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(results[1].get(), StatusIs(absl::StatusCode::kAborted, ::testing::HasSubstr("nothing was sent")));
  Publish("1", kKey, results);
  const auto again = impostor.Next();
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->body, "1") << "the key goes on";
  Answer(impostor, *again, 1);
  EXPECT_THAT(results[3].get(), IsOk());
}

TEST_F(JetStreamPublishOrderTest, CloseTellsThoseThatWaitBehindTheirKey) {
  RawNats impostor = Impostor();
  Results results;
  for (const char* body : {"1", "2", "3"}) Publish(body, kKey, results);
  transport_->Close();
  for (auto& result : results) EXPECT_THAT(result.get(), StatusIs(absl::StatusCode::kCancelled));
}

// Ten thousand publishes of one key: each goes out with the answer to the one before it.
TEST_F(JetStreamPublishOrderTest, StoresTenThousandOfOneKeyInOrderOverACutConnection) {
  ASSERT_THAT(transport_->EnsureStream(Stream()), IsOk());
  Results results;
  for (int i = 1; i <= 5000; ++i) Publish(absl::StrCat(i), kKey, results);
  server().Kill();
  ASSERT_THAT(server().Start(), IsOk());
  for (int i = 5001; i <= 10'000; ++i) Publish(absl::StrCat(i), kKey, results);
  AwaitStored(results);
  EXPECT_GT(transport_->Stats().reconnects, 0U);
  ConsumerRecorder recorder;
  auto consumer = transport_->OpenConsumer(SpecFor(ConsumerKind::kExclusive, "reader", 4096), recorder.Events());
  ASSERT_THAT(consumer, IsOk());
  recorder.AckFor(**consumer);
  EXPECT_TRUE(recorder.Reach(10'000));
  (*consumer)->Stop();
  EXPECT_EQ(recorder.Bodies(), Numbers(10'000));
}

TEST_F(JetStreamPublishOrderTest, AHealthyServerIsSentNothingTwice) {
  ASSERT_THAT(transport_->EnsureStream(Stream()), IsOk());
  Results results;
  for (int i = 1; i <= 20'000; ++i) Publish(absl::StrCat(i), static_cast<std::uint64_t>(i % 50), results);
  AwaitStored(results);
  EXPECT_EQ(transport_->Stats().publish_retries, 0U);
}

}  // namespace
}  // namespace penstock::eventbus::contract
