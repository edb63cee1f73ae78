// SPDX-License-Identifier: Apache-2.0
// What a subscription tells of itself.
#include "bus/subscribe/subscription.h"

namespace penstock::eventbus {

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

}  // namespace penstock::eventbus
