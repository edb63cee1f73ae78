// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace penstock::actorpool {

/// Counts the messages of a stream that have begun, until it is shut. Whoever shuts it knows how many have begun and
/// that no further one does, while another thread runs the stream.
///
/// **Thread safety:** `TryBegin` by one thread at a time, the others by any. Relaxed: it orders nothing else; messages
/// are handed over under the stream's lock.
class BegunCount {
 public:
  /// Counts one. False: it is shut, and nothing may begin.
  bool TryBegin() {
    std::uint64_t state = state_.load(std::memory_order_relaxed);
    return (state & kShut) == 0 && state_.compare_exchange_strong(state, state + kOne, std::memory_order_relaxed);
  }

  void Shut() { state_.fetch_or(kShut, std::memory_order_relaxed); }
  bool shut() const { return (state_.load(std::memory_order_relaxed) & kShut) != 0; }
  std::uint64_t value() const { return state_.load(std::memory_order_relaxed) / kOne; }

 private:
  static constexpr std::uint64_t kShut = 1;
  static constexpr std::uint64_t kOne = 2;

  std::atomic<std::uint64_t> state_{0};
};

}  // namespace penstock::actorpool
