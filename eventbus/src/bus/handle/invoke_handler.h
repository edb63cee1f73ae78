// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/functional/any_invocable.h"
#include "bus/handle/expiry.h"
#include "delivery/in_flight_message.h"
#include "message/delivery_factory.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {

/// Calls a handler on this thread and tells what it made of the message. Throws what the handler throws.
HandlerResult InvokeHandler(const MessageHandler& handler, const Place& place, const StoredMessage& message);

/// The same with an envelope, which is decoded first: a body that is none is `kUndecodable`. One that has expired is
/// not handled.
HandlerResult InvokeHandler(const EnvelopeHandler& handler, const Place& place, const Expiry& expiry,
                            const StoredMessage& message, const Attempt& attempt, DeferralSource& deferrals);

/// Runs `work` on this thread, which is in a handler of `bus` meanwhile. Throws what it throws.
void RunAsHandler(const EventBus* bus, absl::AnyInvocable<void()>& work);

/// Whether this thread is in a handler, of whichever bus: it must not wait for handlers then.
bool IsInHandler();
/// Whether this thread is in a handler of `bus`.
bool IsInHandlerOf(const EventBus& bus);

}  // namespace penstock::eventbus
