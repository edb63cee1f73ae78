// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// Items that left their handlers, on their way to the flow. Any thread adds; one of those that do takes what all of
/// them added, so that a lock is taken once for many, and nobody waits for it but that one.
///
/// **Thread safety:** thread-safe. **Ownership:** none. **Ordering:** items are taken in the order they were added.
class CompletionQueue {
 public:
  void Add(InFlightMessage& item) {
    InFlightMessage* head = head_.load(std::memory_order_relaxed);
    do {
      item.next_completed = head;
    } while (!head_.compare_exchange_weak(head, &item, std::memory_order_seq_cst, std::memory_order_relaxed));
  }

  /// Whether the caller is to take what there is. To be asked after every `Add`, and again after `ReleaseConsumer`,
  /// until it is false: then somebody else will.
  bool TryAcquireConsumer() { return !empty() && BecomeConsumer(); }

  /// Makes the caller the one to take, though there may be nothing yet: the others leave theirs to it until
  /// `ReleaseConsumer`. False when another is.
  bool BecomeConsumer() { return !has_consumer_.exchange(true, std::memory_order_seq_cst); }

  bool empty() const { return head_.load(std::memory_order_seq_cst) == nullptr; }

  /// Everything added so far, linked by `next_completed`. Who cannot wait for the one to take may call it too, under a
  /// lock that both hold from here until they are done with the items: it keeps the order.
  InFlightMessage* Take() {
    InFlightMessage* newest = head_.exchange(nullptr, std::memory_order_acquire);
    InFlightMessage* oldest = nullptr;
    while (newest != nullptr) {
      InFlightMessage* const before = newest->next_completed;
      newest->next_completed = oldest;
      oldest = newest;
      newest = before;
    }
    return oldest;
  }

  void ReleaseConsumer() { has_consumer_.store(false, std::memory_order_seq_cst); }

 private:
  // Sequentially consistent, both: who adds and then sees somebody take is seen by that one when it looks again.
  std::atomic<InFlightMessage*> head_{nullptr};
  std::atomic<bool> has_consumer_{false};
};

}  // namespace penstock::eventbus
