// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "jetstream/connection/link.h"
#include "jetstream/protocol/server_info.h"
#include "jetstream/socket/byte_stream.h"
#include "jetstream/socket/dial.h"
#include "naming/server_url.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus::jetstream {

/// A server that was reached: the connection to it, encrypted if it is to be, and what it said.
struct ReachedServer {
  ServerAddress address{};
  std::unique_ptr<ByteStream> stream{};
  bool encrypted = false;
  std::string first_bytes{};  ///< read behind its INFO
  ServerInfo info{};
};

/// Reaches a server: connects, reads INFO, shakes hands for TLS where the options or the server demand it. With
/// `kHandshakeFirst` TLS comes before INFO. Blocks within the limit. `kFailedPrecondition` for TLS (a server without
/// it, a certificate that does not fit, ...), `kUnavailable`, `kCancelled`.
absl::StatusOr<ReachedServer> ReachServer(const ServerAddress& address, const BusOptions& options, bool wants_tls,
                                          const WaitLimit& limit);

/// How the options and the URL name this client.
ClientIdentity IdentityOf(const BusOptions& options, const ReachedServer& server);

}  // namespace penstock::eventbus::jetstream
