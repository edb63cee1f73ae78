// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace penstock::eventbus::jetstream {

struct WaitLimit;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// The addresses of a host, in the resolver's order; at least one. An address needs no resolver. A resolver that does
/// not answer is left behind at the limit; what it uses stays until it does. `kUnavailable`, `kCancelled`.
absl::StatusOr<std::vector<SocketAddress>> Resolve(const std::string& host, const std::string& port,
                                                   const WaitLimit& limit);

}  // namespace penstock::eventbus::jetstream
