// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
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
    absl::erase_if(open_, [sequence](std::uint64_t each) { return each <= sequence; });
  }

  /// The first sequence that has not been settled; nothing when none is known.
  std::optional<std::uint64_t> Lowest() const {
    MutexLock lock(mutex_);
    if (highest_ == 0) return std::nullopt;
    const auto lowest = std::min_element(open_.begin(), open_.end());
    return lowest == open_.end() ? highest_ + 1 : *lowest;
  }

  std::size_t size() const {
    MutexLock lock(mutex_);
    return open_.size();
  }

  /// Everything up to `floor` is settled, and what was delivered beyond it comes again.
  void StartAfter(std::uint64_t floor);
  /// Another process owns the consumer and stands at `floor`: if the consumer were deleted, this one would begin there.
  void AnotherStandsAt(std::uint64_t floor);

  /// The stream has lost what came after `last`; 0: everything.
  void EndAt(std::uint64_t last) {
    MutexLock lock(mutex_);
    absl::erase_if(open_, [last](std::uint64_t sequence) { return sequence > last; });
    highest_ = std::min(highest_, last);
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
