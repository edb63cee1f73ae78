// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
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

/// Makes what a handler sees of a message. `message` and `deferrals` outlive the delivery.
class DeliveryFactory {
 public:
  /// One that cannot be deferred.
  static Delivery Make(const StoredMessage& message, std::string_view topic) { return {message, topic, 1, nullptr}; }
  static Delivery Make(const StoredMessage& message, std::string_view topic, std::uint64_t attempt,
                       DeferralSource& deferrals) {
    return {message, topic, attempt, &deferrals};
  }
};

}  // namespace penstock::eventbus
