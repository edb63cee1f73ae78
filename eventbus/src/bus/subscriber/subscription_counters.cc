// SPDX-License-Identifier: Apache-2.0
#include "bus/subscriber/subscription_counters.h"

#include <cstdint>

namespace penstock::eventbus {
namespace {

using Counter = std::uint64_t SubscriptionStats::*;
constexpr Counter kCounters[] = {
    &SubscriptionStats::received,     &SubscriptionStats::redelivered, &SubscriptionStats::duplicates,
    &SubscriptionStats::handled,      &SubscriptionStats::failed,      &SubscriptionStats::acked,
    &SubscriptionStats::naks,         &SubscriptionStats::terminated,  &SubscriptionStats::dead_lettered,
    &SubscriptionStats::skipped,      &SubscriptionStats::evicted,     &SubscriptionStats::circuit_opened,
    &SubscriptionStats::stored_twice, &SubscriptionStats::undecodable, &SubscriptionStats::inbox_full,
    &SubscriptionStats::resubscribes, &SubscriptionStats::gone,        &SubscriptionStats::answers_refused,
    &SubscriptionStats::letters_kept, &SubscriptionStats::timed_out,   &SubscriptionStats::expired,
    &SubscriptionStats::dropped,      &SubscriptionStats::disconnects, &SubscriptionStats::cancelled};

}  // namespace

void AddCounters(const SubscriptionStats& from, SubscriptionStats& to) {
  to.topic = from.topic;
  to.durable = from.durable;
  for (const Counter counter : kCounters) to.*counter += from.*counter;
}

}  // namespace penstock::eventbus
