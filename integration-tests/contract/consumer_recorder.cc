// SPDX-License-Identifier: Apache-2.0
#include "contract/consumer_recorder.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace penstock::eventbus::contract {
namespace {

template <typename Field>
auto Column(const std::vector<Arrival>& arrivals, Field Arrival::*field) {
  std::vector<Field> column;
  column.reserve(arrivals.size());
  std::transform(arrivals.begin(), arrivals.end(), std::back_inserter(column),
                 [field](const Arrival& arrival) { return arrival.*field; });
  return column;
}

}  // namespace

ConsumerEvents ConsumerRecorder::Events(std::function<void(const StoredMessage&)> each) {
  return {.on_messages =
              [this, each = std::move(each)](std::vector<std::unique_ptr<StoredMessage>> messages) {
                for (const auto& message : messages) {
                  if (each) each(*message);
                }
                Add(std::move(messages));
              },
          .on_stream_recreated = {},
          .on_ack_state_recovered =
              [this](std::uint64_t first, std::uint64_t last) {
                if (first == 1) recovered_ = last;
              },
          .on_settled_elsewhere = [this](std::uint64_t last) { settled_elsewhere_ = last; },
          .on_closed = {}};
}

void ConsumerRecorder::Add(std::vector<std::unique_ptr<StoredMessage>> messages) {
  {
    MutexLock lock(mutex_);
    for (auto& message : messages) {
      arrivals_.push_back({.sequence = message->stream_sequence(),
                           .delivery_count = message->delivery_count(),
                           .fence = message->fence(),
                           .body = std::string(message->payload()),
                           .at = std::chrono::steady_clock::now()});
      messages_.push_back(std::move(message));
    }
    changed_.NotifyAll();
  }
  AckNew();
}

void ConsumerRecorder::AckFor(Consumer& consumer) {
  {
    MutexLock lock(mutex_);
    acking_ = &consumer;
  }
  AckNew();
}

void ConsumerRecorder::AckNew() {
  Consumer* consumer = nullptr;
  std::vector<const StoredMessage*> fresh;
  {
    MutexLock lock(mutex_);
    if (acking_ == nullptr) return;
    consumer = acking_;
    for (; acked_ < messages_.size(); ++acked_) fresh.push_back(messages_[acked_].get());
  }
  for (const StoredMessage* message : fresh) {
    // An ack that is lost shows as a redelivery, which the tests would see.
    consumer->Acknowledge(*message, AckType::kAck).IgnoreError();
  }
  if (!fresh.empty()) consumer->AddCredit(fresh.size());
}

bool ConsumerRecorder::Reach(std::size_t count) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(mutex_);
  while (arrivals_.size() < count) {
    if (!changed_.WaitUntil(lock, deadline)) return arrivals_.size() >= count;
  }
  return true;
}

std::vector<Arrival> ConsumerRecorder::arrivals() const {
  MutexLock lock(mutex_);
  return arrivals_;
}

std::vector<std::uint64_t> ConsumerRecorder::Sequences() const { return Column(arrivals(), &Arrival::sequence); }

std::vector<std::uint64_t> ConsumerRecorder::DeliveryCounts() const {
  return Column(arrivals(), &Arrival::delivery_count);
}

std::vector<std::uint64_t> ConsumerRecorder::Fences() const { return Column(arrivals(), &Arrival::fence); }

std::vector<std::string> ConsumerRecorder::Bodies() const { return Column(arrivals(), &Arrival::body); }

absl::Status ConsumerRecorder::Acknowledge(Consumer& consumer, std::size_t index, AckType type) {
  const StoredMessage* message = nullptr;
  {
    MutexLock lock(mutex_);
    message = messages_.at(index).get();
  }
  return consumer.Acknowledge(*message, type);
}

absl::Status ConsumerRecorder::Answer(Consumer& consumer, std::size_t index, AckType type) {
  absl::Status status = Acknowledge(consumer, index, type);
  if (type != AckType::kInProgress) consumer.AddCredit(1);
  return status;
}

}  // namespace penstock::eventbus::contract
