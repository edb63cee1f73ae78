// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "delivery/delivery_options.h"
#include "delivery/in_flight_message.h"
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
  ConsumerSpec consumer_spec{};
  DeliveryOptions flow{};
  /// The key may have to be read from the body (envelopes of publishers that set no headers).
  bool body_has_key = false;
  std::string handler_name{};
  std::chrono::milliseconds time_limit{0};  ///< 0: none
  bool durable_is_default = false;
  /// Keeps the result of an event that was given up. Blocks. Empty: none is kept.
  std::function<absl::Status(std::string_view event_id, const Result& result)> given_up{};
  /// Decodes and handles one message, on a worker. May throw.
  std::function<HandlerResult(const StoredMessage& message, const Attempt& attempt, DeferralSource& deferrals)>
      handle{};
};

/// The parts of a spec that `Subscribe` and `SubscribeEnvelope` determine; ID and stream are left to the caller. The
/// options were checked before. The jitter's seed is drawn at random: processes that share a consumer must not retry at
/// the same moments.
SubscriptionSpec MessageSubscription(const Place& place, SubscribeOptions options, MessageHandler handler);
/// `default_durable` is used when the options name none; `largest_message` is the transport's limit in bytes.
SubscriptionSpec EnvelopeSubscription(const Place& place, EnvelopeSubscribeOptions options, EnvelopeHandler handler,
                                      const std::string& default_durable, std::size_t largest_message);

}  // namespace penstock::eventbus
