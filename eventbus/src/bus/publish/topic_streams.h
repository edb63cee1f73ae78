// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/options.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Sees to it that each topic has its stream, asking the server once per topic and storage.
///
/// **Thread safety:** thread-safe. **Blocking:** the first call for a topic asks the server.
class TopicStreams {
 public:
  TopicStreams(const BusOptions& options, Transport& transport) : options_(options), transport_(transport) {}

  /// Makes the topic's stream when it is missing. One that exists with the other storage is warned of, counted and
  /// used, or refused with `kFailedPrecondition` (`BusOptions::storage_mismatch`).
  absl::Status Ensure(std::string_view topic, Storage storage);

  /// The duplicate window of the topic's stream with file storage, as it was when `Ensure` looked; 0 before.
  std::chrono::nanoseconds DuplicateWindow(std::string_view topic) const;

  /// Makes the stream of dead letters when it is missing.
  absl::Status EnsureDeadLetters();

  /// The stream that `Ensure` would create.
  StreamSpec SpecFor(std::string_view topic, Storage storage) const;

  std::uint64_t mismatches() const { return mismatches_.load(std::memory_order_relaxed); }

 private:
  absl::Status Check(const StreamSpec& wanted, const StreamFacts& found);

  const BusOptions& options_;
  Transport& transport_;
  std::atomic<std::uint64_t> mismatches_{0};  // a statistic: no order needed
  mutable Mutex mutex_;
  struct Found {
    std::uint64_t generation = 0;  // of the connection on which the stream was last seen
    std::chrono::nanoseconds duplicate_window{};
  };
  // By topic. A memory stream dies with its server, so a new connection means looking again; a file stream was seen
  // once and for all.
  using Seen = std::map<std::string, Found, std::less<>>;
  Seen memory_seen_ ABSL_GUARDED_BY(mutex_);
  Seen file_seen_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock::eventbus
