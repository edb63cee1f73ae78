// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "chaos/cluster/cluster_fault_plan.h"
#include "chaos/cluster/cluster_rig.h"

namespace penstock::chaos {

/// Where a fault strikes.
struct Scene {
  std::size_t node = 0;                ///< the server that is struck
  std::optional<std::size_t> other{};  ///< the other end, where only one route is cut
  std::size_t owner = 0;               ///< the consumer process that handles
  std::size_t asked = 0;               ///< a server that the fault leaves in the majority
  std::optional<std::size_t> out{};    ///< the server that cannot lead while the fault is on
  std::vector<std::size_t> cut_off{};  ///< the consumer processes whose server is cut off meanwhile
  /// Those that can be without a quorum meanwhile: where one route is cut, all, since its two ends take the lead from
  /// each other.
  std::vector<std::size_t> without_quorum{};
};

/// Does the faults to the rig, and makes sure of each that it really happened.
///
/// Thread-confined. Blocks for as long as processes take to end or to start; longer waits go through `Await`, so that
/// the run goes on meanwhile.
class ClusterFaultInjector {
 public:
  /// Waits for a condition; false when the time has passed.
  using Await = std::function<bool(const std::function<bool()>&, std::chrono::milliseconds)>;

  /// A rolling restart takes the servers onto the first of `releases`, the one after that onto the second, and so on.
  ClusterFaultInjector(ClusterRig& rig, std::vector<std::string> releases, Await await);

  /// Chooses the place, and connects the publisher to the server that it should be connected to. `kUnavailable` when
  /// the cluster does not say who leads.
  absl::StatusOr<Scene> Prepare(const ClusterFault& fault, std::size_t owner);
  /// An error when the fault did not take effect, or a process did not bear what it must bear. Blocks to the end of a
  /// fault that has no duration.
  absl::Status Begin(const ClusterFault& fault, const Scene& scene);
  /// Once, `fault.duration` after `Begin`, for faults that have one.
  absl::Status End(const ClusterFault& fault, const Scene& scene);
  /// All of them, one after the other: for servers that name no leader any more.
  absl::Status RestartServers();

 private:
  absl::StatusOr<Leaders> AwaitLeaders();
  absl::StatusOr<std::size_t> Place(const ClusterFault& fault, std::size_t owner_node);
  absl::StatusOr<std::size_t> GatherAt(std::size_t owner_node);
  void PlacePublisher(const ClusterFault& fault, const Scene& scene, std::size_t stream_leader);
  absl::Status CutRoutes(const ClusterFault& fault, const Scene& scene);
  absl::Status StepDown(const ClusterFault& fault, const Scene& scene);
  absl::Status RestartAll();
  absl::Status ReplaceOwner(const Scene& scene, bool orderly);
  absl::Status TakeJetStream();
  absl::Status GiveJetStream();
  absl::Status RestartServer(std::size_t node);

  ClusterRig& rig_;
  std::vector<std::string> releases_;
  std::size_t release_ = 0;
  const Await await_;
};

}  // namespace penstock::chaos
