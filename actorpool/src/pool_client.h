// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "clock.h"

namespace penstock::actorpool {

/// Something besides the actors that a pool's workers run: it adds runnables of its own to the pool's scheduler.
///
/// **Thread safety:** thread-safe. The pool calls it without a lock held.
class PoolClient {
 public:
  virtual ~PoolClient() = default;

  /// Refuses new work from now on. The scheduler knows of what was accepted before when this returns, as far as it can
  /// run now.
  virtual void Close() = 0;

  /// Waits until what was accepted has ended. False when `deadline` passed first.
  virtual bool AwaitEnded(TimePoint deadline) = 0;

  /// Ends what has not begun, and returns how many messages that were. Called once the scheduler is stopped and the
  /// workers are joined.
  virtual std::uint64_t Abandon() = 0;
};

}  // namespace penstock::actorpool
