// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "delivery/in_flight_message.h"
#include "message/delivery_factory.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {

/// Calls a handler on this thread and tells what it made of the message. Throws what the handler throws.
HandlerResult InvokeHandler(const MessageHandler& handler, const Place& place, const StoredMessage& message);
/// The same with an envelope, which is decoded first: a body that is none is `kUndecodable`.
HandlerResult InvokeHandler(const EnvelopeHandler& handler, const Place& place, const StoredMessage& message,
                            const Attempt& attempt, DeferralSource& deferrals);

/// Whether this thread is in a handler, of whichever bus: it must not wait for handlers then.
bool IsInHandler();
/// Whether this thread is in a handler of `bus`.
bool IsInHandlerOf(const EventBus& bus);

}  // namespace penstock::eventbus
