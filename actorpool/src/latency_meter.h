// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "clock.h"
#include "latency_histogram.h"
#include "penstock/actorpool/stats.h"

namespace penstock::actorpool {

/// Reads the clock when messages end, and counts their latencies, for one worker or inline runner.
///
/// **Thread safety:** `Ended` by one thread at a time; `AddTo` by any thread.
class LatencyMeter {
 public:
  /// Notes that a message accepted at that time ends now, and returns when that is.
  TimePoint Ended(TimePoint accepted) {
    const TimePoint now = clock_.Now();
    latencies_.Observe(now - accepted);
    return now;
  }

  /// Adds what was noted so far to `snapshot`.
  void AddTo(LatencySnapshot& snapshot) const { latencies_.AddTo(snapshot); }

 private:
  LatencyHistogram latencies_{};
  FrequentClock clock_{};
};

}  // namespace penstock::actorpool
