// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace penstock::chaos {

enum class FaultKind {
  kServerKilled,         ///< SIGKILL, then a start with the same port and store
  kServerStopped,        ///< SIGSTOP, SIGCONT
  kConsumerKilled,       ///< SIGKILL, another started at once
  kConsumerStopped,      ///< SIGSTOP, SIGCONT
  kConsumerReplaced,     ///< SIGTERM; it must drain and exit with 0, then another is started
  kStandbyTakesOver,     ///< SIGKILL while another process stands by on the same durable
  kPublisherKilled,      ///< SIGKILL, another started at once, from its ledger
  kPublisherStopped,     ///< SIGSTOP, SIGCONT
  kConsumerCut,          ///< its connections end, by RST or half-closed
  kPublisherCut,         ///< the same
  kBothCut,              ///< both at once
  kConsumerBlackHoled,   ///< nothing passes, in one direction or both; then cut
  kPublisherBlackHoled,  ///< the same
  kConsumerSlowed,       ///< bytes trickle in small pieces, so that the cut that follows falls into frames
  kConsumerDeleted,      ///< the durable is deleted on the server
};

/// `kServerKilled` first, in the order of the enumeration.
std::span<const FaultKind> AllFaultKinds();

/// As reports name it, for instance "server_killed".
std::string_view FaultName(FaultKind kind);

struct Fault {
  FaultKind kind = FaultKind::kServerKilled;
  double at = 0;                          ///< due when this share of the events has ended
  std::chrono::milliseconds duration{0};  ///< from its beginning to its end; 0 where it is over at once
  bool half_close = false;                ///< a cut by half-closing instead of RST
  bool one_way = false;                   ///< a black hole only from the server to the client
  bool with_next = false;                 ///< begins together with the next one
};

/// `count` faults drawn from the seed: each kind once before any comes again, spread evenly over 3 to 93 % of the run.
/// One in three that may overlap with the next does: one of them then concerns the publisher alone, and the second does
/// not need a connection of a server that the first killed. None without kinds.
std::vector<Fault> DrawFaults(std::uint64_t seed, std::size_t count, std::span<const FaultKind> kinds);

}  // namespace penstock::chaos
