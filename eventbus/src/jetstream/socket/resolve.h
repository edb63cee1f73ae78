// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netdb.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace penstock::eventbus::jetstream {

struct WaitLimit;

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, FreeAddresses>;

/// The addresses of a host, in the resolver's order; at least one. An address needs no resolver. A resolver that does
/// not answer is left behind at the limit; the thread that asks it stays until it does. `kUnavailable`, `kCancelled`;
/// `kResourceExhausted` when there can be no more threads.
absl::StatusOr<AddressList> Resolve(const std::string& host, const std::string& port, const WaitLimit& limit);

/// Whether no address was found, which says nothing of the server. Its text has the remedy.
bool IsUnresolved(const absl::Status& status);

}  // namespace penstock::eventbus::jetstream
