// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "contract/consumer_recorder.h"
#include "jetstream/connection/connection.h"
#include "support/eventually.h"
#include "support/nats_server.h"
#include "support/raw_nats.h"
#include "support/status_matchers.h"
#include "transport/connect.h"
#include "transport/transport.h"

namespace penstock::eventbus::contract {

using penstock::testing::Eventually;
using penstock::testing::IsOk;
using penstock::testing::NatsServer;
using penstock::testing::NatsServerOptions;
using penstock::testing::RawNats;
using penstock::testing::StatusIs;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A nats-server that a test may stop, kill and freeze, and transports to it.
class JetStreamFixture : public ::testing::Test {
 protected:
  void Launch(NatsServerOptions options = {});
  /// One that speaks TLS, as `Options` then do too.
  void LaunchEncrypted();
  NatsServer& server() { return *server_; }

  BusOptions Options() const { return {.url = server_->url(), .client_id = "contract", .tls = tls_}; }
  std::unique_ptr<Transport> Connect() { return Connect(Options()); }
  static std::unique_ptr<Transport> Connect(const BusOptions& options);
  RawNats Raw();

  static StreamSpec Stream(Storage storage = Storage::kFile);
  static ConsumerSpec SpecFor(ConsumerKind kind, std::string consumer, std::size_t max_in_flight = 100);

  /// Sends `count` messages with the bodies `first`, `first` + 1, ... without waiting.
  std::vector<std::future<absl::StatusOr<PubAck>>> Send(Transport& transport, int count, int first = 1);
  /// Waits for all of them to be stored.
  static void AwaitStored(std::vector<std::future<absl::StatusOr<PubAck>>>& results);
  void PublishMany(Transport& transport, int count, int first = 1);

  /// The reply to a request on the server's API, as another client sees it.
  std::string Api(const std::string& subject, const std::string& body = "");
  void DeleteConsumer(const std::string& consumer);

 private:
  std::unique_ptr<NatsServer> server_;
  TlsOptions tls_{};
  std::atomic<int> ids_ = 0;
};

/// A connection without a transport, within `connect_timeout`.
absl::StatusOr<std::shared_ptr<jetstream::Connection>> OpenConnection(const BusOptions& options);

/// The bodies that `Send` gives to `count` messages.
std::vector<std::string> Numbers(int count, int first = 1);

}  // namespace penstock::eventbus::contract
