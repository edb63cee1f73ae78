// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "chaos/cluster/cluster_checker.h"
#include "chaos/tasks/task_report.h"

namespace penstock::chaos {

/// Times of the faults of one class.
struct FaultTimes {
  std::size_t injected = 0;
  std::vector<double> recovery_ms{};  ///< until the next event was handled
  std::vector<double> election_ms{};  ///< until stream and consumer had a leader again, as the majority's servers say
};

/// The result of a run on a cluster.
struct ClusterReport {
  std::uint64_t seed = 0;
  std::size_t nodes = 0;
  std::vector<std::string> servers{};  ///< their versions, in the order they ran
  bool tls = false;
  std::size_t events = 0;
  std::size_t faults_asked = 0;
  std::vector<std::string> skipped{};  ///< faults that cannot be done here, and why
  std::size_t credit = 0;
  ClusterFindings findings{};
  TaskReport tasks{};
  std::map<std::string, FaultTimes> faults{};  ///< by class, see `ClassOf`
  std::uint64_t ended_by_themselves = 0;       ///< processes that had to be started again
  std::vector<std::string> stalls{};           ///< nothing happened for 20 s though no fault was on
  std::uint64_t servers_restarted = 0;         ///< since they named no leader for 30 s
  double seconds = 0;
  std::string failure{};  ///< why the run could not be finished; empty: it was
};

/// Whether two owners across a route cut, and what follows from them, can be ruled out on every version that ran.
/// Before 2.9.21 a compare-and-set is not serialised, so that a lease cannot be proven by a quorum.
bool ExcludesTwoOwners(const ClusterReport& report);

/// Why the run has failed, a sentence each; none when it has not. `Losses` among them.
std::vector<std::string> Shortcomings(const ClusterReport& report);

/// Only what nothing that a cluster goes through excuses: events lost or out of nowhere, and a run that could not be
/// finished as planned.
std::vector<std::string> Losses(const ClusterReport& report);

/// Findings that are promised not to happen on newer servers only, a sentence each.
std::vector<std::string> NotPromised(const ClusterReport& report);

/// One line of JSON.
std::string ToJson(const ClusterReport& report);

/// For people.
std::string ToText(const ClusterReport& report);

}  // namespace penstock::chaos
