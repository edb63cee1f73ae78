// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nats.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace penstock::eventbus::jetstream {

/// A nats.c connection to a `SessionRelay`: it signs with credentials (JWT, NKey), introduces the client to the server
/// and asks it for signs of life. It carries no message, encrypts nothing and never reconnects (docs/adr/0014).
///
/// **Thread safety:** thread-compatible. **Ownership:** owns the library's connection and with it a thread.
class NatsSession {
 public:
  /// Connects to the relay on loopback under the name of its admission. Blocks up to `timeout`. `kUnauthenticated`,
  /// `kUnavailable`, `kInvalidArgument` for a credentials file that the library refuses.
  static absl::StatusOr<NatsSession> Open(int relay_port, const std::string& admission,
                                          const std::string& credentials_file, std::chrono::milliseconds timeout);

 private:
  struct Destroy {
    void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
  };

  explicit NatsSession(natsConnection* connection) : connection_(connection) {}

  std::unique_ptr<natsConnection, Destroy> connection_;
};

}  // namespace penstock::eventbus::jetstream
