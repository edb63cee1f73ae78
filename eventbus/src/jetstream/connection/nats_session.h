// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nats.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace penstock::eventbus::jetstream {

struct DestroySession {
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
};

/// A nats.c connection to a `SessionRelay`: it signs with credentials (JWT, NKey), introduces the client to the server
/// and asks it for signs of life. It is on loopback, sees no data, encrypts nothing and never reconnects
/// (docs/adr/0014): the bytes of the server are read in io/io_loop.cc. It has a thread of its own.
using NatsSession = std::unique_ptr<natsConnection, DestroySession>;

/// Connects to the relay on loopback under the name of its admission. Blocks up to `timeout`. `kUnauthenticated`,
/// `kUnavailable`, `kInvalidArgument` for a credentials file that the library refuses.
absl::StatusOr<NatsSession> OpenSession(int relay_port, const std::string& admission,
                                        const std::string& credentials_file, std::chrono::milliseconds timeout);

}  // namespace penstock::eventbus::jetstream
