// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace penstock::eventbus {

/// The stream sequences whose messages this process has finished, kept as intervals: a stream without gaps needs one.
/// A killed server forgets its last acks and sends such messages again; they are then acked, not run.
///
/// Thread-confined to its flow. Memory is bounded: beyond `kMaxIntervals` the two lowest are joined, which claims the
/// gap between them as finished; by then everything in hand is long past it.
class ProcessedSet {
 public:
  static constexpr std::size_t kMaxIntervals = 65'536;

  void Add(std::uint64_t sequence);
  /// All from `first` to `last`, both above 0 and in this order.
  void Add(std::uint64_t first, std::uint64_t last);
  bool Contains(std::uint64_t sequence) const;
  void Clear() { intervals_.clear(); }

  std::size_t interval_count() const { return intervals_.size(); }

 private:
  std::map<std::uint64_t, std::uint64_t> intervals_;  // first -> last, disjoint and not adjacent
};

}  // namespace penstock::eventbus
