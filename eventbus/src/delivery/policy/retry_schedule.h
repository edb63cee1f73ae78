// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

#include "penstock/eventbus/options.h"

namespace penstock::eventbus {

/// Decides when a message that failed comes again. Thread-confined to its flow.
class RetrySchedule {
 public:
  RetrySchedule(const RetryPolicy& policy, std::uint64_t seed) : policy_(policy), random_(seed) {}

  /// Whether attempt number `attempt` (from 1) was the last.
  bool Exhausted(std::uint64_t attempt) const { return policy_.max_attempts != 0 && attempt >= policy_.max_attempts; }

  /// The pause after attempt number `attempt` (from 1) failed: none after the first, then exponential with jitter.
  std::chrono::milliseconds DelayAfter(std::uint64_t attempt);

 private:
  RetryPolicy policy_;
  std::minstd_rand random_;
};

}  // namespace penstock::eventbus
