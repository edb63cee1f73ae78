// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace penstock::testing {

/// The reply of a server on this port of loopback to a GET of `path`, status line and headers included; empty when
/// nobody listens. Blocks until the server closes, or says nothing for 10 s.
std::string HttpGet(std::uint16_t port, const std::string& path);

}  // namespace penstock::testing
