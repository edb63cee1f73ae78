// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace penstock::eventbus::jetstream {

/// Remembers of some messages of a stream when they were stored, to tell a stream that was created again from one whose
/// server lags behind: they are spread evenly over all that was delivered. Thread-compatible.
class StreamMarks {
 public:
  struct Mark {
    std::uint64_t sequence = 0;
    std::chrono::system_clock::time_point stored_at{};
  };
  static constexpr std::size_t kMost = 64;

  void Delivered(std::uint64_t sequence, std::chrono::system_clock::time_point stored_at) {
    if (sequence < next_) return;
    if (marks_.size() == kMost) Thin();
    marks_.push_back({sequence, stored_at});
    next_ = sequence + spacing_;
  }

  /// The last one at or before `sequence`.
  std::optional<Mark> UpTo(std::uint64_t sequence) const {
    const auto after = std::ranges::upper_bound(marks_, sequence, {}, &Mark::sequence);
    if (after == marks_.begin()) return std::nullopt;
    return *std::prev(after);
  }

  void Clear() { *this = StreamMarks(); }

 private:
  // Keeps every second one.
  void Thin() {
    for (std::size_t i = 0; 2 * i < marks_.size(); ++i) marks_[i] = marks_[2 * i];
    marks_.resize((marks_.size() + 1) / 2);
    spacing_ *= 2;
  }

  std::vector<Mark> marks_{};
  std::uint64_t spacing_ = 1;
  std::uint64_t next_ = 1;
};

}  // namespace penstock::eventbus::jetstream
