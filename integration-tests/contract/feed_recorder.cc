// SPDX-License-Identifier: Apache-2.0
#include "contract/feed_recorder.h"

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

FeedEvents FeedRecorder::Events(std::function<void(const StoredMessage&)> each) {
  return {.arrived =
              [this, each = std::move(each)](std::vector<std::unique_ptr<StoredMessage>> messages) {
                for (const auto& message : messages) {
                  if (each) each(*message);
                }
                Add(std::move(messages));
              },
          .new_epoch = {},
          .lost = {}};
}

void FeedRecorder::Add(std::vector<std::unique_ptr<StoredMessage>> messages) {
  {
    MutexLock lock(mutex_);
    for (auto& message : messages) {
      arrivals_.push_back({.sequence = message->stream_sequence(),
                           .delivery_count = message->delivery_count(),
                           .body = std::string(message->payload()),
                           .at = std::chrono::steady_clock::now()});
      messages_.push_back(std::move(message));
    }
    changed_.NotifyAll();
  }
  AckNew();
}

void FeedRecorder::AckFor(Feed& feed) {
  {
    MutexLock lock(mutex_);
    acking_ = &feed;
  }
  AckNew();
}

void FeedRecorder::AckNew() {
  Feed* feed = nullptr;
  std::vector<const StoredMessage*> fresh;
  {
    MutexLock lock(mutex_);
    if (acking_ == nullptr) return;
    feed = acking_;
    for (; acked_ < messages_.size(); ++acked_) fresh.push_back(messages_[acked_].get());
  }
  for (const StoredMessage* message : fresh) {
    // An ack that is lost shows as a redelivery, which the tests would see.
    feed->Settle(*message, Verb::kAck).IgnoreError();
  }
  if (!fresh.empty()) feed->Grant(fresh.size());
}

bool FeedRecorder::Reach(std::size_t count) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(mutex_);
  while (arrivals_.size() < count) {
    if (!changed_.WaitUntil(lock, deadline)) return arrivals_.size() >= count;
  }
  return true;
}

std::vector<Arrival> FeedRecorder::arrivals() const {
  MutexLock lock(mutex_);
  return arrivals_;
}

std::vector<std::uint64_t> FeedRecorder::Sequences() const { return Column(arrivals(), &Arrival::sequence); }

std::vector<std::uint64_t> FeedRecorder::DeliveryCounts() const { return Column(arrivals(), &Arrival::delivery_count); }

std::vector<std::string> FeedRecorder::Bodies() const { return Column(arrivals(), &Arrival::body); }

absl::Status FeedRecorder::Settle(Feed& feed, std::size_t index, Verb verb) {
  const StoredMessage* message = nullptr;
  {
    MutexLock lock(mutex_);
    message = messages_.at(index).get();
  }
  return feed.Settle(*message, verb);
}

absl::Status FeedRecorder::Answer(Feed& feed, std::size_t index, Verb verb) {
  absl::Status status = Settle(feed, index, verb);
  if (verb != Verb::kInProgress) feed.Grant(1);
  return status;
}

}  // namespace penstock::eventbus::contract
