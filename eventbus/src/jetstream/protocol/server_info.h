// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace penstock::eventbus::jetstream {

/// A server's INFO.
struct ServerInfo {
  std::size_t max_payload_bytes = 0;  ///< of headers and body
  bool tls_required = false;
  bool tls_available = false;
  bool clustered = false;
  std::string version{};
  std::string name{};
  std::string cluster{};                    ///< its name
  bool lame_duck = false;                   ///< it will close its connections soon
  std::vector<std::string> connect_urls{};  ///< `host:port` of the cluster's servers, this one among them
  /// The INFO line for nats.c: only what its session needs. Without TLS, which ends before the library, and without
  /// other servers, which it must not connect to by itself.
  std::string line_for_library{};
};

/// Parses an INFO line: `INFO {...}`. Numbers and strings have bounds; what does not fit is left out. `kUnavailable`
/// when it is none, with the server's words when the line is an `-ERR`.
absl::StatusOr<ServerInfo> ParseServerInfo(std::string_view line);

/// The text of an `-ERR 'text'` line, without quotes; empty when the line is another.
std::string_view ErrorText(std::string_view line);

}  // namespace penstock::eventbus::jetstream
