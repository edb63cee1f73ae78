// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "connection/relayed_server.h"

namespace penstock::testing {
namespace {

using ::testing::HasSubstr;

/// A real server that requires TLS, and a URL that does not say so.
class AServerThatRequiresTls : public RelayedServer {
 protected:
  void SetUp() override {
    RelayedServer::SetUp();
    Launch({.config = certificate_->ServerConfig()});
  }
};

TEST_F(AServerThatRequiresTls, IsSpokenToEncryptedWhenItsCertificateIsTrusted) {
  RunIsolated(seconds(20), [&] {
    setenv("SSL_CERT_FILE", certificate_->file().c_str(), 1);
    const auto bus = Within(seconds(4), "Connect", [&] { return EventBus::Connect(Options(server_->url())); });
    ASSERT_THAT(bus, IsOk());
    EXPECT_THAT((*bus)->PublishEnvelope("orders", Event("encrypted")), IsOk());
  });
}

TEST_F(AServerThatRequiresTls, IsRefusedWhenItsCertificateIsNot) {
  RunIsolated(seconds(20), [&] {
    const auto bus = Within(seconds(4), "Connect", [&] { return EventBus::Connect(Options(server_->url())); });
    EXPECT_THAT(bus, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("TLS")));
  });
}

// By the name of a host that no certificate is made out to, a trusted one does not do either.
TEST_F(AServerThatRequiresTls, IsRefusedUnderAnotherName) {
  RunIsolated(seconds(20), [&] {
    setenv("SSL_CERT_FILE", certificate_->file().c_str(), 1);
    const std::string url = "nats://localhost:" + std::to_string(server_->port());
    const auto bus = Within(seconds(4), "Connect", [&] { return EventBus::Connect(Options(url)); });
    EXPECT_THAT(bus, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("TLS")));
  });
}

}  // namespace
}  // namespace penstock::testing
