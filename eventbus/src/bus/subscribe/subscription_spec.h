// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "bus/cancel/cancel_watch.h"
#include "delivery/delivery_options.h"
#include "delivery/in_flight_message.h"
#include "delivery/priority/pool_slots.h"
#include "message/delivery_factory.h"
#include "penstock/eventbus/event_bus.h"
#include "penstock/eventbus/options.h"
#include "penstock/eventbus/result.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// The properties of one subscription.
struct SubscriptionSpec {
  SubscriptionId id = 0;
  std::string topic{};
  std::string pattern{};          ///< it is one of those of a subscription to this pattern; empty: it stands by itself
  SubscriptionId pattern_id = 0;  ///< the ID of that subscription

  /// The ID that the user knows.
  SubscriptionId shown_id() const { return pattern.empty() ? id : pattern_id; }
  ConsumerSpec consumer_spec{};
  DeliveryOptions flow{};
  /// Other than `kBlock`: everything is received, and at most `queue_capacity` messages wait.
  WhenFull when_full = WhenFull::kBlock;
  std::size_t queue_capacity = 0;
  /// The key may have to be read from the body (envelopes of publishers that set no headers).
  bool body_has_key = false;
  std::string handler_name{};
  std::chrono::milliseconds time_limit{0};    ///< 0: none
  bool by_priority = false;                   ///< messages begin by priority
  int priority = 0;                           ///< added to that of each message
  std::shared_ptr<PoolSlots::Group> group{};  ///< those that share its `max_concurrent`
  bool durable_is_default = false;
  /// Honours requests to cancel. Null: there are none.
  std::shared_ptr<CancelWatch> cancels{};
  /// Keeps the result of an event that was handled; `done` is told once, perhaps before this returns. Blocks only while
  /// the publish window is full. Empty: none is kept.
  std::function<void(std::string_view event_id, const Result& result, std::function<void(absl::Status)> done)> keep{};
  /// Whether an event has the result of a success. Blocks. Set where `keep` is.
  std::function<absl::StatusOr<bool>(std::string_view event_id)> was_kept{};
  /// Keeps the result of an event that was given up. Blocks. Empty: none is kept.
  std::function<absl::Status(std::string_view event_id, const Result& result)> given_up{};
  /// Decodes and handles one message, on a worker. May throw.
  std::function<HandlerResult(const StoredMessage& message, const Attempt& attempt, DeferralSource& deferrals)>
      handle{};
};

/// The handler is shared by all specs of a pattern.
using SharedMessageHandler = std::shared_ptr<const MessageHandler>;
using SharedEnvelopeHandler = std::shared_ptr<const EnvelopeHandler>;

/// The parts of a spec that `Subscribe` and `SubscribeEnvelope` determine; ID and stream are left to the caller. The
/// options were checked before. The jitter's seed is drawn at random: processes that share a consumer must not retry at
/// the same moments.
SubscriptionSpec MessageSubscription(const Place& place, SubscribeOptions options, SharedMessageHandler handler);
/// `default_durable` is used when the options name none; `largest_message` is the transport's limit in bytes.
SubscriptionSpec EnvelopeSubscription(const Place& place, EnvelopeSubscribeOptions options,
                                      SharedEnvelopeHandler handler, const std::string& default_durable,
                                      std::size_t largest_message);

}  // namespace penstock::eventbus
