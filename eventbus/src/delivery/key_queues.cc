// SPDX-License-Identifier: Apache-2.0
#include "delivery/key_queues.h"

namespace penstock::eventbus {
namespace {

constexpr std::size_t kMany = 8;

void Await(InFlightMessage& first, std::size_t waiting) {
  first.urgent.store(waiting >= kMany, std::memory_order_relaxed);
}

}  // namespace

// Almost always at the end: only a redelivery comes out of order.
bool KeyQueues::Enqueue(InFlightMessage& item) {
  Queue& queue = queues_[item.key_hash];
  if (queue.first == nullptr) {
    queue.first = &item;
    return true;
  }
  if (++queue.waiting == kMany) Await(*queue.first, queue.waiting);
  if (queue.last == nullptr || queue.last->sequence < item.sequence) {
    (queue.last == nullptr ? queue.next : queue.last->next_of_key) = &item;
    queue.last = &item;
    return false;
  }
  InFlightMessage** link = &queue.next;
  while ((*link)->sequence < item.sequence) link = &(*link)->next_of_key;
  item.next_of_key = *link;
  *link = &item;
  return false;
}

std::size_t KeyQueues::QueuedBehind(const InFlightMessage& first) const {
  auto queue = queues_.find(first.key_hash);
  return queue == queues_.end() ? 0 : queue->second.waiting;
}

void KeyQueues::ForEachBehind(const InFlightMessage& first, absl::FunctionRef<void(InFlightMessage&)> visit) const {
  const auto queue = queues_.find(first.key_hash);
  if (queue == queues_.end()) return;
  for (InFlightMessage* item = queue->second.next; item != nullptr; item = item->next_of_key) visit(*item);
}

InFlightMessage* KeyQueues::Dequeue(const InFlightMessage& first) {
  auto queue = queues_.find(first.key_hash);
  InFlightMessage* const next = queue->second.next;
  if (next == nullptr) {
    queues_.erase(queue);
    return nullptr;
  }
  queue->second.first = next;
  --queue->second.waiting;
  queue->second.next = next->next_of_key;
  if (queue->second.next == nullptr) queue->second.last = nullptr;
  next->next_of_key = nullptr;
  Await(*next, queue->second.waiting);
  return next;
}

}  // namespace penstock::eventbus
