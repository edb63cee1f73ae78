// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "bus/worker_watch.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/log.h"

namespace penstock::eventbus {

/// Looks at a pool once a second, and logs that its workers are the bottleneck: the 1st, 2nd, 4th, ... time.
/// Thread-confined, but for `workers`. `pool` and `log` outlive it.
class WorkerReport {
 public:
  WorkerReport(const actorpool::ActorPool& pool, const LogSink& log);

  /// `ready`: messages that wait for a worker and are not with the pool.
  void Look(WorkerWatch::TimePoint now, std::size_t ready);
  std::size_t workers() const { return watch_.workers(); }

 private:
  const actorpool::ActorPool& pool_;
  const LogSink& log_;
  WorkerWatch watch_;
  std::uint64_t verdicts_ = 0;
  WorkerWatch::TimePoint next_look_{};
};

}  // namespace penstock::eventbus
