// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// Messages that left their handlers, on their way to the state machine. A lock-free queue of many producers: one of
/// them at a time becomes the consumer and drains it for all, so that the state machine's lock is taken once for many
/// messages, and only the consumer waits for it.
///
/// **Thread safety:** thread-safe. **Ownership:** none. **Ordering:** messages are taken in the order they were added.
class CompletionQueue {
 public:
  void Add(InFlightMessage& item) {
    InFlightMessage* head = head_.load(std::memory_order_relaxed);
    do {
      item.next_completed = head;
    } while (!head_.compare_exchange_weak(head, &item, std::memory_order_seq_cst, std::memory_order_relaxed));
  }

  /// True if the caller is to drain the queue now. To be called after every `Add`, and again after `ReleaseConsumer`,
  /// until it is false: then another thread will.
  bool TryAcquireConsumer() { return !empty() && BecomeConsumer(); }

  /// Makes the caller the consumer, even if the queue is empty: until `ReleaseConsumer` the other threads leave their
  /// messages to it. False if another thread is the consumer.
  bool BecomeConsumer() { return !has_consumer_.exchange(true, std::memory_order_seq_cst); }

  bool empty() const { return head_.load(std::memory_order_seq_cst) == nullptr; }

  /// All messages added so far, linked by `next_completed`. A thread that cannot wait for the consumer may call it too,
  /// under a lock that both hold from here until they are done with the messages: it keeps the order.
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
