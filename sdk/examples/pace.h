// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

/// Spreads the turns of a loop evenly over time. Thread-compatible.
class Pace {
 public:
  /// So many turns per second; 0: as many as possible.
  explicit Pace(double per_second) : per_second_(per_second) {}

  /// Waits for turn `number`, counted from 0. Returns false when `stop` was requested.
  bool Await(std::uint64_t number, const std::stop_token& stop) {
    if (per_second_ > 0) {
      const std::chrono::duration<double> offset(static_cast<double>(number) / per_second_);
      std::unique_lock<std::mutex> lock(mutex_);
      never_notified_.wait_until(lock, stop, begin_ + std::chrono::duration_cast<Clock::duration>(offset),
                                 [] { return false; });
    }
    return !stop.stop_requested();
  }

 private:
  using Clock = std::chrono::steady_clock;
  const double per_second_;
  const Clock::time_point begin_ = Clock::now();
  std::mutex mutex_;
  std::condition_variable_any never_notified_;
};
