// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "penstock/actorpool/internal/mutex.h"
#include "transport/transport.h"

namespace penstock::eventbus::contract {

/// A test's record of one delivery.
struct Arrival {
  std::uint64_t sequence = 0;
  std::uint64_t delivery_count = 0;
  std::uint64_t fence = 0;
  std::string body{};
  std::chrono::steady_clock::time_point at{};
};

/// The owner of a consumer in a test: keeps what arrives, in order, and lets the test wait for it and answer it.
///
/// **Thread safety:** thread-safe. Must outlive its consumer.
class ConsumerRecorder {
 public:
  /// The longest that a test waits for what must happen.
  static constexpr std::chrono::seconds kPatience{15};

  /// `each` is called for every message, on the transport's thread, before it counts as arrived.
  ConsumerEvents Events(std::function<void(const StoredMessage&)> each = {});

  /// Acknowledges what arrived and what will arrive, on the transport's thread, and grants as much again.
  void AckFor(Consumer& consumer);

  /// Waits until `count` messages have arrived; false when the patience is at its end.
  bool Reach(std::size_t count);

  std::vector<Arrival> arrivals() const;
  /// Up to where the server has said that messages are settled which are in hand here.
  std::uint64_t settled_elsewhere() const { return settled_elsewhere_.load(); }
  /// Up to where it was told, from the first message on, that earlier owners have settled everything.
  std::uint64_t recovered() const { return recovered_.load(); }
  std::vector<std::uint64_t> Sequences() const;
  std::vector<std::uint64_t> DeliveryCounts() const;
  std::vector<std::string> Bodies() const;
  std::vector<std::uint64_t> Fences() const;
  Arrival At(std::size_t index) const { return arrivals().at(index); }

  /// Answers the message that arrived as number `index`.
  absl::Status Acknowledge(Consumer& consumer, std::size_t index, AckType type);
  /// The same, and grants one more unless the message stays with us.
  absl::Status Answer(Consumer& consumer, std::size_t index, AckType type);

 private:
  void Add(std::vector<std::unique_ptr<StoredMessage>> messages);
  void AckNew();

  std::atomic<std::uint64_t> settled_elsewhere_{0};
  std::atomic<std::uint64_t> recovered_{0};
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<std::unique_ptr<StoredMessage>> messages_ ABSL_GUARDED_BY(mutex_);
  std::vector<Arrival> arrivals_ ABSL_GUARDED_BY(mutex_);
  Consumer* acking_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::size_t acked_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock::eventbus::contract
