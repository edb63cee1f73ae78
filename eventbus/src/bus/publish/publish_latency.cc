// SPDX-License-Identifier: Apache-2.0
#include "bus/publish/publish_latency.h"

#include <algorithm>

namespace penstock::eventbus {

void PublishLatency::Observe(std::chrono::nanoseconds latency) {
  const auto& bounds = actorpool::LatencySnapshot::kUpperBoundsSeconds;
  const double seconds = std::chrono::duration<double>(latency).count();
  const auto bucket =
      static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin());
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count(), 0)), std::memory_order_relaxed);
}

actorpool::LatencySnapshot PublishLatency::Snapshot() const {
  actorpool::LatencySnapshot snapshot;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    snapshot.counts[i] = counts_[i].load(std::memory_order_relaxed);
    snapshot.count += snapshot.counts[i];
  }
  snapshot.sum_seconds = static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) / 1e9;
  return snapshot;
}

}  // namespace penstock::eventbus
