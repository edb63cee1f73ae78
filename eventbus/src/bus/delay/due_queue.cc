// SPDX-License-Identifier: Apache-2.0
#include "bus/delay/due_queue.h"

#include <algorithm>

namespace penstock::eventbus {

bool DueQueue::Insert(Waiting waiting) {
  if (const auto known = by_subject_.find(waiting.subject); known != by_subject_.end()) {
    const std::uint64_t sequence = known->second.place.second;
    if (sequence == waiting.sequence && waiting.message && Fits(*waiting.message)) {
      Fill({waiting.subject, sequence}, std::move(waiting.message));
      return false;
    }
    if (sequence >= waiting.sequence) return false;
    Remove(Spot(known->second));
  }
  const Place place{waiting.due, waiting.sequence};
  if (waiting.message && !Fits(*waiting.message)) waiting.message.reset();
  if (waiting.message) {
    bytes_ += waiting.message->size_bytes();
  } else {
    unread_.insert(place);
  }
  by_subject_.insert_or_assign(waiting.subject, Spot{place, waiting.key});
  by_due_.emplace(place, std::move(waiting));
  return true;
}

bool DueQueue::Fits(const StoredMessage& message) const { return bytes_ + message.size_bytes() <= most_bytes_; }

void DueQueue::Erase(std::string_view subject, std::uint64_t sequence) {
  const auto known = by_subject_.find(std::string(subject));
  if (known != by_subject_.end() && known->second.place.second <= sequence) Remove(Spot(known->second));
}

void DueQueue::Clear() {
  by_due_.clear();
  unread_.clear();
  held_.clear();
  by_subject_.clear();
  retries_.clear();
  bytes_ = 0;
  absl::erase_if(lines_, [](const auto& line) { return !line.second.out; });
  for (auto& [key, line] : lines_) line.behind.clear();
}

std::optional<DueQueue::Waiting> DueQueue::TakeDue(Time now) {
  Resume(now);
  while (!by_due_.empty() && by_due_.begin()->first.first <= now) {
    const auto first = by_due_.begin();
    const auto line = lines_.find(first->second.key);
    if (line != lines_.end() && (line->second.out || line->second.failed)) {
      Hold(first, line->second);
      continue;
    }
    if (first->second.message == nullptr) return std::nullopt;
    bytes_ -= first->second.message->size_bytes();
    Waiting taken = std::move(first->second);
    lines_[taken.key].out = true;
    by_subject_.erase(taken.subject);
    by_due_.erase(first);
    return taken;
  }
  return std::nullopt;
}

void DueQueue::Hold(ByDue::iterator at, Line& line) {
  unread_.erase(at->first);
  held_.insert(at->first);
  line.behind.insert(by_due_.extract(at));
}

// The next one of the key comes forward, unless one is out or failed.
void DueQueue::Advance(std::uint64_t key) {
  const auto line = lines_.find(key);
  if (line == lines_.end() || line->second.out || line->second.failed) return;
  if (line->second.behind.empty()) return void(lines_.erase(line));
  auto next = line->second.behind.extract(line->second.behind.begin());
  held_.erase(next.key());
  if (next.mapped().message == nullptr) unread_.insert(next.key());
  by_due_.insert(std::move(next));
}

void DueQueue::Resume(Time now) {
  while (!retries_.empty() && retries_.begin()->first <= now) {
    const std::uint64_t key = retries_.begin()->second;
    retries_.erase(retries_.begin());
    lines_[key].failed = false;
    Advance(key);
  }
}

void DueQueue::Done(std::uint64_t key) {
  if (const auto line = lines_.find(key); line != lines_.end()) line->second.out = false;
  Advance(key);
}

void DueQueue::PutBack(Waiting failed, Time until) {
  if (by_subject_.contains(failed.subject)) return Done(failed.key);
  Line& line = lines_[failed.key];
  line.out = false;
  Retry(failed.key, line, until);
  const Place place{failed.due, failed.sequence};
  failed.message.reset();
  held_.insert(place);
  by_subject_.insert_or_assign(failed.subject, Spot{place, failed.key});
  line.behind.emplace(place, std::move(failed));
}

void DueQueue::Retry(std::uint64_t key, Line& line, Time until) {
  line.failed = true;
  retries_.insert({until, key});
}

std::optional<DueQueue::Unread> DueQueue::FirstUnread(Time horizon) const {
  if (unread_.empty() || unread_.begin()->first >= horizon) return std::nullopt;
  const bool next = *unread_.begin() == by_due_.begin()->first;
  if (bytes_ >= 2 * most_bytes_ && !next) return std::nullopt;
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

void DueQueue::PutOff(const Unread& unread, Time until) {
  const auto at = Find(unread);
  if (at == by_due_.end()) return;
  const std::uint64_t key = at->second.key;
  Line& line = lines_[key];
  Hold(at, line);
  if (!line.out && !line.failed) Retry(key, line, until);
}

std::optional<DueQueue::Time> DueQueue::NextLook() const {
  std::optional<Time> next;
  if (!by_due_.empty()) next = by_due_.begin()->first.first;
  if (!retries_.empty()) next = std::min(next.value_or(Time::max()), retries_.begin()->first);
  return next;
}

std::optional<DueQueue::Time> DueQueue::FirstDue() const {
  std::optional<Time> first;
  if (!by_due_.empty()) first = by_due_.begin()->first.first;
  if (!held_.empty()) first = std::min(first.value_or(Time::max()), held_.begin()->first);
  return first;
}

DueQueue::ByDue::iterator DueQueue::Find(const Unread& unread) {
  const auto known = by_subject_.find(unread.subject);
  if (known == by_subject_.end() || known->second.place.second != unread.sequence) return by_due_.end();
  return by_due_.find(known->second.place);
}

void DueQueue::Remove(const Spot& spot) {
  const bool behind = held_.erase(spot.place) > 0;
  ByDue& among = behind ? lines_.at(spot.key).behind : by_due_;
  const auto at = among.find(spot.place);
  if (at->second.message) bytes_ -= at->second.message->size_bytes();
  unread_.erase(spot.place);
  by_subject_.erase(at->second.subject);
  among.erase(at);
  Advance(spot.key);
}

}  // namespace penstock::eventbus
