// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>

#include "counter.h"
#include "penstock/actorpool/stats.h"

namespace penstock::actorpool {

/// One worker's latencies, in the buckets of `LatencySnapshot`, on cache lines of its own.
///
/// **Thread safety:** `Observe` by one thread at a time; `AddTo` by any thread.
class alignas(64) LatencyHistogram {
 public:
  /// Negative latencies count into the lowest bucket and add nothing to the sum.
  void Observe(std::chrono::nanoseconds latency);

  /// Adds what was observed so far to `snapshot`. Its count is the sum of its buckets, also while observations go on.
  void AddTo(LatencySnapshot& snapshot) const;

 private:
  std::array<Counter, LatencySnapshot::kUpperBoundsSeconds.size() + 1> counts_{};
  Counter sum_ns_{};
};

}  // namespace penstock::actorpool
