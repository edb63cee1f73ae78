// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock::eventbus {

/// What the rest of the options must agree with.
struct UrlFacts {
  bool embedded = false;         ///< `memory://`
  bool tls = false;              ///< one of the servers is `tls://`
  bool has_credentials = false;  ///< a user or token stands in it
};

/// Reads `nats://[user:password@|token@]host[:port]`, `tls://...`, several of both joined by commas, or
/// `memory://[name]`, where the name is up to 64 bytes of `[A-Za-z0-9_-]`. Hosts are names, IPv4 addresses, or IPv6
/// addresses in brackets. `kInvalidArgument` without any user, password or token in its text.
absl::StatusOr<UrlFacts> ReadUrl(std::string_view url);

/// The name that a certificate must carry: a host as in a URL, or empty. `kInvalidArgument`.
absl::Status CheckHostname(std::string_view field, std::string_view hostname);

}  // namespace penstock::eventbus
