// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "benchmarks/program.h"

namespace penstock::benchmarks {

/// When each message is to be sent: an open loop, in which what falls behind counts in full for every message that it
/// delays. Thread-safe.
class Schedule {
 public:
  explicit Schedule(std::uint64_t rate) : period_(std::chrono::duration<double>(1.0 / static_cast<double>(rate))) {}

  void Begin() { begun_.store(Clock::now().time_since_epoch().count(), std::memory_order_release); }

  Clock::time_point Of(std::uint64_t number) const {
    const Clock::time_point begun{Clock::duration(begun_.load(std::memory_order_acquire))};
    return begun + std::chrono::duration_cast<Clock::duration>(period_ * static_cast<double>(number));
  }

  void Await(std::uint64_t number) const { std::this_thread::sleep_until(Of(number)); }

 private:
  std::chrono::duration<double> period_;
  std::atomic<Clock::rep> begun_{0};  // released before the first message, whose handler acquires it
};

}  // namespace penstock::benchmarks
