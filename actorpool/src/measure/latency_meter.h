// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>

#include "clock.h"
#include "penstock/actorpool/internal/counter.h"
#include "penstock/actorpool/internal/latency_histogram.h"
#include "penstock/actorpool/stats.h"

namespace penstock::actorpool {

/// Counts the latencies of the messages that one thread runs. Several short messages share one reading of the clock,
/// which would cost as much as a short handler. The caller reads it, so that this class can be tested without a clock.
///
/// **Thread safety:** `AddTo` by any thread; the others by one thread at a time.
class LatencyMeter {
 public:
  /// The most messages that share a reading.
  static constexpr std::size_t kMaxPending = 16;
  /// Messages share a reading while they take less than this each, on average.
  static constexpr std::chrono::microseconds kShort{1};

  /// Notes the end of a message that was accepted at that time. Pending until `Count`, which must follow before more
  /// than `kMaxPending` are.
  void Ended(TimePoint accepted) { pending_[size_++] = accepted; }
  std::size_t pending() const { return size_; }

  /// Counts the pending messages as ended at `now`. Returns how many messages may share the next reading, judged by
  /// the time that passed since the one before: `kMaxPending`, or 1.
  std::size_t Count(TimePoint now) {
    const bool are_short = now - counted_at_ < kShort * size_;
    for (std::size_t i = 0; i < size_; ++i) latencies_.Observe(now - pending_[i]);
    size_ = 0;
    counted_at_ = now;
    return are_short ? kMaxPending : 1;
  }

  /// Adds the latencies counted so far to `snapshot`.
  void AddTo(LatencySnapshot& snapshot) const { latencies_.AddTo(snapshot); }

 private:
  LatencyHistogram<Counter> latencies_{};
  std::array<TimePoint, kMaxPending> pending_{};
  std::size_t size_ = 0;
  TimePoint counted_at_{};
};

}  // namespace penstock::actorpool
