// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string_view>

#include "message/stored_message.h"
#include "penstock/eventbus/message.h"

namespace penstock::eventbus {

/// Makes the deferral of the message that is being handled.
class DeferralSource {
 public:
  /// Null when the message has been deferred before.
  virtual std::shared_ptr<Deferral> Defer() = 0;

 protected:
  ~DeferralSource() = default;
};

/// Asked before a handler is called.
class EventGate {
 public:
  enum class Verdict {
    kBegin,
    kCancelled,  ///< the event is
    kPostponed,  ///< not now: another process may own the durable by now
  };
  virtual Verdict Ask(std::string_view event_id) = 0;

 protected:
  ~EventGate() = default;
};

/// One call of a handler.
struct Attempt {
  std::uint64_t number = 1;  ///< from 1
  std::uint64_t fence = 0;   ///< see `Delivery::fence`
  bool redriven = false;
  std::stop_token stop_token{};  ///< asks it to stop
  EventGate* gate = nullptr;     ///< null: nobody asks
};

/// Where a message is delivered.
struct Place {
  std::string_view topic{};
  EventBus* bus = nullptr;  ///< null only in tests whose handlers do not ask for it
};

/// Makes what a handler sees of a message. `message`, the topic, the bus and `deferrals` outlive the delivery.
class DeliveryFactory {
 public:
  /// One that cannot be deferred.
  static Delivery Make(const StoredMessage& message, const Place& place) {
    return {message, place.topic, place.bus, 1, 0, {}, nullptr};
  }
  static Delivery Make(const StoredMessage& message, const Place& place, const Attempt& attempt,
                       DeferralSource& deferrals) {
    return {message, place.topic, place.bus, attempt.number, attempt.fence, attempt.stop_token, &deferrals};
  }
};

}  // namespace penstock::eventbus
