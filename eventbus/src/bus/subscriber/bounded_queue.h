// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "message/stored_message.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus {

/// Messages of one subscriber and topic that wait for it, oldest first, and what becomes of them when there are too
/// many. Pure. Thread-confined (to its owner's lock).
class BoundedQueue {
 public:
  /// `WhenFull::kBlock` bounds nothing here: the credit of the consumer does.
  BoundedQueue(std::size_t capacity, WhenFull when_full) : capacity_(capacity), when_full_(when_full) {}

  void Push(std::unique_ptr<StoredMessage> message);
  /// Null when there is none.
  std::unique_ptr<StoredMessage> Pop();
  /// Drops everything; returns how many that were. They are not counted.
  std::size_t Clear() { return std::exchange(messages_, {}).size(); }

  std::size_t size() const { return messages_.size(); }
  bool empty() const { return messages_.empty(); }
  std::size_t capacity() const { return capacity_; }
  /// Messages that found it full, or were dropped for those.
  std::uint64_t dropped() const { return dropped_; }
  /// It was full once, with `WhenFull::kDisconnect`: nothing is taken any more.
  bool disconnected() const { return disconnected_; }
  /// Whether it has begun to drop since the last call: once until it was down to half of its capacity.
  bool TakeNews() { return std::exchange(news_, false); }

 private:
  const std::size_t capacity_;
  const WhenFull when_full_;
  std::deque<std::unique_ptr<StoredMessage>> messages_;
  std::uint64_t dropped_ = 0;
  bool overflows_ = false;
  bool news_ = false;
  bool disconnected_ = false;
};

}  // namespace penstock::eventbus
