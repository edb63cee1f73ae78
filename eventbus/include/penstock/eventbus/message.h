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
  /// 1 for the first attempt. Deliveries to earlier processes count as attempts, since their outcome is unknown.
  std::uint64_t attempt() const { return attempt_; }
  /// When the server stored it.
  std::chrono::system_clock::time_point stored_at() const;

  /// The fencing token: a number that rises from owner to owner of the durable. A handler that was running when its
  /// process was paused (SIGSTOP, a frozen machine) goes on when the process wakes, even if another process owns the
  /// durable by then. What it writes to can refuse that, if every write carries its fence:
  ///
  ///     UPDATE account SET balance = :balance, fence = :fence WHERE id = :id AND fence <= :fence
  ///
  /// No row was changed: either there is none, or a later owner has written it; return `Retry`, and this process drops
  /// the event once it learns of its successor. Compare fences of one durable only.
  ///
  /// **Rising:** every handler that an owner begins has a higher fence than every handler that an earlier owner began.
  /// While one process stays the owner the fence stays the same, or rises; it may rise after a lost connection. It is
  /// not an attempt's number, and numbers are left out. It is fixed when the handler begins. docs/delivery.md tells
  /// what breaks it, such as deleting the bucket `PENSTOCK_OWNERSHIP`. On `memory://` it rises for as long as the
  /// embedded bus lives.
  ///
  /// **0:** there is none. Always for shared durables and for `Subscribe`, which have no owner; for exclusive durables
  /// while the bucket cannot be had (permissions, limits of JetStream, a server that does not answer), and in a cluster
  /// that keeps no lease; the log says why. The comparison above refuses it once a fence was written.
  ///
  /// A publish from the handler's thread, while the handler runs, carries it in the header `header::kFence`, unless it
  /// is 0 or the options have that header. Work that is handed to another thread, or goes on after `Deferred()`, has to
  /// pass it on by itself. Constant, thus thread-safe; takes nanoseconds.
  std::uint64_t fence() const { return fence_; }

  /// Asks the handler to stop when `EnvelopeSubscribeOptions::time_limit` has passed: what it returns does not count
  /// any more. Without a limit nothing is ever asked. Callbacks of it run on a thread of the bus, which other handlers
  /// wait for: they must be short.
  const std::stop_token& stop_token() const { return stop_token_; }

  /// The bus that delivers it, to publish with. It outlives the call of the handler, and is to be used during that
  /// only: work that goes on after `Deferred()` has to end before the bus is destroyed. A publish of a handler that is
  /// called again for the same event is stored again, unless it has the same ID: see `DerivedEventId`.
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
