// SPDX-License-Identifier: Apache-2.0
#include "latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace penstock::demo {

void LatencyHistogram::Record(std::chrono::nanoseconds duration) {
  const auto nanoseconds = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  counts_[BucketOf(nanoseconds)].fetch_add(1, std::memory_order_relaxed);
}

std::chrono::nanoseconds LatencyHistogram::Quantile(double quantile) const {
  std::array<std::uint64_t, kBuckets> counts;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) total += counts[i] = counts_[i].load(std::memory_order_relaxed);
  if (total == 0) return std::chrono::nanoseconds{0};
  const auto rank = static_cast<std::uint64_t>(std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(total)));
  std::size_t bucket = 0;
  for (std::uint64_t seen = counts[0]; seen < std::max<std::uint64_t>(rank, 1); seen += counts[bucket]) ++bucket;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(UpperBound(bucket)));
}

// Values below 32 have a bucket each; above, the five bits that follow the leading one choose among 32 per power of
// two.
std::size_t LatencyHistogram::BucketOf(std::uint64_t nanoseconds) {
  if (nanoseconds < kSteps) return nanoseconds;
  const auto power = static_cast<std::size_t>(std::bit_width(nanoseconds)) - 6;
  return kSteps * power + (nanoseconds >> power);
}

std::uint64_t LatencyHistogram::UpperBound(std::size_t bucket) {
  if (bucket < 2 * kSteps) return bucket;
  const std::size_t power = bucket / kSteps - 1;
  return ((kSteps + bucket % kSteps + 1) << power) - 1;
}

}  // namespace penstock::demo
