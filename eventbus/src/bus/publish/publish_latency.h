// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "penstock/actorpool/stats.h"

namespace penstock::eventbus {

/// Latencies observed by several threads. Thread-safe, without locks.
class PublishLatency {
 public:
  void Observe(std::chrono::nanoseconds latency);
  actorpool::LatencySnapshot Snapshot() const;

 private:
  using Bounds = decltype(actorpool::LatencySnapshot::kUpperBoundsSeconds);
  // Statistics that nothing else is inferred from: relaxed throughout.
  std::array<std::atomic<std::uint64_t>, std::tuple_size_v<Bounds> + 1> counts_{};
  std::atomic<std::uint64_t> sum_ns_{0};
};

}  // namespace penstock::eventbus
