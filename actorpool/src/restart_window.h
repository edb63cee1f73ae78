// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <vector>

#include "clock.h"
#include "penstock/actorpool/actor_pool.h"

namespace penstock::actorpool {

/// What becomes of an actor whose handler threw.
struct RestartVerdict {
  bool rests = false;                 ///< it used up its window and is left alone for a while
  std::chrono::nanoseconds pause{0};  ///< how long until it is tried again; zero: at once
};

/// Decides, throw by throw, when one actor goes on.
///
/// **Thread safety:** thread-compatible. Has no clock: the time is passed in, and must not run backwards.
/// **Ownership:** refers to `policy`, which must outlive it.
class RestartWindow {
 public:
  explicit RestartWindow(const RestartPolicy& policy) : policy_(policy) {}

  /// Called for each throw. A verdict to rest clears the window.
  RestartVerdict OnThrow(TimePoint now);

 private:
  /// The pause before the last restart of the window.
  std::chrono::nanoseconds Backoff() const;

  const RestartPolicy& policy_;
  std::vector<TimePoint> restarts_{};  ///< those within the window, oldest first
};

}  // namespace penstock::actorpool
