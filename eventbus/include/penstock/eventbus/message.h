// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "penstock/eventbus/headers.h"
#include "penstock/eventbus/outcome.h"

namespace penstock {

class EventBus;
class StoredMessage;

namespace eventbus {
class DeferralSource;
class DeliveryFactory;
}  // namespace eventbus

/// The delivery that is passed to a handler. Valid during the call of the handler only.
class Delivery {
 public:
  std::string_view topic() const { return topic_; }
  std::string_view subject() const;
  /// The body as stored. Never copied for the call; on the embedded bus it is shared with other subscribers.
  std::string_view payload() const;
  /// The first value of a header, or nothing.
  std::optional<std::string_view> Header(std::string_view name) const;
  /// All headers, copied.
  Headers AllHeaders() const;
  /// Position in its stream, from 1.
  std::uint64_t stream_sequence() const;
  /// 1 for the first attempt. Deliveries to earlier processes count as attempts: their outcome is unknown.
  std::uint64_t attempt() const { return attempt_; }
  /// When the server stored it.
  std::chrono::system_clock::time_point stored_at() const;

  /// The fencing token: a number that rises from owner to owner of the durable. A handler that was running when its
  /// process was paused (SIGSTOP, a frozen machine) goes on when the process wakes, even if another process owns the
  /// durable by then. A database can refuse the writes of such a handler if every write carries its fence:
  ///
  ///     UPDATE account SET balance = :balance, fence = :fence WHERE id = :id AND fence <= :fence
  ///
  /// If no row was changed, either there is none or a later owner has written it. Return `Retry`: a process that is no
  /// longer the owner drops the event when it learns that. Compare fences of one durable only.
  ///
  /// **Rising:** every handler that an owner begins has a higher fence than every handler that an earlier owner began.
  /// While one process stays the owner the fence never falls; it may rise after a lost connection. It does not count
  /// attempts, and it skips numbers. It does not change while a handler runs. docs/delivery.md lists what breaks it,
  /// such as deleting the bucket `PENSTOCK_OWNERSHIP`. On `memory://` it rises for as long as the embedded bus lives.
  ///
  /// **0:** there is none. Always for shared durables and for `Subscribe`, which have no owner; for exclusive durables
  /// while the bucket cannot be used (permissions, limits of JetStream, a server that does not answer), and in a
  /// cluster before nats-server 2.9.21; the log says why. Once a fence was written, the comparison above refuses 0.
  ///
  /// A publish from the handler's thread, while the handler runs, carries the fence in the header `header::kFence`,
  /// unless the fence is 0 or the options have that header. Work on another thread, or after `Deferred()`, has to set
  /// the header itself. Constant, thus thread-safe; takes nanoseconds.
  std::uint64_t fence() const { return fence_; }

  /// Requests a stop when `EnvelopeSubscribeOptions::time_limit` has passed: from then on the result of the handler
  /// does not count. Also when the event is cancelled (`EnvelopeSubscribeOptions::cancel`): then it is not tried again.
  /// Without both options it never requests one. Stop callbacks run on a thread of the bus that other
  /// handlers depend on: they must be short.
  const std::stop_token& stop_token() const { return stop_token_; }

  /// The bus that delivers the message, for handlers that publish. It outlives the call of the handler. Work that goes
  /// on after `Deferred()` has to end before the bus is destroyed. When a handler is called again for an event, what it
  /// publishes is stored again, unless it has the ID of the first time: see `DerivedEventId`.
  EventBus& bus() const { return *bus_; }

  /// Defers the outcome: it is reported later, by the returned token. What the handler returns (`Deferred()` by
  /// convention) or throws after this is ignored. For envelopes only, and once per call of a handler; otherwise the
  /// token belongs to no message.
  DeferredOutcome Defer() const;

 private:
  friend class eventbus::DeliveryFactory;
  Delivery(const StoredMessage& message, std::string_view topic, EventBus* bus, std::uint64_t attempt,
           std::uint64_t fence, std::stop_token stop_token, eventbus::DeferralSource* deferrals)
      : message_(message),
        topic_(topic),
        bus_(bus),
        attempt_(attempt),
        fence_(fence),
        stop_token_(std::move(stop_token)),
        deferrals_(deferrals) {}

  const StoredMessage& message_;
  std::string_view topic_;
  EventBus* bus_;
  std::uint64_t attempt_;
  std::uint64_t fence_;
  std::stop_token stop_token_;
  eventbus::DeferralSource* deferrals_;
};

}  // namespace penstock
