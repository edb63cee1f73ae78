// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "transport/transport.h"

namespace penstock::eventbus::jetstream {

/// What is published to a delivery's reply subject; ends with a zero.
std::string_view SettlementBody(Verb verb);

}  // namespace penstock::eventbus::jetstream
