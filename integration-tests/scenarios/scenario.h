// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "penstock/eventbus/event_bus.h"
#include "support/eventually.h"
#include "support/nats_server.h"
#include "support/raw_nats.h"
#include "support/status_matchers.h"
#include "support/test_certificate.h"

namespace penstock::testing {

inline constexpr std::chrono::seconds kPatience{30};

/// A scenario on a real nats-server of its own, or on an embedded bus that all of its connections share.
class Scenario : public ::testing::Test {
 protected:
  void UseServer(NatsServerOptions options = {}) {
    auto server = NatsServer::Launch(std::move(options));
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
  }
  /// One that speaks TLS, as `Options` then do too.
  void UseEncryptedServer() {
    const auto certificate = TestCertificate::Get();
    ASSERT_THAT(certificate, IsOk());
    UseServer({.config = (*certificate)->ServerConfig()});
    tls_ = {.mode = TlsOptions::Mode::kRequired, .ca_file = (*certificate)->file()};
  }
  void UseMemory() {
    static int count = 0;
    memory_url_ = "memory://scenario-" + std::to_string(++count);
  }

  std::string url() const { return server_ ? server_->url() : memory_url_; }

  BusOptions Options(std::string client_id = "scenario") const {
    BusOptions options{.url = url(), .client_id = std::move(client_id), .tls = tls_};
    options.pool.workers = 2;
    return options;
  }
  static std::unique_ptr<EventBus> Connect(BusOptions options) {
    auto bus = EventBus::Connect(std::move(options));
    EXPECT_THAT(bus, IsOk());
    return bus.ok() ? *std::move(bus) : nullptr;
  }
  std::unique_ptr<EventBus> Connect() const { return Connect(Options()); }

  std::unique_ptr<NatsServer> server_;
  std::string memory_url_;
  TlsOptions tls_{};
};

/// The same scenario on a server in plaintext and on one that speaks TLS.
class EveryWire : public Scenario, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override { GetParam() == "tls" ? UseEncryptedServer() : UseServer(); }
};

#define PENSTOCK_ON_EVERY_WIRE(suite)                                        \
  INSTANTIATE_TEST_SUITE_P(On, suite, ::testing::Values("plaintext", "tls"), \
                           [](const auto& wire) { return std::string(wire.param); })

/// The same scenario on both transports.
class EveryTransport : public Scenario, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override { GetParam() == "jetstream" ? UseServer() : UseMemory(); }
};

#define PENSTOCK_ON_EVERY_TRANSPORT(suite)                                      \
  INSTANTIATE_TEST_SUITE_P(On, suite, ::testing::Values("jetstream", "memory"), \
                           [](const auto& transport) { return std::string(transport.param); })

/// The events that handlers saw, by key, in their order. Thread-safe.
class Log {
 public:
  void Add(const std::string& key, std::string entry) {
    std::lock_guard<std::mutex> lock(mutex_);
    entries_[key].push_back(std::move(entry));
    ++count_;
  }
  std::vector<std::string> Of(const std::string& key) const {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = entries_.find(key);
    return found == entries_.end() ? std::vector<std::string>{} : found->second;
  }
  std::size_t count() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return count_;
  }
  bool Reaches(std::size_t count, std::chrono::milliseconds deadline = kPatience) const {
    return Eventually([&] { return this->count() >= count; }, deadline);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> entries_;
  std::size_t count_ = 0;
};

inline Envelope Event(std::string aggregate_id, std::string payload) {
  return {.aggregate_id = std::move(aggregate_id), .event_type = "Tested", .payload = std::move(payload)};
}

/// "0", "1", ... up to `count`.
inline std::vector<std::string> Numbers(std::size_t count) {
  std::vector<std::string> numbers;
  for (std::size_t i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

/// Publishes `per_key` envelopes for each of `keys` aggregates ("k0", "k1", ...), round about, numbered per aggregate
/// from 0, and waits for every PubAck.
inline void PublishNumbered(EventBus& bus, std::string_view topic, std::size_t keys, std::size_t per_key) {
  auto acked = std::make_shared<std::atomic<std::size_t>>(0);
  for (std::size_t n = 0; n < per_key; ++n) {
    for (std::size_t k = 0; k < keys; ++k) {
      auto status = bus.PublishEnvelopeAsync(topic, Event("k" + std::to_string(k), std::to_string(n)),
                                             [acked](const absl::StatusOr<PubAck>& ack) {
                                               if (ack.ok()) acked->fetch_add(1);
                                             });
      ASSERT_THAT(status, IsOk());
    }
  }
  ASSERT_TRUE(Eventually([&] { return acked->load() == keys * per_key; }, kPatience)) << acked->load();
}

/// A handler that logs each envelope's payload under its aggregate ID.
inline EnvelopeHandler Logging(Log& log) {
  return [&log](const Envelope& envelope, const Delivery&) {
    log.Add(envelope.aggregate_id, envelope.payload);
    return Ack();
  };
}

inline SubscriptionStats OnlySubscription(const EventBus& bus) {
  const auto stats = bus.Stats();
  EXPECT_EQ(stats.subscriptions.size(), 1u);
  return stats.subscriptions.empty() ? SubscriptionStats{} : stats.subscriptions.front();
}

}  // namespace penstock::testing
