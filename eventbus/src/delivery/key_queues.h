// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// One queue for each key: the messages of a key wait for each other, by stream sequence. Refers to messages by
/// address. Queues are kept by key hash: keys of equal hash merely share one. Nothing bounds the queue of one key; the
/// bound of all of the subscription's messages is in flow/flow_control_window.h. Thread-confined to its state machine.
class KeyQueues {
 public:
  /// Adds a message to its key's queue. True if the queue was empty: then it is this message's turn.
  bool Enqueue(InFlightMessage& item);

  /// Removes the message whose turn it is. Returns the next one, whose turn it is then; null if there is none.
  InFlightMessage* Dequeue(const InFlightMessage& first);

  /// The message whose turn it is. Of a key that has a queue.
  InFlightMessage& First(std::uint64_t key_hash) const { return *queues_.at(key_hash).first; }

  /// Visits the messages that wait behind the one whose turn it is, in their order.
  void ForEachBehind(const InFlightMessage& first, absl::FunctionRef<void(InFlightMessage&)> visit) const;

  /// How many messages wait behind the one whose turn it is.
  std::size_t QueuedBehind(const InFlightMessage& first) const;

  /// Makes it the message's turn in an empty queue.
  void Block(InFlightMessage& item) { queues_[item.key_hash].first = &item; }

  void Clear() { queues_.clear(); }

 private:
  struct Queue {
    InFlightMessage* first = nullptr;
    InFlightMessage* next = nullptr;  // the one after `first`
    InFlightMessage* last = nullptr;
    std::size_t waiting = 0;  // from `next` to `last`
  };

  absl::flat_hash_map<std::uint64_t, Queue> queues_;
};

}  // namespace penstock::eventbus
