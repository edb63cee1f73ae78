// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

#include "delivery/in_flight_message.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus {

/// When an event is too old, and its fate then.
struct Expiry {
  std::chrono::milliseconds max_age{0};  ///< since it was stored; 0: none
  WhenExpired fate = WhenExpired::kDeadLetter;
};

/// That of a subscription. One whose keys block has no dead letters, and an event that is too old would block its key
/// for ever: it is dropped.
Expiry ExpiryOf(const EnvelopeSubscribeOptions& options);

/// The times of an event.
struct Age {
  std::chrono::system_clock::time_point stored_at{};
  std::chrono::system_clock::time_point expires_at{};  ///< the epoch: never by itself
  bool redriven = false;                               ///< it never expires then
};

/// Whether it may be too old at some time.
bool CanExpire(const Expiry& expiry, const Age& age);
/// The fate of an event that is too old, in place of being handled; nothing: it is not. Pure.
std::optional<HandlerResult> ResultIfExpired(const Expiry& expiry, const Age& age,
                                             std::chrono::system_clock::time_point now);

}  // namespace penstock::eventbus
