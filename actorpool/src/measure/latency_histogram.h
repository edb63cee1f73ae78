// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>

#include "measure/counter.h"
#include "penstock/actorpool/stats.h"

namespace penstock::actorpool {

/// Latencies of one thread in the buckets of `LatencySnapshot`, on cache lines of its own.
///
/// **Thread safety:** `Observe` by one thread at a time; `AddTo` by any thread.
class alignas(64) LatencyHistogram {
 public:
  /// Counts one latency. A negative one counts into the lowest bucket and adds nothing to the sum.
  void Observe(std::chrono::nanoseconds latency);

  /// Adds the observations so far to `snapshot`. Its count equals the sum of its buckets even while `Observe` runs.
  void AddTo(LatencySnapshot& snapshot) const;

 private:
  std::array<Counter, LatencySnapshot::kUpperBoundsSeconds.size() + 1> counts_{};
  Counter sum_ns_{};
};

}  // namespace penstock::actorpool
