// SPDX-License-Identifier: Apache-2.0
// How the turns of a subscription's messages are taken, its own and those that others leave to it.
#include <chrono>
#include <vector>

#include "bus/subscribe/subscription.h"
#include "penstock/actorpool/internal/deadline.h"

namespace penstock::eventbus {

void Subscription::RunActions(absl::FunctionRef<void(TimePoint, Actions&)> event) {
  RunOwnActions(event);
  if (spec_.by_priority) context_.slots.GiveTurns();
}

// In a loop: room for one message more may be taken by one whose inbox is full, too.
void Subscription::RunOwnActions(absl::FunctionRef<void(TimePoint, Actions&)> event) {
  std::vector<InFlightMessage*> refused = RunOnce(event);
  while (!refused.empty()) {
    refused = RunOnce([&](TimePoint now, Actions& more) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      for (InFlightMessage* item : refused) flow_.Refused(*item, now, more);
    });
  }
}

void Subscription::TakeTurn() {
  RunOwnActions([&](TimePoint now, Actions& actions)
                    ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { flow_.TakeTurn(now, actions); });
  calls_.fetch_sub(1, std::memory_order_release);  // the last touch
}

// It is not over before `Returned`.
void Subscription::LeaveWorker(InFlightMessage& item) {
  RunActions([&](TimePoint now, Actions& actions)
                 ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { flow_.LeftWorker(item, now, actions); });
}

std::size_t Subscription::Ready() const {
  MutexLock lock(mutex_);
  return flow_.ready();
}

// Also of a subscription whose messages do not begin by priority: it may share the actor with one whose do.
void Subscription::ActorPauses(std::size_t actor, std::chrono::nanoseconds pause) {
  context_.slots.Pause(actor, DeadlineAfter(pause));
  context_.slots.GiveTurns();
}

}  // namespace penstock::eventbus
