// SPDX-License-Identifier: Apache-2.0
#include "jetstream/publish/key_gate.h"

#include <algorithm>
#include <iterator>

namespace penstock::eventbus::jetstream {

bool KeyGate::Enter(std::uint64_t key, std::uint64_t index) {
  const auto [queue, is_new] = queues_.try_emplace(key);
  if (is_new) {
    queue->second.first = index;
    return true;
  }
  // Most keys never have a second one, and an empty deque costs an allocation.
  if (queue->second.behind == nullptr) queue->second.behind = std::make_unique<std::deque<std::uint64_t>>();
  queue->second.behind->push_back(index);
  return false;
}

std::uint64_t KeyGate::Leave(std::uint64_t key, std::uint64_t index) {
  const auto queue = queues_.find(key);
  if (queue == queues_.end()) return 0;
  auto& [first, behind] = queue->second;
  if (first != index) {
    if (behind != nullptr) std::erase(*behind, index);
    return 0;
  }
  if (behind == nullptr || behind->empty()) {
    queues_.erase(queue);
    return 0;
  }
  first = behind->front();
  behind->pop_front();
  return first;
}

std::vector<std::uint64_t> KeyGate::Drop(std::uint64_t key, std::uint64_t index) {
  const auto queue = queues_.find(key);
  if (queue == queues_.end()) return {};
  auto& [first, behind] = queue->second;
  std::vector<std::uint64_t> dropped;
  if (behind != nullptr) {
    const auto self = std::ranges::find(*behind, index);
    const auto next = first == index ? behind->begin() : self == behind->end() ? self : std::next(self);
    dropped.assign(next, behind->end());
    behind->erase(first == index ? next : self, behind->end());
  }
  if (first == index) queues_.erase(queue);
  return dropped;
}

}  // namespace penstock::eventbus::jetstream
