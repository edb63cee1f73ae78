// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::chaos {

enum class ClusterFaultKind {
  kRouteCut,              ///< routes between servers are cut, see `ClusterFault`
  kLeaderKilled,          ///< SIGKILL, then a start with the same port and store
  kLeaderPaused,          ///< SIGSTOP, SIGCONT
  kLeaderSteppedDown,     ///< asked to by the API
  kRollingRestart,        ///< each server in turn: SIGTERM, start (onto the next release, if there is one), caught up
  kOwnerKilled,           ///< SIGKILL of the process that handles; a standby takes over
  kOwnerReplaced,         ///< SIGTERM; it must drain and exit with 0; a standby takes over
  kConsumerDeleted,       ///< the durable is deleted on the server while others stand by
  kPausedDuringTakeOver,  ///< the owner is killed, and the consumer leader's server paused while a standby takes over
  kJetStreamOff,          ///< JetStream is taken from the account on all servers, and given back
  kDiskFull,              ///< the stream leader's disk is filled, and freed; needs root
};

/// The order of the enumeration.
std::span<const ClusterFaultKind> AllClusterFaultKinds();

/// As reports name it, for instance "route_cut".
std::string_view FaultName(ClusterFaultKind kind);

/// The place where a fault strikes is chosen when it begins: the server that has this part then.
enum class Part {
  kOwner,                   ///< the owner's process is connected to it
  kOwnerAndConsumerLeader,  ///< the same, and it was made the consumer leader before
  kConsumerLeader,
  kStreamLeader,
  kMetaLeader,
};

std::string_view PartName(Part part);

struct ClusterFault {
  ClusterFaultKind kind = ClusterFaultKind::kRouteCut;
  Part part = Part::kOwner;
  double at = 0;                          ///< due when this share of the events has ended
  std::chrono::milliseconds duration{0};  ///< from its beginning to its end; 0 where it is over at once
  std::chrono::milliseconds delay{0};     ///< `kPausedDuringTakeOver`: between kill and pause
  bool black_hole = false;                ///< a route cut: nothing passes and nobody is told, instead of RST
  bool one_route = false;                 ///< a route cut: only one of the server's two
  bool publisher_inside = false;          ///< the publisher is connected to the server that is struck
  bool with_next = false;                 ///< the next one begins at once, while a standby takes over
};

/// For a log, for instance "route_cut reset owner".
std::string Describe(const ClusterFault& fault);

/// Under this name recoveries are counted, for instance "route_cut_reset".
std::string ClassOf(const ClusterFault& fault);

/// `count` faults drawn from the seed, spread evenly over 3 to 93 % of the run. A fifth of them at least are route cuts
/// and a fifth faults of a leader (killed, paused, stepped down), where `kinds` has these; of the rest each kind comes
/// once before any comes again. A third of those that let a standby take over begin together with the next one, when
/// that strikes a server. None without kinds.
std::vector<ClusterFault> DrawClusterFaults(std::uint64_t seed, std::size_t count,
                                            std::span<const ClusterFaultKind> kinds);

}  // namespace penstock::chaos
