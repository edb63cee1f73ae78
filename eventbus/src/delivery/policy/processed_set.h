// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace penstock::eventbus {

/// The stream sequences whose messages this process has finished: intervals of them, one for a stream without gaps, and
/// pages of 64 sequences that are not all finished. A killed server forgets its last acks and sends such messages
/// again; they are then acked, not run.
///
/// Thread-confined to its state machine. Memory is bounded: beyond so many pages or intervals the two lowest intervals
/// are joined, or the lowest page is taken for finished, which claims the gaps as finished too; by then everything in
/// hand is long past them.
class ProcessedSet {
 public:
  static constexpr std::size_t kMaxIntervals = 65'536;
  static constexpr std::size_t kMaxPages = 65'536;

  void Add(std::uint64_t sequence);
  /// All from `first` to `last`, both above 0 and in this order.
  void Add(std::uint64_t first, std::uint64_t last);
  bool Contains(std::uint64_t sequence) const;
  void Clear();

  std::size_t interval_count() const { return intervals_.size(); }
  std::size_t page_count() const { return pages_.size(); }

 private:
  using Pages = std::map<std::uint64_t, std::uint64_t>;

  bool InAnInterval(std::uint64_t sequence) const;
  std::uint64_t BitsOfIntervals(std::uint64_t page) const;
  Pages::iterator Finished(Pages::iterator page);
  void AddInterval(std::uint64_t first, std::uint64_t last);

  Pages pages_;                                       // by number: a bit for each sequence that is finished, not all
  std::map<std::uint64_t, std::uint64_t> intervals_;  // first -> last, disjoint and not adjacent
};

}  // namespace penstock::eventbus
