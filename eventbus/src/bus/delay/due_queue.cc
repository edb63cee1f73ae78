// SPDX-License-Identifier: Apache-2.0
#include "bus/delay/due_queue.h"

namespace penstock::eventbus {

bool DueQueue::Insert(std::string_view subject, std::uint64_t sequence, Time due,
                      std::unique_ptr<StoredMessage> message) {
  std::string key(subject);
  if (const auto known = by_subject_.find(key); known != by_subject_.end()) {
    const bool fills = known->second.second == sequence && message && Fits(*message);
    if (fills) Fill({key, sequence}, std::move(message));
    if (known->second.second >= sequence) return false;
    Remove(by_due_.find(known->second));
  }
  if (message && !Fits(*message)) message.reset();
  if (message) {
    bytes_ += message->size_bytes();
  } else {
    unread_.insert({due, sequence});
  }
  by_due_.emplace(Place{due, sequence}, Waiting{due, sequence, key, std::move(message)});
  by_subject_.insert_or_assign(std::move(key), Place{due, sequence});
  return true;
}

bool DueQueue::Fits(const StoredMessage& message) const { return bytes_ + message.size_bytes() <= most_bytes_; }

void DueQueue::Erase(std::string_view subject, std::uint64_t sequence) {
  const auto known = by_subject_.find(std::string(subject));
  if (known != by_subject_.end() && known->second.second <= sequence) Remove(by_due_.find(known->second));
}

void DueQueue::Clear() {
  by_due_.clear();
  unread_.clear();
  by_subject_.clear();
  bytes_ = 0;
}

std::optional<DueQueue::Waiting> DueQueue::TakeDue(Time now) {
  if (by_due_.empty()) return std::nullopt;
  const auto first = by_due_.begin();
  if (first->first.first > now || first->second.message == nullptr) return std::nullopt;
  bytes_ -= first->second.message->size_bytes();
  Waiting taken = std::move(first->second);
  by_subject_.erase(taken.subject);
  by_due_.erase(first);
  return taken;
}

std::optional<DueQueue::Unread> DueQueue::FirstUnread(Time horizon) const {
  if (unread_.empty() || unread_.begin()->first >= horizon) return std::nullopt;
  const Waiting& waiting = by_due_.at(*unread_.begin());
  return Unread{waiting.subject, waiting.sequence};
}

void DueQueue::Fill(const Unread& unread, std::unique_ptr<StoredMessage> message) {
  const auto at = Find(unread);
  if (at == by_due_.end() || at->second.message) return;
  bytes_ += message->size_bytes();
  unread_.erase(at->first);
  at->second.message = std::move(message);
}

void DueQueue::PutOff(const Unread& unread, Time due) {
  const auto at = Find(unread);
  if (at == by_due_.end()) return;
  Remove(at);
  Insert(unread.subject, unread.sequence, due, nullptr);
}

std::optional<DueQueue::Time> DueQueue::FirstDue() const {
  if (by_due_.empty()) return std::nullopt;
  return by_due_.begin()->first.first;
}

DueQueue::ByDue::iterator DueQueue::Find(const Unread& unread) {
  const auto known = by_subject_.find(unread.subject);
  if (known == by_subject_.end() || known->second.second != unread.sequence) return by_due_.end();
  return by_due_.find(known->second);
}

void DueQueue::Remove(ByDue::iterator at) {
  if (at->second.message) bytes_ -= at->second.message->size_bytes();
  unread_.erase(at->first);
  by_subject_.erase(at->second.subject);
  by_due_.erase(at);
}

}  // namespace penstock::eventbus
