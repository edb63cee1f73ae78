// SPDX-License-Identifier: Apache-2.0
#include "bus/subscribe/subscription_spec.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "bus/handle/invoke_handler.h"

namespace penstock::eventbus {
namespace {

constexpr std::chrono::seconds kLookUpAfter{2};

std::chrono::milliseconds AckWaitOf(const EnvelopeSubscribeOptions& options) {
  if (options.ack_wait.count() > 0) return options.ack_wait;
  return options.sharing == Sharing::kExclusive ? std::chrono::minutes{5} : std::chrono::seconds{30};
}

}  // namespace

SubscriptionSpec MessageSubscription(const Place& place, SubscribeOptions options, SharedMessageHandler handler) {
  SubscriptionSpec spec{.topic = std::string(place.topic)};
  spec.consumer_spec.consumer = std::move(options.group);
  spec.consumer_spec.kind = ConsumerKind::kAtMostOnce;
  spec.flow.acknowledges = false;
  spec.when_full = options.when_full;
  spec.queue_capacity = options.queue_capacity;
  spec.flow.max_in_flight = options.max_in_flight;
  const bool waits_at_server = options.when_full == WhenFull::kBlock && options.queue_capacity > 0;
  if (waits_at_server) spec.flow.max_in_flight = std::min(options.max_in_flight, options.queue_capacity);
  spec.handle = [handler = std::move(handler), name = spec.topic, bus = place.bus](const StoredMessage& message,
                                                                                   const Attempt&, DeferralSource&) {
    return InvokeHandler(*handler, Place{name, bus}, message);
  };
  return spec;
}

SubscriptionSpec EnvelopeSubscription(const Place& place, EnvelopeSubscribeOptions options,
                                      SharedEnvelopeHandler handler, const std::string& default_durable,
                                      std::size_t largest_message) {
  const bool exclusive = options.sharing == Sharing::kExclusive;
  SubscriptionSpec spec{.topic = std::string(place.topic)};
  spec.durable_is_default = options.durable.empty();
  spec.consumer_spec.consumer = spec.durable_is_default ? default_durable : options.durable;
  spec.consumer_spec.kind = exclusive ? ConsumerKind::kExclusive : ConsumerKind::kShared;
  spec.consumer_spec.ack_all = options.ack_mode == AckMode::kCumulative;
  spec.consumer_spec.ack_wait = AckWaitOf(options);
  spec.handler_name = options.handler_name.empty() ? spec.consumer_spec.consumer : std::move(options.handler_name);
  spec.flow = {.acknowledges = true,
               .retries_in_place = !exclusive,
               .retry = options.retry,
               .after_dead_letter = options.after_dead_letter,
               .outage_after = options.outage_after,
               .ack_wait = spec.consumer_spec.ack_wait,
               .stuck_after = options.stuck_after,
               .look_up_after = kLookUpAfter,
               .rate = options.rate,
               .key_rate = options.key_rate,
               .max_concurrent = options.max_concurrent,
               .max_in_flight = options.max_in_flight,
               .max_bytes = options.max_in_flight_bytes,
               .largest_message = largest_message,
               .seed = std::random_device{}()};
  spec.body_has_key = true;
  spec.time_limit = options.time_limit;
  spec.by_priority = options.by_priority;
  spec.priority = options.priority;
  const Expiry expiry = ExpiryOf(options);
  spec.handle = [handler = std::move(handler), name = spec.topic, bus = place.bus, expiry](
                    const StoredMessage& message, const Attempt& attempt, DeferralSource& deferrals) {
    return InvokeHandler(*handler, Place{name, bus}, expiry, message, attempt, deferrals);
  };
  return spec;
}

}  // namespace penstock::eventbus
