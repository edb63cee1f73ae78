// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus {

/// Spreads steps evenly over time. A late step is not made up for: there are no bursts. Thread-confined.
class Pace {
 public:
  /// 0 steps a second: no waiting.
  Pace(double per_second, std::stop_token stop);

  /// Waits until the next step is due. False when `stop` was asked for first.
  bool AwaitTurn();

 private:
  void Wake();

  const std::chrono::nanoseconds interval_;
  const std::stop_token stop_;
  std::chrono::steady_clock::time_point due_{};  // the first step is due at once
  Mutex mutex_;                                  // guards nothing: what is waited for is the stop
  CondVar changed_;
};

}  // namespace penstock::eventbus
