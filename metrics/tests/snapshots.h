// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "penstock/eventbus/stats.h"

namespace penstock::metrics {

/// A subscription with a different number in every field.
inline SubscriptionStats SmallSubscription() {
  return {.id = 1,
          .topic = "orders",
          .durable = "billing",
          .received = 41,
          .redelivered = 42,
          .duplicates = 43,
          .skipped = 54,
          .stored_twice = 61,
          .acked = 44,
          .naks = 45,
          .terminated = 46,
          .dead_lettered = 47,
          .letters_kept = 63,
          .undecodable = 48,
          .timed_out = 64,
          .expired = 65,
          .resubscribes = 49,
          .evicted = 55,
          .circuit_opened = 56,
          .in_flight = 50,
          .in_flight_bytes = 57,
          .window = 58,
          .parked = 51,
          .held_keys = 52,
          .quarantined_keys = 59,
          .reading_letters = true,
          .stuck_handlers = 60,
          .degraded = true,
          .lag = 53,
          .active = true};
}

/// A bus of two actors, one topic and one subscription, with a different number in every field.
inline BusStats SmallBus() {
  BusStats stats;
  stats.client_id = "billing-eu.1";
  stats.transport = "memory";
  stats.storage_mismatches = 61;
  stats.stream_warnings = 62;
  stats.delayed = {.relays = true,
                   .owner = true,
                   .waiting = 71,
                   .relayed = 72,
                   .failed = 73,
                   .overdue = std::chrono::milliseconds(1500)};
  stats.connection = {.connected = true, .reconnects = 62, .publishes_pending = 64, .publish_retries = 65};
  stats.pool.name = "pool";
  stats.pool.inbox_capacity = 10;
  stats.pool.workers = 2;
  stats.pool.abandoned = 7;
  stats.pool.actors = {{.sent = 100,
                        .succeeded = 80,
                        .failed = 15,
                        .restarts = 4,
                        .suspensions = 1,
                        .inbox_full = 3,
                        .inbox_depth = 5,
                        .inbox_depth_highest = 9},
                       {.sent = 10, .succeeded = 9, .failed = 0, .inbox_depth = 1, .inbox_depth_highest = 2}};
  stats.pool.latency.counts[0] = 3;
  stats.pool.latency.counts[2] = 4;
  stats.pool.latency.counts.back() = 5;
  stats.pool.latency.count = 12;
  stats.pool.latency.sum_seconds = 60.5;
  stats.publish_latency.counts[1] = 2;
  stats.publish_latency.counts[2] = 6;
  stats.publish_latency.count = 8;
  stats.publish_latency.sum_seconds = 0.5;
  stats.topics = {{.topic = "orders", .published = 31, .duplicates = 32, .failed = 33, .bytes = 34}};
  stats.subscriptions = {SmallSubscription()};
  return stats;
}

/// A stream registry, with a different number in every field.
inline actorpool::StreamRegistryStats SmallRegistry() {
  return {.name = "quotes",
          .streams = 1,
          .ending = 2,
          .unknown = 3,
          .total = {.accepted = 4,
                    .succeeded = 5,
                    .failed = 6,
                    .dropped = 7,
                    .refused = 8,
                    .restarts = 9,
                    .suspensions = 10,
                    .near_full_rises = 11,
                    .queued = 12,
                    .near_full = 13,
                    .running = 14}};
}

/// A bus that publishes to `topics` topics and subscribes to each, with 256 actors: the shape of a large service.
inline BusStats LargeBus(int topics) {
  BusStats stats = SmallBus();
  stats.pool.actors.resize(256);
  stats.topics.clear();
  stats.subscriptions.clear();
  for (int i = 0; i < topics; ++i) {
    const std::string topic = "topic-" + std::to_string(i);
    stats.topics.push_back({.topic = topic, .published = 1, .bytes = 10});
    stats.subscriptions.push_back({.topic = topic, .durable = "d", .received = 2, .lag = 1, .active = true});
  }
  return stats;
}

}  // namespace penstock::metrics
