// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <string>

#include "families.h"

namespace penstock::metrics {
namespace {

using actorpool::ActorStats;
using actorpool::PoolStats;

Labels WithActor(Labels labels, std::size_t actor) {
  labels.push_back({.name = "actor_id", .value = "pool-actor-" + std::to_string(actor)});
  return labels;
}

/// One sample for the whole pool, or one per actor. `value` is a member of `ActorStats`, or a function of one.
template <typename Value>
void Samples(const PoolStats& pool, bool per_actor, FamilyWriter& out, const Labels& labels, const Value& value) {
  if (!per_actor) {
    out.Sample(static_cast<double>(std::invoke(value, pool.Total())), labels);
    return;
  }
  for (std::size_t i = 0; i < pool.actors.size(); ++i) {
    out.Sample(static_cast<double>(std::invoke(value, pool.actors[i])), WithActor(labels, i));
  }
}

double Highest(const PoolStats& pool, std::size_t ActorStats::*depth) {
  std::size_t highest = 0;
  for (const ActorStats& actor : pool.actors) highest = std::max(highest, actor.*depth);
  return static_cast<double>(highest);
}

double Ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

void WriteCounters(const PoolStats& pool, bool per_actor, FamilyWriter& out) {
  out.Counter("actor_pool_messages_sent_total", "Messages accepted into an inbox.");
  Samples(pool, per_actor, out, {}, &ActorStats::sent);
  out.Counter("actor_pool_messages_processed_total", "Messages whose handler ended, by success.");
  Samples(pool, per_actor, out, {{.name = "success", .value = "true"}}, &ActorStats::succeeded);
  Samples(pool, per_actor, out, {{.name = "success", .value = "false"}}, &ActorStats::failed);
  out.Counter("actor_pool_actor_restarted_total", "Restarts of actors whose handler threw.");
  Samples(pool, per_actor, out, {}, &ActorStats::restarts);
  out.Counter("actor_pool_actor_suspended_total", "Times an actor used up its restarts and was suspended.");
  Samples(pool, per_actor, out, {}, &ActorStats::suspensions);
  out.Counter("actor_pool_inbox_full_total", "Messages refused, or made to wait, because an inbox was full.");
  Samples(pool, per_actor, out, {}, &ActorStats::inbox_full);
  out.Counter("actor_pool_messages_abandoned_total", "Accepted messages that a stop ended without running them.");
  out.Sample(static_cast<double>(pool.abandoned));
}

void WriteInboxes(const PoolStats& pool, bool per_actor, FamilyWriter& out) {
  const auto capacity = static_cast<double>(pool.inbox_capacity);
  const double scope = per_actor ? capacity : capacity * static_cast<double>(pool.actors.size());
  out.Gauge("actor_pool_inbox_depth", "Messages accepted and not yet begun.");
  Samples(pool, per_actor, out, {}, &ActorStats::inbox_depth);
  out.Gauge("actor_pool_inbox_utilization", "Depth of the inboxes as a share of their capacity, 0 to 1.");
  Samples(pool, per_actor, out, {},
          [scope](const ActorStats& a) { return Ratio(static_cast<double>(a.inbox_depth), scope); });
  const double deepest = Highest(pool, &ActorStats::inbox_depth);
  out.Gauge("actor_pool_inbox_depth_max", "Depth of the inbox that is the deepest now.");
  out.Sample(deepest);
  out.Gauge("actor_pool_inbox_utilization_max", "Utilization of the inbox that is the deepest now, 0 to 1.");
  out.Sample(Ratio(deepest, capacity));
  out.Gauge("actor_pool_inbox_depth_highest", "The deepest that any inbox has ever been.");
  out.Sample(Highest(pool, &ActorStats::inbox_depth_highest));
}

}  // namespace

void WritePoolFamilies(const BusStats& stats, const CollectorOptions& options, FamilyWriter& out) {
  WriteCounters(stats.pool, options.per_actor, out);
  WriteInboxes(stats.pool, options.per_actor, out);
  out.Histogram("actor_pool_message_latency_seconds", "Time from acceptance to the end of the handler.",
                stats.pool.latency, 1);
  std::uint64_t dead_letters = 0;
  for (const SubscriptionStats& subscription : stats.subscriptions) dead_letters += subscription.dead_lettered;
  for (const SubscriptionStats& ended : stats.ended_subscriptions) dead_letters += ended.dead_lettered;
  out.Counter("actor_pool_dead_letters_total", "Messages stored as dead letters.");
  out.Sample(static_cast<double>(dead_letters));
}

}  // namespace penstock::metrics
