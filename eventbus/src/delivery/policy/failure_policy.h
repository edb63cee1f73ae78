// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "delivery/flow_options.h"
#include "delivery/in_flight_message.h"
#include "delivery/policy/circuit_breaker.h"
#include "delivery/policy/retry_schedule.h"

namespace penstock::eventbus {

/// Decides what becomes of a message whose handler failed. Thread-confined to its state machine.
class FailurePolicy {
 public:
  struct Decision {
    enum class Kind { kRetry, kPause, kDeadLetter };
    Kind kind = Kind::kRetry;
    std::chrono::milliseconds delay{0};  ///< before the retry
  };

  explicit FailurePolicy(const FlowOptions& options);

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
