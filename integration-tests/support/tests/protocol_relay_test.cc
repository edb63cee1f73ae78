// SPDX-License-Identifier: Apache-2.0
#include "support/relay/protocol_relay.h"

#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "support/eventually.h"
#include "support/nats_server.h"
#include "support/raw_nats.h"
#include "support/relay/message_frame.h"
#include "support/status_matchers.h"
#include "support/test_certificate.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr seconds kPatience(10);

/// The parameter: whether clients speak TLS.
class ProtocolRelayTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    auto server = NatsServer::Launch();
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    ProtocolRelay::Options options{.server_port = server_->port()};
    if (GetParam()) {
      const auto certificate = TestCertificate::Get();
      ASSERT_THAT(certificate, IsOk());
      options.certificate_file = (*certificate)->file();
      options.key_file = (*certificate)->key_file();
    }
    auto relay = ProtocolRelay::Start(options);
    ASSERT_THAT(relay, IsOk());
    relay_ = *std::move(relay);
  }
  RawNats Client() const {
    auto client = RawNats::Connect(relay_->port());
    EXPECT_THAT(client, IsOk());
    return *std::move(client);
  }

  std::unique_ptr<NatsServer> server_;
  std::unique_ptr<ProtocolRelay> relay_;
};

TEST_P(ProtocolRelayTest, CarriesMessagesOfEverySize) {
  RawNats client = Client();
  ASSERT_THAT(client.Subscribe("sizes"), IsOk());
  for (const std::size_t size : {0, 1, 1000, 16'384, 70'000, 1'000'000}) {
    ASSERT_THAT(client.Publish("sizes", std::string(size, 'x')), IsOk());
    const auto message = client.Next();
    ASSERT_THAT(message, IsOk());
    EXPECT_EQ(message->body.size(), size);
  }
}

TEST_P(ProtocolRelayTest, ChangesWhatTheServerSays) {
  relay_->Rewrite([](std::string frame) {
    auto message = ReadMessageFrame(frame);
    if (!message) return frame;
    message->body = "another body of another size";
    message->headers = "NATS/1.0 404 Lost\r\n\r\n";
    return WriteMessageFrame(*message);
  });
  RawNats client = Client();
  ASSERT_THAT(client.Subscribe("changed"), IsOk());
  ASSERT_THAT(client.Publish("changed", "a body"), IsOk());
  const auto message = client.Next();
  ASSERT_THAT(message, IsOk());
  EXPECT_EQ(message->body, "another body of another size");
  EXPECT_THAT(message->headers, HasSubstr("404 Lost"));
}

TEST_P(ProtocolRelayTest, SaysWhatTheServerDidNot) {
  RawNats client = Client();
  relay_->Say("MSG said 1 2\r\nhi\r\n");
  const auto message = client.Next();
  ASSERT_THAT(message, IsOk());
  EXPECT_EQ(message->body, "hi");
}

TEST_P(ProtocolRelayTest, FloodsNoFasterThanIsRead) {
  constexpr std::size_t kMany = 2'000'000;
  RawNats client = Client();
  relay_->Say("MSG flood 1 2000000\r\n");
  relay_->Flood('x', kMany);
  EXPECT_TRUE(Eventually([&] { return relay_->bytes_to_clients() > 100'000; }, kPatience));
  EXPECT_THAT(client.Next(seconds(2)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_GE(relay_->bytes_to_clients(), kMany);
}

TEST_P(ProtocolRelayTest, IsSilentFromTheStepThatItWasTold) {
  relay_->GoSilentAt(Step::kAccepted);
  EXPECT_FALSE(RawNats::Greets(relay_->port()));
  relay_->GoSilentAt(Step::kNever);
  EXPECT_TRUE(RawNats::Greets(relay_->port()));
  relay_->GoSilentAt(Step::kConnected);
  RawNats client = Client();
  ASSERT_THAT(client.Subscribe("nothing"), IsOk());
  ASSERT_THAT(client.Publish("nothing", "comes"), IsOk());
  EXPECT_THAT(client.Next(milliseconds(200)), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_P(ProtocolRelayTest, StopsAfterSoManyBytes) {
  RawNats frozen = Client();
  ASSERT_THAT(frozen.Subscribe("stops"), IsOk());
  const std::size_t before = relay_->bytes_to_clients();
  relay_->FreezeAfter(Direction::kToClient, 500);
  ASSERT_THAT(frozen.Publish("stops", std::string(1000, 'x')), IsOk());
  EXPECT_THAT(frozen.Next(milliseconds(200)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(relay_->bytes_to_clients(), before + 500);
  RawNats other = Client();
  EXPECT_THAT(other.Ping(), IsOk());
}

TEST_P(ProtocolRelayTest, ClosesConnectionsAndThenItsDoor) {
  RawNats client = Client();
  EXPECT_EQ(relay_->accepted(), 1U);
  EXPECT_EQ(relay_->Cut(), 1U);
  EXPECT_THAT(client.Next(kPatience), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(RawNats::Accepts(relay_->port()));
  relay_->Shut();
  EXPECT_FALSE(RawNats::Accepts(relay_->port()));
}

INSTANTIATE_TEST_SUITE_P(Over, ProtocolRelayTest, ::testing::Bool(),
                         [](const auto& tls) { return std::string(tls.param ? "Tls" : "Plain"); });

}  // namespace
}  // namespace penstock::testing
