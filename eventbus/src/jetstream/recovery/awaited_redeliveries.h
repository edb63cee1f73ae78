// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>

#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// Messages that were asked for again by a Nak, and have neither come nor been settled here since. Thread-safe.
class AwaitedRedeliveries {
 public:
  void Asked(std::uint64_t sequence) {
    MutexLock lock(mutex_);
    awaited_.insert(sequence);
    count_.store(awaited_.size(), std::memory_order_relaxed);
  }

  /// They came, or are settled.
  void Over(std::span<const std::uint64_t> sequences) {
    if (count_.load(std::memory_order_relaxed) == 0) return;
    MutexLock lock(mutex_);
    for (const std::uint64_t sequence : sequences) awaited_.erase(sequence);
    count_.store(awaited_.size(), std::memory_order_relaxed);
  }

  /// All up to that one are settled.
  void OverUpTo(std::uint64_t last) {
    MutexLock lock(mutex_);
    awaited_.erase(awaited_.begin(), awaited_.upper_bound(last));
    count_.store(awaited_.size(), std::memory_order_relaxed);
  }

  std::optional<std::uint64_t> First() const {
    MutexLock lock(mutex_);
    return awaited_.empty() ? std::nullopt : std::optional(*awaited_.begin());
  }

  void Clear() {
    MutexLock lock(mutex_);
    awaited_.clear();
    count_.store(0, std::memory_order_relaxed);
  }

 private:
  mutable Mutex mutex_;
  std::set<std::uint64_t> awaited_ ABSL_GUARDED_BY(mutex_);
  std::atomic<std::size_t> count_{0};  // relaxed: who asks for a message has done so before it can come
};

}  // namespace penstock::eventbus::jetstream
