// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// The lines in which messages of one key wait for each other, by stream sequence. Knows items by address only.
/// Lines are kept by key hash: keys of equal hash merely share one. Thread-confined to its flow.
class KeyQueues {
 public:
  /// Joins the queue of its key. True when nobody is in it: then it is `item`'s turn.
  bool Enqueue(InFlightMessage& item);

  /// The one whose turn it is leaves. The next one, whose turn it is then; null when there is none.
  InFlightMessage* Dequeue(const InFlightMessage& first);

  /// How many wait behind the one whose turn it is.
  std::size_t QueuedBehind(const InFlightMessage& first) const;

  /// Makes it `item`'s turn in an empty queue.
  void Block(InFlightMessage& item) { queues_[item.key_hash].first = &item; }

  void Clear() { queues_.clear(); }
  std::size_t size() const { return queues_.size(); }

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
