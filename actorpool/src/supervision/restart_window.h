// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <vector>

#include "clock.h"
#include "penstock/actorpool/actor_pool.h"

namespace penstock::actorpool {

/// How an actor whose handler threw goes on.
struct RestartDecision {
  bool suspended = false;             ///< it used up its restarts within the window
  std::chrono::nanoseconds pause{0};  ///< how long until it runs again; zero: at once
};

/// Decides, throw by throw, when one actor runs again.
///
/// **Thread safety:** thread-compatible. Has no clock: the time is passed in, and must not run backwards.
/// **Ownership:** refers to `policy`, which must outlive it.
class RestartWindow {
 public:
  explicit RestartWindow(const RestartPolicy& policy) : policy_(policy) {}

  /// Called for each throw. A suspension clears the window.
  RestartDecision OnThrow(TimePoint now);

 private:
  /// The pause before the last restart of the window.
  std::chrono::nanoseconds Backoff() const;

  const RestartPolicy& policy_;
  std::vector<TimePoint> restarts_{};  ///< those within the window, oldest first
};

}  // namespace penstock::actorpool
