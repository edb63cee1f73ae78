// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"
#include "chaos/fault_plan.h"
#include "chaos/rig.h"
#include "support/tcp_proxy.h"

namespace penstock::chaos {

/// Does the faults to the rig, and makes sure of each that it really happened.
///
/// Thread-confined. Blocks for as long as processes take to end or to start.
class FaultInjector {
 public:
  explicit FaultInjector(Rig& rig) : rig_(rig) {}

  /// An error when the fault did not take effect, or a process did not bear what it must bear.
  absl::Status Begin(const Fault& fault);
  /// Once, `fault.duration` after `Begin`: what was held is let go, what was killed is there again.
  absl::Status End(const Fault& fault);

 private:
  using Flow = testing::TcpProxy::Flow;
  using Ending = testing::TcpProxy::Ending;

  static absl::Status Stop(pid_t pid);
  absl::Status KillServer();
  absl::Status KillConsumer();
  absl::Status KillPublisher();
  absl::Status ReplaceConsumer();
  absl::Status ReplaceConsumerByStandby();
  static absl::Status SetFlow(testing::TcpProxy& wire, Flow to_server, Flow to_client);
  static absl::Status Cut(testing::TcpProxy& wire, const Fault& fault);
  static absl::Status EndFlow(testing::TcpProxy& wire);

  Rig& rig_;
};

}  // namespace penstock::chaos
