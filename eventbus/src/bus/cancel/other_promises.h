// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// Whether another process may have promised, unheard of here, that no handler begins for the message: it was delivered
/// to one, or may have been since it came here, or the server may have lost that it was. `receives_since`: see
/// `Consumer`.
bool OthersMayHavePromised(const InFlightMessage& item, TimePoint receives_since);

/// Whether no other process has the message, as far as is known.
bool IsOurs(const InFlightMessage& item, TimePoint receives_since);

}  // namespace penstock::eventbus
