// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "penstock/eventbus/headers.h"
#include "penstock/eventbus/outcome.h"

namespace penstock {

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

  /// Defers the outcome: it is reported later, by the returned token. What the handler returns (`Deferred()` by
  /// convention) or throws after this is ignored. For envelopes only, and once per call of a handler; otherwise the
  /// token belongs to no message.
  DeferredOutcome Defer() const;

 private:
  friend class eventbus::DeliveryFactory;
  Delivery(const StoredMessage& message, std::string_view topic, std::uint64_t attempt,
           eventbus::DeferralSource* deferrals)
      : message_(message), topic_(topic), attempt_(attempt), deferrals_(deferrals) {}

  const StoredMessage& message_;
  std::string_view topic_;
  std::uint64_t attempt_;
  eventbus::DeferralSource* deferrals_;
};

}  // namespace penstock
