// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "penstock/actorpool/stats.h"

namespace penstock {

/// Counters since the subscription was made; gauges as of the call.
struct SubscriptionStats {
  std::uint64_t id = 0;
  std::string topic{};
  std::string pattern{};       ///< of one to a pattern, or to classes, which has one entry per topic, with its own ID
  std::string durable{};       ///< empty: at-most-once without a group
  std::uint64_t received = 0;  ///< deliveries that arrived, redeliveries included
  std::uint64_t redelivered = 0;   ///< of `received`: delivered before
  std::uint64_t duplicates = 0;    ///< of `received`: redelivered without a Nak while in flight or finished
  std::uint64_t skipped = 0;       ///< of `received`: redriven for another durable
  std::uint64_t stored_twice = 0;  ///< of `received`: stored twice, and finished here before; not handled
  std::uint64_t handled = 0;       ///< the handler returned Ack
  std::uint64_t failed = 0;        ///< the handler returned another outcome or threw, or the message was undecodable
  std::uint64_t acked = 0;
  std::uint64_t naks = 0;        ///< messages requested again
  std::uint64_t terminated = 0;  ///< Term, each after its dead letter was stored
  std::uint64_t dead_lettered = 0;
  std::uint64_t gone = 0;             ///< messages that were to run again and were deleted from their stream meanwhile
  std::uint64_t answers_refused = 0;  ///< acknowledgements that the server refused for lack of permission
  std::uint64_t letters_kept = 0;     ///< letters of finished messages that the server refused to remove
  std::uint64_t undecodable = 0;      ///< the body was no envelope, or its aggregate ID differed from the header
  std::uint64_t timed_out = 0;        ///< of `failed`: the handler took longer than `time_limit`
  std::uint64_t expired = 0;          ///< too old to be handled: dropped, or sent to the dead letters
  std::uint64_t cancelled = 0;        ///< acknowledged since `EventBus::Cancel` asked for that
  std::uint64_t inbox_full = 0;       ///< dispatches delayed because an inbox was full
  std::uint64_t resubscribes = 0;     ///< new inboxes subscribed to: reconnects, gaps, missed heartbeats
  std::uint64_t dropped = 0;          ///< messages that found the subscriber's queue full, or were dropped for those
  std::uint64_t disconnects = 0;      ///< times that a full queue ended the subscription
  std::uint64_t evicted = 0;          ///< messages evicted for lack of memory, and requested again
  std::uint64_t circuit_opened = 0;   ///< times that the circuit breaker opened: message after message failed
  std::uint64_t in_flight = 0;        ///< gauge: received, neither acknowledged nor terminated
  std::uint64_t in_flight_bytes = 0;  ///< gauge: bytes of their bodies and headers in memory
  std::uint64_t window = 0;           ///< gauge: messages that may be in flight now
  std::uint64_t parked = 0;           ///< gauge: messages in flight that wait behind one of their key
  /// Gauge: messages that wait for a back-off, or for their redelivery after an eviction. Their keys wait with them.
  std::uint64_t held_keys = 0;
  /// Gauge: keys whose messages go to the dead letters, until all letters of the key have been redriven and handled.
  std::uint64_t quarantined_keys = 0;
  /// Gauge: after a take-over, the subscription reads which keys are quarantined; no handler begins before that.
  bool reading_letters = false;
  std::uint64_t stuck_handlers = 0;  ///< gauge: handlers that run for longer than `stuck_after`
  bool degraded = false;             ///< gauge: the circuit breaker is open; one message at a time is tried
  std::uint64_t lag = 0;             ///< gauge: messages the server has not delivered yet, as of the last delivery
  bool active = false;               ///< gauge: receives; false while it stands by or is disconnected
  bool standing_by = false;          ///< gauge: another process owns the durable; this one takes over when that ends
};

struct TopicPublishStats {
  std::string topic{};
  std::uint64_t published = 0;   ///< with PubAck
  std::uint64_t duplicates = 0;  ///< of `published`: already known to the server
  std::uint64_t failed = 0;      ///< reported to the caller as failed after being accepted for sending
  std::uint64_t bytes = 0;       ///< of the bodies of published messages
};

struct ConnectionStats {
  bool connected = false;
  std::uint64_t reconnects = 0;         ///< connections made after the first
  std::uint64_t publishes_pending = 0;  ///< gauge: accepted, without a PubAck
  std::uint64_t publish_retries = 0;    ///< sent again, with their message IDs
};

/// Of the delayed messages that this process relays: all of the bus's `base_stream_name` while it is the owner of the
/// relay, none otherwise. Counters since it began.
struct DelayStats {
  bool relays = false;                  ///< it would take over
  bool owner = false;                   ///< gauge: it publishes what is due
  std::uint64_t waiting = 0;            ///< gauge: not published yet, or not yet removed
  std::uint64_t relayed = 0;            ///< published when they were due
  std::uint64_t failed = 0;             ///< publishes that failed, and are tried again
  std::chrono::nanoseconds overdue{0};  ///< gauge: for so long the oldest one has been due
};

struct BusStats {
  std::string client_id{};
  std::string transport{};  ///< "jetstream" or "memory"
  std::uint64_t storage_mismatches = 0;
  std::uint64_t stream_warnings = 0;  ///< settings of existing streams that were warned of, except their storage
  ConnectionStats connection{};
  actorpool::PoolStats pool{};
  actorpool::LatencySnapshot publish_latency{};  ///< from the call to the PubAck
  DelayStats delayed{};
  std::vector<TopicPublishStats> topics{};
  std::vector<SubscriptionStats> subscriptions{};
  /// Counters of subscriptions that have ended, added up by topic and durable, so that sums never go down. Gauges and
  /// ID are unset.
  std::vector<SubscriptionStats> ended_subscriptions{};
};

}  // namespace penstock
