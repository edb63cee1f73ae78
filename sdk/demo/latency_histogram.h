// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace penstock::demo {

/// Counts durations in buckets that are at most 1/32 wider than their lower bound, from 1 ns to 100 years. Thread-safe.
class LatencyHistogram {
 public:
  /// A negative duration counts as zero.
  void Record(std::chrono::nanoseconds duration);

  /// The upper bound of the bucket that holds the `quantile` (0 to 1); zero when nothing was recorded.
  std::chrono::nanoseconds Quantile(double quantile) const;

 private:
  static constexpr std::size_t kSteps = 32;  // per power of two
  static constexpr std::size_t kBuckets = 60 * kSteps;
  static std::size_t BucketOf(std::uint64_t nanoseconds);
  static std::uint64_t UpperBound(std::size_t bucket);

  std::array<std::atomic<std::uint64_t>, kBuckets> counts_{};  // relaxed: read for statistics only
};

}  // namespace penstock::demo
