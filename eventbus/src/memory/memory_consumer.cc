// SPDX-License-Identifier: Apache-2.0
#include "memory/memory_consumer.h"

#include <algorithm>

#include "penstock/actorpool/internal/deadline.h"

namespace penstock::eventbus::memory {
namespace {

// Looking through everything unsettled costs time; deadlines that lie close together are served by one look.
constexpr std::chrono::milliseconds kOverdueGap{10};

}  // namespace

MemoryConsumer::MemoryConsumer(ConsumerSpec spec, std::uint64_t after) : spec_(std::move(spec)), position_(after) {}

void MemoryConsumer::Adjust(std::chrono::milliseconds ack_wait, std::size_t max_in_flight) {
  spec_.ack_wait = ack_wait;
  spec_.max_in_flight = max_in_flight;
}

std::size_t MemoryConsumer::Room() const {
  if (!acknowledges()) return SIZE_MAX;
  return spec_.max_in_flight - std::min(spec_.max_in_flight, outstanding_.size());
}

std::size_t MemoryConsumer::Available(const MemoryStream& stream) const {
  const std::uint64_t fresh = stream.CountAfter(spec_.filter_subject, position_);
  return again_.size() + static_cast<std::size_t>(std::min<std::uint64_t>(fresh, Room()));
}

std::vector<Taken> MemoryConsumer::Take(const MemoryStream& stream, std::size_t limit, TimePoint now) {
  std::vector<Taken> taken;
  TakeAgain(stream, limit, now, taken);
  TakeNew(stream, limit, now, taken);
  return taken;
}

void MemoryConsumer::TakeAgain(const MemoryStream& stream, std::size_t limit, TimePoint now,
                               std::vector<Taken>& taken) {
  if (again_.empty()) return;
  const std::uint64_t pending = stream.CountAfter(spec_.filter_subject, position_);
  while (taken.size() < limit && !again_.empty()) {
    const auto found = outstanding_.find(again_.front());
    again_.pop_front();
    if (found == outstanding_.end()) continue;
    auto record = stream.Find(found->first);
    if (record == nullptr) {
      outstanding_.erase(found);
      continue;
    }
    OutstandingDeliveries& message = found->second;
    message = {.whereabouts = Whereabouts::kOut, .due = AckDeadline(now), .deliveries = message.deliveries + 1};
    taken.push_back({.record = std::move(record), .delivery_count = message.deliveries, .pending = pending});
  }
}

void MemoryConsumer::TakeNew(const MemoryStream& stream, std::size_t limit, TimePoint now, std::vector<Taken>& taken) {
  const std::size_t count = std::min(limit - taken.size(), Room());
  if (count == 0) return;
  std::uint64_t pending = stream.CountAfter(spec_.filter_subject, position_);
  for (std::size_t i = 0; i < count; ++i) {
    auto record = stream.NextAfter(spec_.filter_subject, position_);
    position_ = record == nullptr ? std::max(position_, stream.last_sequence()) : record->sequence;
    if (record == nullptr) return;
    if (acknowledges()) {
      outstanding_.emplace_hint(
          outstanding_.end(), position_,
          OutstandingDeliveries{.whereabouts = Whereabouts::kOut, .due = AckDeadline(now), .deliveries = 1});
    }
    taken.push_back({.record = std::move(record), .delivery_count = 1, .pending = --pending});
  }
}

TimePoint MemoryConsumer::AckDeadline(TimePoint now) {
  const TimePoint due = LaterBy(now, spec_.ack_wait);
  next_overdue_ = std::min(next_overdue_, due);
  return due;
}

void MemoryConsumer::Acknowledge(std::uint64_t sequence, AckType type, TimePoint now) {
  const auto found = outstanding_.find(sequence);
  if (found == outstanding_.end()) return;
  OutstandingDeliveries& message = found->second;
  const bool out = message.whereabouts == Whereabouts::kOut;
  if (out && type == AckType::kNak) Queue(sequence, message);
  if (out && type == AckType::kInProgress) message.due = AckDeadline(now);
  if (type == AckType::kAck || type == AckType::kTerm) outstanding_.erase(found);
}

void MemoryConsumer::Queue(std::uint64_t sequence, OutstandingDeliveries& message) {
  message.whereabouts = Whereabouts::kQueued;
  again_.push_back(sequence);
}

void MemoryConsumer::RequeueAll() {
  again_.clear();
  for (auto& [sequence, message] : outstanding_) Queue(sequence, message);
}

void MemoryConsumer::WakeDue(TimePoint now) {
  if (next_overdue_ > now) return;
  next_overdue_ = TimePoint::max();
  for (auto& [sequence, message] : outstanding_) {
    if (message.whereabouts != Whereabouts::kOut) continue;
    if (message.due <= now) {
      Queue(sequence, message);
    } else {
      next_overdue_ = std::min(next_overdue_, std::max(message.due, now + kOverdueGap));
    }
  }
}

}  // namespace penstock::eventbus::memory
