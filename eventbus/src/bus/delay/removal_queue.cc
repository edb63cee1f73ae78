// SPDX-License-Identifier: Apache-2.0
#include "bus/delay/removal_queue.h"

#include <utility>

namespace penstock::eventbus {

void RemovalQueue::Add(std::uint64_t sequence, std::uint64_t epoch, std::string subject, bool look) {
  const bool look_first = look || (!items_.empty() && items_.front().look_first);
  items_.push_back({sequence, epoch, std::move(subject), look_first});
}

std::optional<RemovalQueue::Item> RemovalQueue::Take() {
  if (items_.empty()) return std::nullopt;
  Item next = std::move(items_.front());
  items_.pop_front();
  forgotten_ = false;
  return next;
}

void RemovalQueue::PutBack(Item item) {
  if (!forgotten_) items_.push_front(std::move(item));
  for (Item& each : items_) each.look_first = true;
}

void RemovalQueue::Forget() {
  items_.clear();
  forgotten_ = true;
  refused_ = false;
}

}  // namespace penstock::eventbus
