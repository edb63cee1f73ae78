// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "penstock/actorpool/internal/counter.h"
#include "penstock/actorpool/stats.h"

namespace penstock::actorpool {

/// Latencies in the buckets of `LatencySnapshot`, on cache lines of its own. `Count` is `Counter` or `SharedCounter`.
///
/// **Thread safety:** `Observe` as `Count::Add`; `AddTo` by any thread.
template <typename Count>
class alignas(64) LatencyHistogram {
 public:
  /// Counts one latency. A negative one counts into the lowest bucket and adds nothing to the sum.
  void Observe(std::chrono::nanoseconds latency) {
    const std::int64_t ns = std::max<std::int64_t>(latency.count(), 0);
    const auto bucket = std::lower_bound(kUpperBoundsNs.begin(), kUpperBoundsNs.end(), ns) - kUpperBoundsNs.begin();
    sum_ns_.Add(static_cast<std::uint64_t>(ns));
    counts_[static_cast<std::size_t>(bucket)].Add(1);
  }

  /// Adds the observations so far to `snapshot`. Its count equals the sum of its buckets even while `Observe` runs.
  void AddTo(LatencySnapshot& snapshot) const {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      const std::uint64_t count = counts_[i].value();
      snapshot.counts[i] += count;
      snapshot.count += count;
    }
    snapshot.sum_seconds += static_cast<double>(sum_ns_.value()) * 1e-9;
  }

 private:
  static constexpr auto kUpperBoundsNs = [] {
    std::array<std::int64_t, LatencySnapshot::kUpperBoundsSeconds.size()> bounds{};
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      // NOLINTNEXTLINE(bugprone-incorrect-roundings): what rounds better is not constexpr, and bounds are positive
      bounds[i] = static_cast<std::int64_t>(LatencySnapshot::kUpperBoundsSeconds[i] * 1e9 + 0.5);
    }
    return bounds;
  }();

  std::array<Count, kUpperBoundsNs.size() + 1> counts_{};
  Count sum_ns_{};
};

}  // namespace penstock::actorpool
