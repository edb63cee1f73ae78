// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "transport/connect.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// The embedded transport, with a test's own steps in between.
class HookedTransport final : public Transport {
 public:
  explicit HookedTransport(const BusOptions& options) : inner_(*ConnectMemory(options)) {}

  std::string_view name() const override { return inner_->name(); }
  absl::StatusOr<StreamFacts> EnsureStream(const StreamSpec& spec) override {
    if (before_ensure) before_ensure(spec.name);
    return inner_->EnsureStream(spec);
  }
  absl::StatusOr<StreamFacts> FindStream(const std::string& name) override { return inner_->FindStream(name); }
  absl::StatusOr<std::vector<std::string>> ListStreams(const std::string& pattern) override {
    return inner_->ListStreams(pattern);
  }
  absl::StatusOr<std::unique_ptr<Consumer>> OpenConsumer(const ConsumerSpec& spec, ConsumerEvents events) override {
    return inner_->OpenConsumer(spec, std::move(events));
  }
  absl::Status Publish(OutboundMessage message, PublishDone done) override {
    if (before_publish) before_publish(message);
    if (message.subject == refused_subject) return absl::PermissionDeniedError(message.subject);
    return inner_->Publish(std::move(message), std::move(done));
  }
  absl::StatusOr<std::unique_ptr<StoredMessage>> ReadMessage(const std::string& stream, const std::string& filter,
                                                             std::uint64_t from_sequence) override {
    if (!may_read) return absl::PermissionDeniedError("MSG.GET");
    return inner_->ReadMessage(stream, filter, from_sequence);
  }
  absl::StatusOr<StreamContents> ReadHeaders(const std::string& stream, const std::string& filter,
                                             std::uint64_t from_sequence, const HeaderReader& reader) override {
    const std::uint64_t last = replica_has ? replica_has() : UINT64_MAX;
    const HeaderReader until{.begin = reader.begin, .message = [&](const StoredMessage& message) {
                               return message.stream_sequence() <= last && reader.message(message);
                             }};
    return inner_->ReadHeaders(stream, filter, from_sequence, until);
  }
  absl::StatusOr<StreamContents> LookAtContents(const std::string& stream) override {
    return inner_->LookAtContents(stream);
  }
  absl::Status DeleteMessage(const std::string& stream, std::uint64_t sequence) override {
    if (before_delete) before_delete(sequence);
    return inner_->DeleteMessage(stream, sequence);
  }
  absl::StatusOr<bool> HasMessage(const std::string& stream, std::uint64_t sequence) override {
    if (!may_read) return absl::PermissionDeniedError("MSG.GET");
    return inner_->HasMessage(stream, sequence);
  }
  absl::StatusOr<std::unique_ptr<KeyValueStore>> OpenBucket(const BucketSpec& spec, const CallLimit& limit) override {
    return inner_->OpenBucket(spec, limit);
  }
  /// Without any step in between.
  Transport& inner() { return *inner_; }
  std::size_t max_payload_bytes() const override { return inner_->max_payload_bytes(); }
  bool connected() const override { return inner_->connected(); }
  std::uint64_t generation() const override { return inner_->generation(); }
  ConnectionStats Stats() const override { return inner_->Stats(); }
  absl::Status Flush(std::chrono::milliseconds timeout) override { return inner_->Flush(timeout); }
  void Close() override { inner_->Close(); }

  // Set before they are needed.
  std::function<void(const std::string& stream)> before_ensure;
  std::function<void(const OutboundMessage& message)> before_publish;
  std::function<void(std::uint64_t sequence)> before_delete;
  std::string refused_subject{};
  std::function<std::uint64_t()> replica_has;  ///< up to which sequence
  std::atomic<bool> may_read = true;

 private:
  const std::unique_ptr<Transport> inner_;
};

}  // namespace penstock::eventbus
