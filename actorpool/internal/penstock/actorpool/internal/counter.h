// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace penstock::actorpool {

/// A count that one thread at a time advances and any thread reads, without a locked instruction.
///
/// **Thread safety:** `Add` by one thread at a time (each after the other, by a lock or a hand-over); `value` by any
/// thread. A reader that sees a count also sees what its writer did before: `Add` releases, `value` acquires.
class Counter {
 public:
  void Add(std::uint64_t n) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_release); }
  std::uint64_t value() const { return value_.load(std::memory_order_acquire); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A count that several threads advance. **Thread safety:** thread-safe; relaxed, since nothing else is inferred from
/// it.
class SharedCounter {
 public:
  void Add(std::uint64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace penstock::actorpool
