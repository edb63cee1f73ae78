// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "memory/broker.h"
#include "memory/memory_message.h"
#include "penstock/actorpool/internal/mutex.h"
#include "transport/transport.h"

namespace penstock::eventbus::memory {

/// The embedded transport: a user of a `Broker` in this process. Behaves as JetStream does (redelivery, ack deadlines,
/// one owner of an exclusive durable, duplicate window, stream limits), but what is stored ends with the broker, file
/// storage included, and a stream without a size or age bound grows with the memory of the process.
///
/// **Thread safety:** thread-safe.
/// **Blocking:** `Consumer::Stop` and `Close` wait for callbacks that run; publishes and settlements are done when they
/// return, and `PublishDone` is told on the caller's thread.
/// **Ordering:** as `Broker`.
/// **Shutdown:** `Close` stops what subscribers are left; it may be called from a callback, the destructor may not.
/// Afterwards calls fail with `kFailedPrecondition`, settlements with `kUnavailable`.
class MemoryTransport final : public Transport {
 public:
  /// Uses the broker of that name, which is made when there is none; an empty name is a broker of its own.
  explicit MemoryTransport(std::string_view broker_name);
  ~MemoryTransport() override;

  std::string_view name() const override { return "memory"; }
  absl::StatusOr<StreamFacts> EnsureStream(const StreamSpec& spec) override;
  absl::StatusOr<StreamFacts> FindStream(const std::string& name) override;
  absl::StatusOr<std::vector<std::string>> ListStreams(const std::string& pattern) override;
  /// Looking costs next to nothing here.
  std::chrono::milliseconds list_interval() const override { return std::chrono::milliseconds(20); }
  absl::StatusOr<std::unique_ptr<Consumer>> OpenConsumer(const ConsumerSpec& spec, ConsumerEvents events) override;
  absl::StatusOr<std::unique_ptr<StoredMessage>> ReadMessage(const std::string& stream, const std::string& filter,
                                                             std::uint64_t from_sequence) override;
  absl::StatusOr<StreamContents> ReadHeaders(const std::string& stream, const std::string& filter,
                                             std::uint64_t from_sequence, const HeaderReader& reader) override;
  absl::StatusOr<StreamContents> LookAtContents(const std::string& stream) override;
  absl::StatusOr<bool> HasMessage(const std::string& stream, std::uint64_t sequence) override;
  absl::Status DeleteMessage(const std::string& stream, std::uint64_t sequence) override;
  absl::Status Publish(OutboundMessage message, PublishDone done) override;
  absl::StatusOr<std::unique_ptr<KeyValueStore>> OpenBucket(const BucketSpec& spec, const CallLimit& limit) override;
  std::size_t max_payload_bytes() const override { return kMaxPayloadBytes; }
  bool connected() const override { return !closed_.load(std::memory_order_relaxed); }
  std::uint64_t generation() const override { return 1; }
  ConnectionStats Stats() const override;
  absl::Status Flush(std::chrono::milliseconds timeout) override;
  void Close() override;

 private:
  void NoteSpec(const StreamSpec& spec);
  absl::StatusOr<PubAck> Store(OutboundMessage message);

  const std::shared_ptr<Broker> broker_;
  Mutex mutex_;
  /// By subject: streams that the broker may forget, to make them anew.
  absl::flat_hash_map<std::string, StreamSpec> specs_ ABSL_GUARDED_BY(mutex_);
  std::stop_source closing_{};  ///< told to buckets and watches, which may live on
  /// Relaxed: it only refuses calls that come after `Close`; what closing changes is under the broker's lock.
  std::atomic<bool> closed_ = false;
};

}  // namespace penstock::eventbus::memory
