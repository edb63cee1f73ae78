// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

#include "delivery/delivery_options.h"
#include "delivery/in_flight_message.h"
#include "delivery/policy/circuit_breaker.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus {

/// Decides when a message that failed comes again. Thread-confined to its state machine.
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

/// Decides what becomes of a message whose handler failed. Thread-confined to its state machine.
class FailurePolicy {
 public:
  struct Decision {
    enum class Kind { kRetry, kPause, kDeadLetter };
    Kind kind = Kind::kRetry;
    std::chrono::milliseconds delay{0};  ///< before the retry
  };

  explicit FailurePolicy(const DeliveryOptions& options);

  /// Counts the failure, whoever owns the message by now. True when it begins an outage.
  bool NoteFailure(InFlightMessage& item, TimePoint now);
  Decision Decide(const InFlightMessage& item);

  CircuitBreaker& breaker() { return breaker_; }
  const CircuitBreaker& breaker() const { return breaker_; }

 private:
  bool IsExhausted(const InFlightMessage& item) const;

  const RetryPolicy policy_;
  const bool blocks_;  // its key, in place of a dead letter
  RetrySchedule retry_;
  CircuitBreaker breaker_;
};

}  // namespace penstock::eventbus
