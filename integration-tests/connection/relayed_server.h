// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "connection/isolated.h"
#include "penstock/eventbus/event_bus.h"
#include "support/eventually.h"
#include "support/nats_server.h"
#include "support/raw_nats.h"
#include "support/relay/protocol_relay.h"
#include "support/status_matchers.h"
#include "support/test_certificate.h"

namespace penstock::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr seconds kPatience{30};
/// A connection is replaced within this time once the server can be reached.
inline constexpr seconds kRecovery{6};

enum class Wire { kPlain, kTls };

inline std::string NameOf(Wire wire) { return wire == Wire::kTls ? "Tls" : "Plain"; }

/// A nats-server, and relays in front of it that speak plaintext or TLS. Relays and buses have threads: they are made
/// within `RunIsolated`.
class RelayedServer : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto certificate = TestCertificate::Get();
    ASSERT_THAT(certificate, IsOk());
    certificate_ = *certificate;
    Launch({});
  }
  void Launch(NatsServerOptions options) {
    auto server = NatsServer::Launch(std::move(options));
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
  }

  std::unique_ptr<ProtocolRelay> Relay(Wire wire) const {
    ProtocolRelay::Options options{.server_port = server_->port()};
    if (wire == Wire::kTls) {
      options.certificate_file = certificate_->file();
      options.key_file = certificate_->key_file();
    }
    auto relay = ProtocolRelay::Start(options);
    EXPECT_THAT(relay, IsOk());
    return *std::move(relay);
  }
  BusOptions Options(const std::string& url) const {
    BusOptions options{.url = url, .client_id = "hostile"};
    options.pool.workers = 2;
    if (url.starts_with("tls://")) options.tls.ca_file = certificate_->file();
    return options;
  }
  std::unique_ptr<EventBus> Connect(const ProtocolRelay& relay) const { return Connect(Options(relay.url())); }
  static std::unique_ptr<EventBus> Connect(BusOptions options) {
    auto bus = EventBus::Connect(std::move(options));
    EXPECT_THAT(bus, IsOk());
    return bus.ok() ? *std::move(bus) : nullptr;
  }

  const TestCertificate* certificate_ = nullptr;
  std::unique_ptr<NatsServer> server_{};
};

inline Envelope Event(std::string payload) {
  return {.aggregate_id = "a", .event_type = "Tested", .payload = std::move(payload)};
}

inline bool AwaitConnected(const EventBus& bus, bool connected, milliseconds limit) {
  return Eventually([&] { return bus.connected() == connected; }, limit);
}

/// Whether the bus has made a new connection since it had made `reconnects`, within the limit.
inline bool AwaitReconnect(const EventBus& bus, std::uint64_t reconnects, milliseconds limit) {
  auto made = [&] {
    const ConnectionStats stats = bus.Stats().connection;
    return stats.connected && stats.reconnects > reconnects;
  };
  return Eventually(made, limit);
}

}  // namespace penstock::testing
