// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "support/nats_server.h"

namespace penstock::testing {

/// Several nats-servers that know each other and share JetStream. As `NatsServer` otherwise.
class Cluster {
 public:
  /// From lame duck mode's beginning until it cuts the first client.
  static constexpr std::chrono::seconds kLameDuckGrace{10};

  /// Errors as `NatsServer::Launch`. JetStream may need some more seconds to choose its leader.
  static absl::StatusOr<std::unique_ptr<Cluster>> Launch(int servers);

  NatsServer& server(std::size_t index) { return *servers_[index]; }
  const NatsServer& server(std::size_t index) const { return *servers_[index]; }

 private:
  Cluster() = default;
  std::vector<std::unique_ptr<NatsServer>> servers_{};
};

}  // namespace penstock::testing
