// SPDX-License-Identifier: Apache-2.0
#include "bus/handle/expiry.h"

namespace penstock::eventbus {
namespace {

using Time = std::chrono::system_clock::time_point;

bool IsTooOld(const Expiry& expiry, const Age& age, Time now) {
  if (age.expires_at != Time{} && now >= age.expires_at) return true;
  return expiry.max_age.count() > 0 && now - age.stored_at > expiry.max_age;
}

}  // namespace

Expiry ExpiryOf(const EnvelopeSubscribeOptions& options) {
  const bool blocks = options.after_dead_letter == AfterDeadLetter::kBlock;
  return {.max_age = options.max_age, .fate = blocks ? WhenExpired::kDrop : options.when_expired};
}

bool CanExpire(const Expiry& expiry, const Age& age) {
  return !age.redriven && (expiry.max_age.count() > 0 || age.expires_at != Time{});
}

std::optional<HandlerResult> ResultIfExpired(const Expiry& expiry, const Age& age, Time now) {
  if (!CanExpire(expiry, age) || !IsTooOld(expiry, age, now)) return std::nullopt;
  if (expiry.fate == WhenExpired::kDrop) return HandlerResult{.kind = HandlerResult::Kind::kDropped};
  return HandlerResult{.kind = HandlerResult::Kind::kExpired, .reason = "it was too old when its turn came"};
}

}  // namespace penstock::eventbus
