// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/ack_floor_tracker.h"

#include <algorithm>
#include <utility>

namespace penstock::eventbus::jetstream {

void AckFloorTracker::Restart() {
  MutexLock lock(mutex_);
  deliveries_.clear();
  marks_.clear();
  settled_up_to_ = unacknowledged_ = unmarked_ = 0;
}

void AckFloorTracker::Arrived(const std::vector<std::unique_ptr<StoredMessage>>& messages) {
  MutexLock lock(mutex_);
  const StoredMessage* last = nullptr;
  for (const auto& message : messages) {
    if (!Open(message->stream_sequence())) continue;
    last = message.get();
    if (++unmarked_ >= kMarkEvery) SetMark(*last);
  }
  if (last != nullptr && unmarked_ > 0) SetMark(*last);
}

// Sequences of a stream for one topic alone have no gaps.
std::deque<AckFloorTracker::Delivery>::iterator AckFloorTracker::Find(std::uint64_t sequence) {
  if (!deliveries_.empty() && sequence >= deliveries_.front().sequence) {
    const std::uint64_t place = sequence - deliveries_.front().sequence;
    if (place < deliveries_.size() && deliveries_[place].sequence == sequence)
      return deliveries_.begin() + static_cast<std::ptrdiff_t>(place);
  }
  return std::ranges::lower_bound(deliveries_, sequence, {}, &Delivery::sequence);
}

// Whether it came for the first time.
bool AckFloorTracker::Open(std::uint64_t sequence) {
  if (sequence <= settled_up_to_) return false;
  if (deliveries_.empty() || sequence > deliveries_.back().sequence) {
    deliveries_.push_back({sequence, false});
    return true;
  }
  const auto found = Find(sequence);
  if (found->sequence != sequence) deliveries_.insert(found, {sequence, false});
  return false;
}

void AckFloorTracker::SetMark(const StoredMessage& message) {
  unmarked_ = 0;
  marks_.push_back({message.stream_sequence(), std::string(message.ack_token())});
}

std::optional<std::string> AckFloorTracker::Settled(std::span<const std::uint64_t> sequences, std::size_t enough) {
  MutexLock lock(mutex_);
  for (const std::uint64_t sequence : sequences) {
    const auto found = Find(sequence);
    if (found != deliveries_.end() && found->sequence == sequence) found->settled = true;
  }
  while (!deliveries_.empty() && deliveries_.front().settled) {
    settled_up_to_ = deliveries_.front().sequence;
    deliveries_.pop_front();
    ++unacknowledged_;
  }
  return unacknowledged_ >= enough ? TakeMark() : std::nullopt;
}

std::optional<std::string> AckFloorTracker::Due() {
  MutexLock lock(mutex_);
  return TakeMark();
}

// The last mark that does not take in what is unsettled.
std::optional<std::string> AckFloorTracker::TakeMark() {
  std::optional<std::string> subject;
  while (!marks_.empty() && marks_.front().sequence <= settled_up_to_) {
    subject = std::move(marks_.front().subject);
    marks_.pop_front();
  }
  if (subject) unacknowledged_ = 0;
  return subject;
}

}  // namespace penstock::eventbus::jetstream
