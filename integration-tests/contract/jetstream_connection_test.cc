// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "contract/jetstream_fixture.h"

namespace penstock::eventbus::contract {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class JetStreamConnectionTest : public JetStreamFixture {};

TEST_F(JetStreamConnectionTest, RefusesAnUnreachableServerByItsRedactedUrl) {
  Launch();
  server().Stop();
  BusOptions options = Options();
  options.url = absl::StrCat("nats://ada:s3cret@127.0.0.1:", server().port());
  options.connect_timeout = milliseconds(300);
  EXPECT_THAT(ConnectJetStream(options), StatusIs(absl::StatusCode::kUnavailable,
                                                  AllOf(HasSubstr("127.0.0.1"), HasSubstr("check that the server runs"),
                                                        Not(HasSubstr("s3cret")))));
}

TEST_F(JetStreamConnectionTest, WaitsForAServerThatIsJustStarting) {
  Launch();
  server().Stop();
  BusOptions options = Options();
  options.connect_timeout = seconds(10);
  auto connecting = std::async(std::launch::async, [&] { return ConnectJetStream(options); });
  ASSERT_THAT(server().Start(), IsOk());
  EXPECT_THAT(connecting.get(), IsOk());
}

TEST_F(JetStreamConnectionTest, RefusesAWrongPasswordWithoutNamingIt) {
  Launch({.config = R"(authorization: { user: "ada", password: "right" })"});
  BusOptions options = Options();
  options.credentials = {.user = "ada", .password = "wr0ng"};
  EXPECT_THAT(ConnectJetStream(options), StatusIs(absl::StatusCode::kUnauthenticated, Not(HasSubstr("wr0ng"))));
  options.credentials.password = "right";
  EXPECT_THAT(ConnectJetStream(options), IsOk());
  options.credentials = {};
  options.url = absl::StrCat("nats://ada:right@127.0.0.1:", server().port());
  EXPECT_THAT(ConnectJetStream(options), IsOk());
}

// The servers are tried in random order: the one that refuses is rarely the last.
TEST_F(JetStreamConnectionTest, ReturnsARefusalOnceEveryServerWasTried) {
  Launch({.config = R"(authorization: { user: "ada", password: "right" })"});
  const auto down = NatsServer::Launch({});
  ASSERT_THAT(down, IsOk());
  (*down)->Stop();
  BusOptions options = Options();
  options.url = absl::StrCat((*down)->url(), ",", options.url, ",", (*down)->url(), ",", (*down)->url());
  options.credentials = {.user = "ada", .password = "wr0ng"};
  options.connect_timeout = seconds(8);
  for (int round = 0; round < 6; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(ConnectJetStream(options), StatusIs(absl::StatusCode::kUnauthenticated));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, options.connect_timeout / 2);
  }
}

TEST_F(JetStreamConnectionTest, ConnectsWithAToken) {
  Launch({.config = R"(authorization: { token: "t0ken" })"});
  BusOptions options = Options();
  EXPECT_THAT(ConnectJetStream(options), StatusIs(absl::StatusCode::kUnauthenticated));
  options.credentials.token = "t0ken";
  EXPECT_THAT(ConnectJetStream(options), IsOk());
}

TEST_F(JetStreamConnectionTest, RefusesAServerWithoutJetStream) {
  Launch({.jetstream = false});
  EXPECT_THAT(ConnectJetStream(Options()), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("JetStream")));
}

TEST_F(JetStreamConnectionTest, RefusesAServerThatDoesNotSpeakTls) {
  Launch();
  BusOptions options = Options();
  options.tls.mode = TlsOptions::Mode::kRequired;
  EXPECT_THAT(ConnectJetStream(options), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("TLS")));
}

TEST_F(JetStreamConnectionTest, ReadsTheServersPayloadLimitAgainAfterEachReconnect) {
  Launch({.config = "max_payload: 4096"});
  const auto transport = Connect();
  EXPECT_EQ(transport->max_payload_bytes(), 4096U);
  EXPECT_EQ(transport->generation(), 1U);
  server().Stop();
  server().set_config("max_payload: 2048");
  ASSERT_THAT(server().Start(), IsOk());
  EXPECT_TRUE(Eventually([&] { return transport->max_payload_bytes() == 2048U; }, seconds(10)));
  EXPECT_EQ(transport->generation(), 2U);
  EXPECT_EQ(transport->Stats().reconnects, 1U);
}

TEST_F(JetStreamConnectionTest, MakesANewConnectionAfterAnErrorThatEndsItForGood) {
  Launch();
  const auto transport = Connect();
  ASSERT_THAT(transport->EnsureStream(Stream()), IsOk());
  // A control line beyond the server's limit: it answers with an error and closes.
  std::promise<absl::StatusOr<PubAck>> told;
  ASSERT_THAT(transport->Publish({.subject = std::string(8000, 'x'), .body = "body", .message_id = "id", .headers = {}},
                                 [&](absl::StatusOr<PubAck> ack) { told.set_value(std::move(ack)); }),
              IsOk());
  EXPECT_TRUE(Eventually([&] { return transport->Stats().reconnects > 0; }, seconds(10)));
  transport->Close();
  EXPECT_THAT(told.get_future().get(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(JetStreamConnectionTest, TellsAtOnceThatAPublishIsNotPermitted) {
  Launch({.config = R"(authorization: { users: [ { user: "ada", password: "pw",
            permissions: { publish: { deny: ["secret"] } } } ] })"});
  BusOptions options = Options();
  options.credentials = {.user = "ada", .password = "pw"};
  const auto transport = Connect(options);
  std::promise<absl::StatusOr<PubAck>> told;
  ASSERT_THAT(transport->Publish({.subject = "secret", .body = "body", .message_id = "id", .headers = {}},
                                 [&](absl::StatusOr<PubAck> ack) { told.set_value(std::move(ack)); }),
              IsOk());
  auto result = told.get_future();
  ASSERT_EQ(result.wait_for(seconds(5)), std::future_status::ready);
  EXPECT_THAT(result.get(), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("secret")));
}

TEST_F(JetStreamConnectionTest, WorksWithoutTheRightToAskForAccountFacts) {
  Launch({.config = R"(authorization: { users: [ { user: "ada", password: "pw",
            permissions: { publish: { deny: ["$JS.API.INFO"] } } } ] })"});
  BusOptions options = Options();
  options.credentials = {.user = "ada", .password = "pw"};
  EXPECT_THAT(ConnectJetStream(options), IsOk());
}

// The two have other remedies.
TEST_F(JetStreamConnectionTest, TellsAHostThatIsNotFoundFromAPortThatIsRefused) {
  BusOptions options{.url = "nats://nobody.invalid:4222/", .client_id = "contract"};
  options.connect_timeout = milliseconds(500);
  EXPECT_THAT(ConnectJetStream(options),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("resolve \"nobody.invalid\": "), HasSubstr("check the name in the url"),
                             Not(HasSubstr("check that the server runs")))));
  options.url = absl::StrCat("nats://127.0.0.1:", penstock::testing::FreePort());
  EXPECT_THAT(ConnectJetStream(options),
              StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr("refused"), Not(HasSubstr("resolve")),
                                                             HasSubstr("check that the server runs"))));
}

TEST_F(JetStreamConnectionTest, SaysWhichOfSeveralServersAnErrorIsAbout) {
  const int first = penstock::testing::FreePort();
  const int second = penstock::testing::FreePort();
  BusOptions options{.url = absl::StrCat("nats://127.0.0.1:", first, ",nats://127.0.0.1:", second),
                     .client_id = "contract"};
  options.connect_timeout = milliseconds(500);
  EXPECT_THAT(ConnectJetStream(options).status().message(), HasSubstr("server \"127.0.0.1:"));
}

TEST_F(JetStreamConnectionTest, LogsNeitherPasswordNorToken) {
  Launch({.config = R"(authorization: { user: "ada", password: "s3cret" })"});
  Mutex mutex;
  std::string log;
  BusOptions options = Options();
  options.url = absl::StrCat("nats://ada:s3cret@127.0.0.1:", server().port());
  options.log = [&](LogLevel, std::string_view line) {
    MutexLock lock(mutex);
    log += std::string(line) + "\n";
  };
  const auto transport = Connect(options);
  server().Kill();
  ASSERT_TRUE(Eventually([&] { return !transport->connected(); }, seconds(10)));
  ASSERT_THAT(server().Start(), IsOk());
  ASSERT_TRUE(Eventually([&] { return transport->connected(); }, seconds(10)));
  transport->Close();
  MutexLock lock(mutex);
  EXPECT_THAT(log, AllOf(HasSubstr("lost; connecting again"), Not(HasSubstr("s3cret"))));
}

TEST_F(JetStreamConnectionTest, ClosesWhileTheServerIsGone) {
  Launch();
  const auto transport = Connect();
  server().Kill();
  const auto begin = std::chrono::steady_clock::now();
  transport->Close();
  transport->Close();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
  EXPECT_FALSE(transport->connected());
}

// Whoever may publish can answer requests in the server's place: what comes back is not to be trusted.
TEST_F(JetStreamConnectionTest, SurvivesRepliesThatAreNoReplies) {
  Launch({.jetstream = false});
  const std::vector<std::string> replies = {"",
                                            "garbage",
                                            "[]",
                                            "null",
                                            "{\"error\":7}",
                                            "{\"error\":{\"code\":\"x\",\"err_code\":1e99}}",
                                            "{\"config\":[]}",
                                            "{\"config\":{\"storage\":5,\"subjects\":\"orders\"}}",
                                            std::string(100'000, '['),
                                            std::string("\xff\x00{", 3)};
  RawNats raw = Raw();
  ASSERT_THAT(raw.Subscribe("$JS.API.>"), IsOk());
  ASSERT_THAT(raw.Ping(), IsOk());
  std::thread impostor([&] {
    std::size_t next = 0;
    for (auto request = raw.Next(seconds(3)); request.ok(); request = raw.Next(seconds(3))) {
      const bool info = request->subject == "$JS.API.INFO";
      EXPECT_THAT(raw.Publish(request->reply, info ? "{}" : replies[next++ % replies.size()]), IsOk());
    }
  });
  const auto transport = Connect();
  for (std::size_t i = 0; i < replies.size(); ++i) {
    EXPECT_THAT(transport->EnsureStream(Stream()), Not(IsOk()));
    EXPECT_THAT(transport->OpenConsumer(SpecFor(ConsumerKind::kExclusive, "billing"), {}), Not(IsOk()));
  }
  impostor.join();
}

}  // namespace
}  // namespace penstock::eventbus::contract
