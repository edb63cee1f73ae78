// SPDX-License-Identifier: Apache-2.0
// What a subscription tells of itself.
#include <algorithm>
#include <chrono>

#include "bus/subscribe/subscription.h"

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;

milliseconds Since(TimePoint begin, TimePoint now) {
  return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(now - begin));
}

}  // namespace

SubscriptionStats Subscription::Stats() const {
  SubscriptionStats stats;
  bool open = false;
  {
    MutexLock lock(mutex_);
    stats = flow_.Stats();
    AddQueueStats(stats);
    open = open_;
  }
  stats.reading_letters = !quarantine_known_.load(std::memory_order_relaxed);
  stats.id = spec_.shown_id();
  stats.topic = spec_.topic;
  stats.pattern = spec_.pattern;
  stats.durable = spec_.consumer_spec.consumer;
  if (!open) return stats;
  const ConsumerStats consumer = consumer_->Stats();
  stats.resubscribes = consumer.resubscribes;
  stats.answers_refused = consumer.answers_refused;
  const bool lost = lost_.load(std::memory_order_relaxed);
  stats.active = consumer.active && !lost;
  stats.standing_by = consumer.standing_by && !lost;
  return stats;
}

void Subscription::AddQueueStats(SubscriptionStats& stats) const {
  stats.disconnects = waiting_.disconnected() ? 1 : 0;
  stats.dropped = waiting_.dropped() + (waiting_.disconnected() ? given_up_ : 0);
  stats.received += waiting_.dropped() + waiting_.size() + given_up_;
  stats.in_flight += waiting_.size();
}

SubscriptionLiveness Subscription::Liveness() const {
  SubscriptionLiveness told{.topic = spec_.topic, .durable = spec_.consumer_spec.consumer, .role = Role()};
  const TimePoint now = std::chrono::steady_clock::now();
  MutexLock lock(mutex_);
  told.waiting = waiting_.size();
  flow_.ForEach([&](const InFlightMessage& item) {
    const auto started = item.started_at.load(std::memory_order_relaxed);
    if (item.state == MessageState::kDispatched && started != 0) {
      ++told.running;
      told.longest_running = std::max(told.longest_running, Since(TimePoint(TimePoint::duration(started)), now));
    } else {
      ++told.waiting;
      told.oldest_waiting = std::max(told.oldest_waiting, Since(item.seen_at, now));
    }
  });
  return told;
}

SubscriptionRole Subscription::Role() const {
  using enum SubscriptionRole;
  {
    MutexLock lock(mutex_);
    if (!open_) return kInactive;
  }
  const ConsumerStats consumer = consumer_->Stats();
  if (lost_.load(std::memory_order_relaxed) || (!consumer.active && !consumer.standing_by)) return kInactive;
  if (consumer.standing_by) return kStandsBy;
  if (!spec_.flow.acknowledges) return kListens;
  return spec_.consumer_spec.kind == ConsumerKind::kShared ? kShares : kOwns;
}

}  // namespace penstock::eventbus
