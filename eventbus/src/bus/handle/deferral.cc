// SPDX-License-Identifier: Apache-2.0
#include "bus/handle/deferral.h"

#include <utility>

namespace penstock {

DeferredOutcome& DeferredOutcome::operator=(DeferredOutcome&& other) noexcept {
  std::swap(deferral_, other.deferral_);
  return *this;
}

DeferredOutcome::~DeferredOutcome() {
  if (!deferral_ || deferral_->origin().left()) return;
  deferral_->Settle(Retry("its deferred outcome was dropped")).IgnoreError();  // settled before, mostly
}

absl::Status DeferredOutcome::Settle(const Outcome& outcome) {
  if (!deferral_) return absl::FailedPreconditionError("settle: the token is of no message");
  return deferral_->Settle(outcome);
}

namespace eventbus {

HandlerResult ToHandlerResult(const Outcome& outcome) {
  const Outcome::Kind kind = outcome.kind();
  if (kind == Outcome::Kind::kAck)
    return {
        .kind = HandlerResult::Kind::kHandled, .value = outcome.value(), .already_handled = outcome.already_handled()};
  if (kind == Outcome::Kind::kReject) return {.kind = HandlerResult::Kind::kReject, .reason = outcome.reason()};
  if (kind == Outcome::Kind::kRetry) {
    return {.kind = HandlerResult::Kind::kRetry, .reason = outcome.reason(), .delay = outcome.delay()};
  }
  return {.kind = HandlerResult::Kind::kRetry, .reason = "the handler said Deferred() without Delivery::Defer()"};
}

absl::Status Deferral::Settle(const Outcome& outcome) {
  if (outcome.kind() == Outcome::Kind::kDeferred) {
    return absl::InvalidArgumentError("settle: Deferred() settles nothing; say Ack(), Retry() or Reject()");
  }
  MutexLock lock(mutex_);
  if (result_) {
    return absl::FailedPreconditionError("settle: the message was settled before, or has been handed back");
  }
  result_ = ToHandlerResult(outcome);
  FinishIfOver(lock);
  return absl::OkStatus();
}

void Deferral::End(HandlerResult result) {
  MutexLock lock(mutex_);
  if (result_) return;
  result_ = std::move(result);
  FinishIfOver(lock);
}

void Deferral::Returned() {
  MutexLock lock(mutex_);
  returned_ = true;
  FinishIfOver(lock);
}

void Deferral::TakeBack() {
  if (taken_back_ == TakenBack::kEnds) End({.kind = HandlerResult::Kind::kAbandoned});
}

void Deferral::FinishIfOver(MutexLock& lock) {
  if (!returned_ || !result_) return;
  HandlerResult result = *result_;
  lock.native().unlock();
  finish_(std::move(result));
}

}  // namespace eventbus
}  // namespace penstock
