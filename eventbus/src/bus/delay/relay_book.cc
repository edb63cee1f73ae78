// SPDX-License-Identifier: Apache-2.0
#include "bus/delay/relay_book.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace penstock::eventbus {
namespace {

constexpr std::size_t kMostOut = 65'536;
constexpr std::size_t kMostRemoved = 65'536;
constexpr int kMostMarks = 3;
constexpr std::chrono::milliseconds kReadAhead{500};

}  // namespace

// Those that wait already come a second time as arrivals if no owner ever had them. What has no room in memory is read
// shortly before it is due, so that what is called off meanwhile is noticed.
RelayBook::Step RelayBook::Next(Time now) {
  if (out_.size() >= kMostOut || unacknowledged_ >= limits_.most_unacknowledged) return {};
  if (phase_ == Phase::kMarking) return {};
  if (phase_ == Phase::kMarked) return {.kind = Step::Kind::kLoad};
  if (phase_ == Phase::kUnmarked) {
    phase_ = Phase::kMarking;
    return {.kind = Step::Kind::kMark};
  }
  if (auto waiting = queue_.TakeDue(now)) {
    const std::uint64_t sequence = waiting->sequence;
    out_.insert_or_assign(sequence, *std::move(waiting));
    return {.kind = Step::Kind::kPublish, .sequence = sequence};
  }
  auto unread = queue_.FirstUnread(now + kReadAhead);
  if (!unread) return {};
  return {.kind = Step::Kind::kRead, .unread = *std::move(unread)};
}

RelayBook::Noted RelayBook::Note(std::uint64_t sequence, std::string subject, const DelayedFacts& facts,
                                 std::unique_ptr<StoredMessage> message) {
  if (out_.contains(sequence) || removed_.contains(sequence)) return Noted::kKnown;
  if (facts.mark) return NoteMark(sequence);
  if (facts.due) {
    // A replica that lags may tell what was called off since: that is read before it is published.
    if (!loaded() || sequence < mark_) message.reset();
    queue_.Insert({*facts.due, sequence, std::move(subject), facts.key, std::move(message)});
    return Noted::kWaits;
  }
  if (!facts.called_off) return Noted::kForeign;
  queue_.Erase(subject, sequence);
  return Noted::kRemove;
}

// One that is stored late is of a relay that is not the owner any more.
RelayBook::Noted RelayBook::NoteMark(std::uint64_t sequence) {
  last_mark_ = std::max(last_mark_, sequence);
  return loaded() && sequence != mark_ ? Noted::kRemove : Noted::kKnown;
}

void RelayBook::Marked(std::uint64_t beginning, std::uint64_t sequence) {
  if (beginning != beginning_) return;
  phase_ = Phase::kMarked;
  mark_ = sequence;
}

bool RelayBook::NotMarked(std::uint64_t beginning) {
  if (beginning != beginning_) return true;
  phase_ = Phase::kUnmarked;
  return ++marks_failed_ < kMostMarks;
}

bool RelayBook::Loaded(std::uint64_t last_read) {
  phase_ = last_read >= mark_ ? Phase::kLoaded : Phase::kUnmarked;
  mark_ = std::max(mark_, last_mark_);
  return loaded();
}

void RelayBook::BeginAnew() {
  queue_.Clear();
  ++beginning_;
  phase_ = Phase::kUnmarked;
  last_mark_ = 0;
  marks_failed_ = 0;
}

// What was published of it is neither to be removed, nor to hide messages of the next one.
void RelayBook::ForgetStream() {
  ++epoch_;
  out_.clear();
  removed_.clear();
}

const DueQueue::Waiting* RelayBook::Out(std::uint64_t sequence) const {
  const auto item = out_.find(sequence);
  return item == out_.end() ? nullptr : &item->second;
}

RelayBook::Ticket RelayBook::TicketOf(std::uint64_t sequence) const {
  return {.sequence = sequence, .key = out_.at(sequence).key, .epoch = epoch_};
}

const DueQueue::Waiting* RelayBook::Answered(const Ticket& ticket) {
  --unacknowledged_;
  const DueQueue::Waiting* const out = ticket.epoch == epoch_ ? Out(ticket.sequence) : nullptr;
  if (out == nullptr) queue_.Done(ticket.key);
  return out;
}

void RelayBook::Stored(std::uint64_t sequence) {
  DueQueue::Waiting& stored = out_.at(sequence);
  stored.message.reset();
  queue_.Done(stored.key);
}

void RelayBook::PutBack(std::uint64_t sequence, Time until) {
  const auto item = out_.find(sequence);
  if (item == out_.end()) return;
  queue_.PutBack(std::move(item->second), until);
  out_.erase(item);
}

// Of an earlier stream: the sequence is another message's now.
void RelayBook::Removed(std::uint64_t sequence, std::uint64_t epoch) {
  if (epoch != epoch_) return;
  out_.erase(sequence);
  removed_.insert(sequence);
  if (removed_.size() > kMostRemoved) removed_.erase(removed_.begin());
}

}  // namespace penstock::eventbus
