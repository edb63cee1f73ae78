// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "message/stored_message.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// Remembers which sequences of a stream were delivered and not settled, to know where a lost consumer has to begin
/// again. Thread-safe.
class OutstandingDeliveries {
 public:
  void Arrived(std::uint64_t sequence) {
    MutexLock lock(mutex_);
    Open(sequence);
  }
  void Arrived(const std::vector<std::unique_ptr<StoredMessage>>& messages) {
    MutexLock lock(mutex_);
    for (const auto& message : messages) Open(message->stream_sequence());
  }

  void Settled(std::uint64_t sequence) { Settled({&sequence, 1}); }
  void Settled(std::span<const std::uint64_t> sequences) {
    MutexLock lock(mutex_);
    for (const std::uint64_t sequence : sequences) open_.erase(sequence);
  }

  /// Everything up to `sequence` was settled by others.
  void SettledUpTo(std::uint64_t sequence) {
    MutexLock lock(mutex_);
    highest_ = std::max(highest_, sequence);
  }

  /// The first sequence that has not been settled; nothing when none is known.
  std::optional<std::uint64_t> Lowest() const {
    MutexLock lock(mutex_);
    if (highest_ == 0) return std::nullopt;
    const auto lowest = std::min_element(open_.begin(), open_.end());
    return lowest == open_.end() ? highest_ + 1 : *lowest;
  }

  /// Sequences that a server may count as pending here after sending up to `delivered`, in order: those that came and
  /// were not settled, and what was sent and did not come, the last `most` of that.
  std::vector<std::uint64_t> MayBePending(std::uint64_t delivered, std::uint64_t most) const {
    MutexLock lock(mutex_);
    std::vector<std::uint64_t> pending(open_.begin(), open_.end());
    std::sort(pending.begin(), pending.end());
    const std::uint64_t missed = delivered > highest_ ? std::min(delivered - highest_, most) : 0;
    for (std::uint64_t sequence = delivered - missed + 1; sequence <= delivered; ++sequence)
      pending.push_back(sequence);
    return pending;
  }

  void Clear() {
    MutexLock lock(mutex_);
    open_.clear();
    highest_ = 0;
  }

 private:
  void Open(std::uint64_t sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    open_.insert(sequence);
    highest_ = std::max(highest_, sequence);
  }

  mutable Mutex mutex_;
  absl::flat_hash_set<std::uint64_t> open_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t highest_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock::eventbus::jetstream
