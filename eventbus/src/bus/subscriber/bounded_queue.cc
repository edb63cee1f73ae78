// SPDX-License-Identifier: Apache-2.0
#include "bus/subscriber/bounded_queue.h"

namespace penstock::eventbus {

void BoundedQueue::Push(std::unique_ptr<StoredMessage> message) {
  const bool full = messages_.size() >= capacity_ && when_full_ != WhenFull::kBlock;
  if (!full && !disconnected_) return messages_.push_back(std::move(message));
  ++dropped_;
  news_ = news_ || !std::exchange(overflows_, true);
  if (when_full_ == WhenFull::kDisconnect) disconnected_ = true;
  if (when_full_ != WhenFull::kDropOldest) return;
  messages_.pop_front();
  messages_.push_back(std::move(message));
}

std::unique_ptr<StoredMessage> BoundedQueue::Pop() {
  if (messages_.empty()) return nullptr;
  std::unique_ptr<StoredMessage> next = std::move(messages_.front());
  messages_.pop_front();
  if (messages_.size() <= capacity_ / 2) overflows_ = false;
  return next;
}

}  // namespace penstock::eventbus
