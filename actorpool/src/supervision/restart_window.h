// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
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

/// Decides, throw by throw, when one actor runs again. It only applies the limits; their values are in `RestartPolicy`
/// (actor_pool.h).
///
/// **Thread safety:** thread-compatible. Has no clock: the time is passed in, and must not run backwards.
/// **Ownership:** refers to `policy`, which must outlive it.
class RestartWindow {
 public:
  explicit RestartWindow(const RestartPolicy& policy) : policy_(policy) {}

  /// Called for each throw. A suspension clears the window.
  RestartDecision OnThrow(TimePoint now) {
    std::erase_if(restarts_, [&](TimePoint restart) { return now - restart >= policy_.window; });
    if (restarts_.size() >= static_cast<std::size_t>(policy_.max_restarts)) {
      restarts_.clear();
      return {.suspended = true, .pause = policy_.suspension};
    }
    restarts_.push_back(now);
    return {.suspended = false, .pause = Backoff()};
  }

 private:
  /// The pause before the last restart of the window.
  std::chrono::nanoseconds Backoff() const {
    if (restarts_.size() == 1) return std::chrono::nanoseconds{0};
    std::chrono::nanoseconds pause = policy_.min_backoff;
    for (std::size_t i = 2; i < restarts_.size() && pause < policy_.max_backoff; ++i) pause *= 2;
    return std::min<std::chrono::nanoseconds>(pause, policy_.max_backoff);
  }

  const RestartPolicy& policy_;
  std::vector<TimePoint> restarts_{};  ///< those within the window, oldest first
};

}  // namespace penstock::actorpool
