// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jetstream/api/api_client.h"
#include "jetstream/connection/connection.h"
#include "jetstream/publish/publisher.h"
#include "transport/transport.h"

namespace penstock::eventbus::jetstream {

/// The transport over a NATS server with JetStream: core NATS and the JSON API only, which are the same in every
/// version of client library and server. Everything else as `Transport`.
class JetStreamTransport final : public Transport {
 public:
  /// As `ConnectJetStream`.
  static absl::StatusOr<std::unique_ptr<Transport>> Connect(const BusOptions& options);
  ~JetStreamTransport() override;

  std::string_view name() const override { return "jetstream"; }
  absl::StatusOr<StreamFacts> EnsureStream(const StreamSpec& spec) override;
  absl::StatusOr<std::unique_ptr<Consumer>> OpenConsumer(const ConsumerSpec& spec, ConsumerEvents events) override;
  absl::Status Publish(OutboundMessage message, PublishDone done) override;
  void SetInlineExecutor(actorpool::internal::InlineExecutor& executor) override {
    connection_->io_threads().SetExecutor(&executor);
  }
  absl::StatusOr<std::unique_ptr<StoredMessage>> ReadMessage(const std::string& stream, const std::string& filter,
                                                             std::uint64_t from_sequence) override;
  absl::Status DeleteMessage(const std::string& stream, std::uint64_t sequence) override;
  std::size_t max_payload_bytes() const override { return connection_->max_payload_bytes(); }
  bool connected() const override { return connection_->connected(); }
  std::uint64_t generation() const override { return connection_->reconnects() + 1; }
  ConnectionStats Stats() const override;
  absl::Status Flush(std::chrono::milliseconds timeout) override;
  void Close() override;

 private:
  JetStreamTransport(std::shared_ptr<Connection> connection, LogSink log);
  absl::Status CheckJetStream(std::chrono::milliseconds budget);
  absl::Status AwaitFlushed(std::chrono::milliseconds timeout);

  const std::shared_ptr<Connection> connection_;
  const LogSink log_;
  ApiClient api_;
  std::atomic<bool> flush_failed_{false};   // relaxed: closing then waits for nothing more
  std::unique_ptr<Publisher> publisher_{};  // both set before the transport is handed out; lives as long
};

}  // namespace penstock::eventbus::jetstream
