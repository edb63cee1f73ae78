// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace penstock::eventbus {

/// Decides whether the workers of a pool make progress: handlers end, or empty messages that are passed through the
/// pool do. Several of these may be on their way, since each waits for one actor, whose handler may be a long one. Has
/// no clock. Thread-confined.
class PoolProgress {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr int kMostProbes = 16;

  explicit PoolProgress(TimePoint now) : last_(now) {}

  /// `finished`: messages of the pool so far, empty ones included. Returns the time without progress.
  std::chrono::steady_clock::duration Look(std::uint64_t finished, TimePoint now) {
    if (finished != finished_) {
      last_ = now;
      probes_ = 0;
    }
    finished_ = finished;
    return now - last_;
  }

  /// Whether an empty message is to be passed through the pool now.
  bool TakeProbe() { return probes_ < kMostProbes && ++probes_ > 0; }

 private:
  TimePoint last_;
  std::uint64_t finished_ = 0;
  int probes_ = 0;  // since the last progress
};

}  // namespace penstock::eventbus
