// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace penstock::benchmarks {

/// Checks that the messages of each aggregate of one stream come in its order, each once. Aggregates are named
/// `aggregate-<number>`, with numbers below `keys`.
///
/// **Thread safety:** `Take` may run on several threads, for one aggregate on one at a time.
class KeyOrder {
 public:
  explicit KeyOrder(std::size_t keys) : last_of_key_(keys) {}

  void Take(std::string_view aggregate, std::uint64_t sequence);

  /// Messages that came after a later one, or again.
  std::uint64_t disorders() const { return disorders_.load(std::memory_order_relaxed); }

 private:
  std::vector<std::uint64_t> last_of_key_;   // each element belongs to whom its aggregate is with
  std::atomic<std::uint64_t> disorders_{0};  // relaxed: a counter
};

}  // namespace penstock::benchmarks
