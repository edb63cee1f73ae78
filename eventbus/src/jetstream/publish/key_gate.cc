// SPDX-License-Identifier: Apache-2.0
#include "jetstream/publish/key_gate.h"

#include <algorithm>

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
  ++waiting_;
  return false;
}

std::uint64_t KeyGate::Leave(std::uint64_t key, std::uint64_t index) {
  const auto queue = queues_.find(key);
  if (queue == queues_.end()) return 0;
  auto& [first, behind] = queue->second;
  if (first != index) {
    if (behind != nullptr) waiting_ -= std::erase(*behind, index);
    return 0;
  }
  if (behind == nullptr || behind->empty()) {
    queues_.erase(queue);
    return 0;
  }
  first = behind->front();
  behind->pop_front();
  --waiting_;
  return first;
}

}  // namespace penstock::eventbus::jetstream
