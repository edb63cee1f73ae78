// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace penstock::eventbus::jetstream {

/// How long the peer may leave sent data unacknowledged, or accept none: then the connection ends (TCP_USER_TIMEOUT).
inline constexpr std::chrono::milliseconds kLongestUnacknowledged(5000);

/// Sets the options that hold for as long as a connection to a server lasts: small writes leave at once, and a peer
/// that acknowledges nothing ends the connection after `kLongestUnacknowledged`.
void SetSocketOptions(int socket);

}  // namespace penstock::eventbus::jetstream
