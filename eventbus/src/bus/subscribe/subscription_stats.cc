// SPDX-License-Identifier: Apache-2.0
#include "bus/subscribe/subscription_stats.h"

#include <cstdint>

namespace penstock::eventbus {
namespace {

using Counter = std::uint64_t SubscriptionStats::*;
constexpr Counter kCounters[] = {
    &SubscriptionStats::received,    &SubscriptionStats::redelivered, &SubscriptionStats::duplicates,
    &SubscriptionStats::handled,     &SubscriptionStats::failed,      &SubscriptionStats::acked,
    &SubscriptionStats::naks,        &SubscriptionStats::terminated,  &SubscriptionStats::dead_lettered,
    &SubscriptionStats::skipped,     &SubscriptionStats::evicted,     &SubscriptionStats::circuit_opened,
    &SubscriptionStats::undecodable, &SubscriptionStats::inbox_full,  &SubscriptionStats::resubscribes};

}  // namespace

void FillIn(const DeliveryStateMachine& flow, SubscriptionStats& stats) {
  const FlowCounters& counters = flow.counters();
  stats.received = counters.received;
  stats.redelivered = counters.redelivered;
  stats.duplicates = counters.duplicates;
  stats.skipped = counters.skipped;
  stats.handled = counters.handled;
  stats.failed = counters.failed;
  stats.acked = counters.acked;
  stats.naks = counters.naks;
  stats.terminated = counters.terminated;
  stats.dead_lettered = counters.dead_lettered;
  stats.undecodable = counters.undecodable;
  stats.inbox_full = counters.refused;
  stats.evicted = counters.evicted;
  stats.circuit_opened = counters.circuit_opened;
  stats.in_flight = flow.in_hand();
  stats.in_flight_bytes = flow.bytes();
  stats.window = flow.window();
  stats.parked = flow.parked();
  stats.held_keys = flow.held() + flow.waiting();
  stats.quarantined_keys = flow.quarantined_keys();
  stats.stuck_handlers = flow.stuck();
  stats.degraded = flow.circuit_open();
  stats.lag = counters.last_pending;
}

void AddCounters(const SubscriptionStats& from, SubscriptionStats& to) {
  to.topic = from.topic;
  to.durable = from.durable;
  for (const Counter counter : kCounters) to.*counter += from.*counter;
}

}  // namespace penstock::eventbus
