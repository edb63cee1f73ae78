// SPDX-License-Identifier: Apache-2.0
#include "delivery/policy/failure_policy.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace penstock::eventbus {
namespace {

bool CountsAsAttempt(HandlerResult::Kind kind) {
  return kind == HandlerResult::Kind::kRetry || kind == HandlerResult::Kind::kThrew ||
         kind == HandlerResult::Kind::kTimedOut;
}

}  // namespace

std::chrono::milliseconds RetrySchedule::DelayAfter(std::uint64_t attempt) {
  if (attempt <= 1) return std::chrono::milliseconds{0};
  const double doublings = static_cast<double>(std::min<std::uint64_t>(attempt - 2, 62));
  const double wait = std::min(static_cast<double>(policy_.min_backoff.count()) * std::exp2(doublings),
                               static_cast<double>(policy_.max_backoff.count()));
  std::uniform_real_distribution<double> spread(1.0 - policy_.jitter, 1.0 + policy_.jitter);
  return std::chrono::milliseconds{std::llround(wait * spread(random_))};
}

FailurePolicy::FailurePolicy(const DeliveryOptions& options)
    : policy_(options.retry),
      blocks_(options.after_dead_letter == AfterDeadLetter::kBlock),
      retry_(options.retry, options.seed),
      breaker_(options.outage_after, options.retry) {}

bool FailurePolicy::NoteFailure(InFlightMessage& item, TimePoint now) {
  const bool probe = std::exchange(item.probe, false);
  if (!CountsAsAttempt(item.result.kind)) {
    if (probe) breaker_.ProbeAgain(now);
    return false;
  }
  const bool before = breaker_.open();
  breaker_.Failed(item.sequence, probe, now);
  return breaker_.open() && !before;
}

FailurePolicy::Decision FailurePolicy::Decide(const InFlightMessage& item) {
  const auto asked = item.result.delay;
  if (CountsAsAttempt(item.result.kind)) {
    if (breaker_.open() && asked.count() <= 0) return {.kind = Decision::Kind::kPause};
    if (breaker_.open() || !IsExhausted(item)) {
      return {.delay = asked.count() >= 0 ? asked : retry_.DelayAfter(item.attempts())};
    }
  }
  if (blocks_) return {.delay = std::max(asked, policy_.max_backoff)};
  return {.kind = Decision::Kind::kDeadLetter};
}

// Attempts in other processes are known from the server's count only, which also counts deliveries that never began: it
// may shorten the attempts here, to two at the least.
bool FailurePolicy::IsExhausted(const InFlightMessage& item) const {
  return retry_.Exhausted(item.attempts()) && item.failures >= std::min<std::uint64_t>(policy_.max_attempts, 2);
}

}  // namespace penstock::eventbus
