// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace penstock::actorpool {

/// Latency counts since the start, in fixed buckets with the bounds of the Prometheus histogram.
struct LatencySnapshot {
  /// Upper bounds in seconds, ascending; the last, infinite bucket is implied. Their number is even, because the
  /// publish histogram merges each pair of buckets.
  static constexpr std::array<double, 16> kUpperBoundsSeconds = {
      0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0};
  /// Observations per bucket (not cumulative); one more than there are bounds.
  std::array<std::uint64_t, kUpperBoundsSeconds.size() + 1> counts{};
  std::uint64_t count = 0;
  double sum_seconds = 0;

  /// The upper bound of the bucket that holds the `quantile` (0 to 1), in seconds; infinite for the last bucket, 0
  /// without observations. A quantile outside 0 to 1 counts as the nearer end.
  double Quantile(double quantile) const;
};

/// Counters of one actor since the pool was made, and its gauges as of the call.
struct ActorStats {
  std::uint64_t sent = 0;               ///< messages accepted into its inbox
  std::uint64_t succeeded = 0;          ///< handled, status ok
  std::uint64_t failed = 0;             ///< handled, status not ok, or threw
  std::uint64_t restarts = 0;           ///< throws followed by a restart; all others count in `suspensions`
  std::uint64_t suspensions = 0;        ///< throws that exceeded its restart window and suspended it
  std::uint64_t inbox_full = 0;         ///< messages refused, or made to wait, because its inbox was full
  std::size_t inbox_depth = 0;          ///< messages accepted and not yet begun
  std::size_t inbox_depth_highest = 0;  ///< the highest depth so far; never above the capacity
};

struct PoolStats {
  std::string name{};
  std::size_t inbox_capacity = 0;
  std::size_t workers = 0;
  std::uint64_t abandoned = 0;  ///< accepted messages that `Stop` ended without running them, those of streams too
  std::vector<ActorStats> actors{};
  /// Time from acceptance to the end of the handler. It can be overstated:
  /// - Up to eight queued messages share one clock reading of their acceptance, that of the first. Adds at most 10 ms.
  /// - While an actor's messages take less than 1 us on average, up to 16 share one clock reading of their end, that of
  ///   the last. Adds less than 16 us, unless one of them is unusually slow.
  LatencySnapshot latency{};

  /// Sums over all actors, depths included; `inbox_depth_highest` is the maximum.
  ActorStats Total() const;
};

/// Counters of one stream since its registration, or of all streams of a registry, and their gauges as of the call.
struct StreamStats {
  std::uint64_t accepted = 0;         ///< messages accepted into its queue
  std::uint64_t succeeded = 0;        ///< handled, status ok
  std::uint64_t failed = 0;           ///< handled, status not ok, or threw
  std::uint64_t dropped = 0;          ///< accepted, and ended without being handled
  std::uint64_t refused = 0;          ///< not accepted, since its queue was full
  std::uint64_t restarts = 0;         ///< throws followed by a restart; all others count in `suspensions`
  std::uint64_t suspensions = 0;      ///< throws that exceeded its restart window and suspended it
  std::uint64_t near_full_rises = 0;  ///< times its queue became nearly full
  std::size_t queued = 0;             ///< messages accepted and not yet begun
  std::size_t near_full = 0;          ///< streams whose queue is nearly full; 0 or 1 of one stream
  std::size_t running = 0;            ///< streams whose callback runs; 0 or 1 of one stream
};

struct StreamRegistryStats {
  std::string name{};
  std::size_t streams = 0;    ///< registered
  std::size_t ending = 0;     ///< unregistered, with messages or a callback that still runs
  std::uint64_t unknown = 0;  ///< messages refused, since their stream was not registered
  StreamStats total{};        ///< sums over all streams, those that have ended included
};

}  // namespace penstock::actorpool
