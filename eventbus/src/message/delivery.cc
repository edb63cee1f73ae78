// SPDX-License-Identifier: Apache-2.0
#include "message/delivery_factory.h"

namespace penstock {

std::string_view Delivery::subject() const { return message_.subject(); }
std::string_view Delivery::payload() const { return message_.payload(); }
std::optional<std::string_view> Delivery::Header(std::string_view name) const { return message_.Header(name); }
Headers Delivery::AllHeaders() const { return message_.AllHeaders(); }
std::uint64_t Delivery::stream_sequence() const { return message_.stream_sequence(); }
std::chrono::system_clock::time_point Delivery::stored_at() const { return message_.stored_at(); }

DeferredOutcome Delivery::Defer() const {
  return DeferredOutcome(deferrals_ == nullptr ? nullptr : deferrals_->Defer());
}

}  // namespace penstock
