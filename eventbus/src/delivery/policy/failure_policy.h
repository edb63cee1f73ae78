// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "delivery/flow_options.h"
#include "delivery/item.h"
#include "delivery/policy/outage_watch.h"
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
  bool NoteFailure(Item& item, TimePoint now);
  Decision Decide(const Item& item);

  OutageWatch& outage() { return outage_; }
  const OutageWatch& outage() const { return outage_; }

 private:
  bool IsExhausted(const Item& item) const;

  const RetryPolicy policy_;
  const bool blocks_;  // its key, in place of a dead letter
  RetrySchedule retry_;
  OutageWatch outage_;
};

}  // namespace penstock::eventbus
