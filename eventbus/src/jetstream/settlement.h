// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "transport/transport.h"

namespace penstock::eventbus::jetstream {

/// What is published to a delivery's reply subject. `delay` counts for `kNak` only; 0 or less asks for the message at
/// once.
std::string SettlementBody(Verb verb, std::chrono::milliseconds delay);

}  // namespace penstock::eventbus::jetstream
