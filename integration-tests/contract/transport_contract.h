// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "contract/consumer_recorder.h"
#include "support/nats_server.h"
#include "support/status_matchers.h"
#include "transport/transport.h"

namespace penstock::eventbus::contract {

/// The promises of `Transport`, once for every transport: each test has a fresh server (or embedded broker) with one
/// file stream, `ORDERS` on the subject `orders`. The parameter is the transport's name; "jetstream_tls" is JetStream
/// over an encrypted connection, where other code reads and writes.
class TransportContract : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// Another connection to the same server or broker.
  std::unique_ptr<Transport> Connect(std::chrono::milliseconds publish_timeout = std::chrono::seconds(10));
  Transport& transport() { return *transport_; }

  static StreamSpec Orders();
  static ConsumerSpec SpecFor(ConsumerKind kind, std::string consumer, std::size_t max_in_flight = 100);

  /// Publishes and waits for the result, whichever way it comes.
  static absl::StatusOr<PubAck> Publish(Transport& transport, OutboundMessage message);
  absl::StatusOr<PubAck> Publish(std::string body, std::string subject = "orders");
  /// Stores the bodies "1", "2", ... as the next messages of `orders`.
  void PublishMany(int count);
  /// A message ID that no other message of the test has.
  std::string NewId();

  std::unique_ptr<Consumer> Open(Transport& transport, const ConsumerSpec& spec, ConsumerEvents events);
  std::unique_ptr<Consumer> Open(const ConsumerSpec& spec, ConsumerRecorder& recorder) {
    return Open(*transport_, spec, recorder.Events());
  }

 private:
  void Launch();

  std::unique_ptr<penstock::testing::NatsServer> server_;
  std::string url_{};
  TlsOptions tls_{};
  std::unique_ptr<Transport> transport_;
  std::atomic<int> ids_ = 0;
  int published_ = 0;
};

inline std::string TransportName(const ::testing::TestParamInfo<std::string>& parameter) { return parameter.param; }

/// Runs a suite over all transports.
#define PENSTOCK_TRANSPORT_CONTRACT(Suite) \
  INSTANTIATE_TEST_SUITE_P(Over, Suite, ::testing::Values("memory", "jetstream", "jetstream_tls"), TransportName)

}  // namespace penstock::eventbus::contract
