// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "clock.h"
#include "measure/latency_meter.h"

namespace penstock::actorpool {

/// The result of one run of a runnable, and the time of its next run.
struct RunResult {
  enum class Next {
    kIdle,   ///< not before it is added to the scheduler again
    kAgain,  ///< as soon as the runnables that are ready now have run
    kPause,  ///< at `resume_at`
  };
  Next next = Next::kIdle;
  TimePoint resume_at{};
  TimePoint ended_at{};  ///< when its last message ended; unset when it ran none
};

/// A unit of scheduling: an actor, or an ingress queue in front of actors.
///
/// **Thread safety:** `Run` by one thread at a time, which the scheduler ensures.
class Runnable {
 public:
  /// Runs once. No message begins after `budget_end`. Messages that end are reported to `meter`.
  virtual RunResult Run(LatencyMeter& meter, TimePoint budget_end) = 0;

 protected:
  ~Runnable() = default;
};

}  // namespace penstock::actorpool
