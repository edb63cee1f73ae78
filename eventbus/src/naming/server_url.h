// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock::eventbus {

/// One server of a URL, with what stands in it decoded.
struct ServerAddress {
  std::string host{};  ///< a name or an address, without brackets
  std::string port{};
  bool tls = false;
  std::string user{}, password{};
  std::string token{};

  bool SamePlace(const ServerAddress& other) const { return host == other.host && port == other.port; }
  /// `host:port`, without any secret.
  std::string Place() const;
};

/// The contents of a URL.
struct UrlFacts {
  std::vector<ServerAddress> servers{};  ///< in their order; none: `memory://`
  bool tls = false;                      ///< one of the servers is `tls://`
  bool has_credentials = false;          ///< a user or token stands in it
};

/// Reads `nats://[user:password@|token@]host[:port][/]`, `tls://...`, several of both joined by commas, or
/// `memory://[name]`, where the name is up to 64 bytes of `[A-Za-z0-9_-]`. Hosts are names, IPv4 addresses, or IPv6
/// addresses in brackets. `kInvalidArgument` without any user, password or token in its text.
absl::StatusOr<UrlFacts> ReadUrl(std::string_view url);

/// The server of `host:port`, as a server names others; nothing when it is none.
std::optional<ServerAddress> ParsePlace(std::string_view place);

/// The name that a certificate must carry: a host as in a URL, or empty. `kInvalidArgument`.
absl::Status CheckHostname(std::string_view field, std::string_view hostname);

}  // namespace penstock::eventbus
