// SPDX-License-Identifier: Apache-2.0
// Needs a nats-server from 2.10.4 on: NATS_SERVER_PROGRAM names one.
#include "absl/strings/str_cat.h"
#include "connection/relayed_server.h"

namespace penstock::testing {
namespace {

using ::testing::HasSubstr;

class TlsBeforeInfo : public RelayedServer {
 protected:
  void SetUp() override {
    const auto certificate = TestCertificate::Get();
    ASSERT_THAT(certificate, IsOk());
    certificate_ = *certificate;
  }
  void LaunchHandshakeFirst(const std::string& value) {
    Launch({.greets = false,
            .config = ServerTlsConfig({certificate_->file(), certificate_->key_file()},
                                      absl::StrCat("handshake_first: ", value))});
  }
  BusOptions HandshakeFirst() const {
    BusOptions options = Options(absl::StrCat("tls://127.0.0.1:", server_->port()));
    options.tls.mode = TlsOptions::Mode::kHandshakeFirst;
    return options;
  }
};

TEST_F(TlsBeforeInfo, WhereTheServerExpectsIt) {
  LaunchHandshakeFirst("true");
  RunIsolated(kPatience, [&] {
    const auto bus = Within(seconds(4), "Connect", [&] { return EventBus::Connect(HandshakeFirst()); });
    ASSERT_THAT(bus, IsOk());
    EXPECT_THAT((*bus)->PublishEnvelope("orders", Event("encrypted")), IsOk());
  });
}

TEST_F(TlsBeforeInfo, WhereTheServerWaitsForItAWhile) {
  LaunchHandshakeFirst("\"300ms\"");
  RunIsolated(kPatience, [&] {
    EXPECT_THAT(Within(seconds(4), "Connect", [&] { return EventBus::Connect(HandshakeFirst()); }), IsOk());
  });
}

TEST_F(TlsBeforeInfo, IsRefusedByAServerThatGreetsFirst) {
  Launch({.config = certificate_->ServerConfig()});
  RunIsolated(kPatience, [&] {
    EXPECT_THAT(Within(seconds(4), "Connect", [&] { return EventBus::Connect(HandshakeFirst()); }),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("TLS")));
  });
}

}  // namespace
}  // namespace penstock::testing
