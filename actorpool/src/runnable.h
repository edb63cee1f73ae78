// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "clock.h"
#include "latency_meter.h"

namespace penstock::actorpool {

/// What a runnable wants after its turn on a worker.
struct Turn {
  enum class Next {
    kIdle,   ///< nothing: it is added again when there is something to do
    kAgain,  ///< another turn, behind the others
    kPause,  ///< another turn at `resume_at`
  };
  Next next = Next::kIdle;
  TimePoint resume_at{};
  TimePoint ended{};  ///< when its last message did, if any
};

/// What the workers take turns at: actors, and the intakes in front of them.
///
/// **Thread safety:** `Run` by one worker at a time, which the scheduler sees to.
class Runnable {
 public:
  /// One turn, which begins nothing any more after `enough`. `meter` is told of messages that end in it.
  virtual Turn Run(LatencyMeter& meter, TimePoint enough) = 0;

 protected:
  ~Runnable() = default;
};

}  // namespace penstock::actorpool
