// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "chaos/checker.h"
#include "chaos/event_plan.h"

namespace penstock::chaos {

/// A message of the stream.
struct StoredEvent {
  std::uint64_t sequence = 0;
  EventRef event{};
};

/// A fault as the checker needs to know it.
struct Disturbance {
  std::int64_t begin_ns = 0;
  std::int64_t calm_ns = 0;  ///< all was well again
  bool route_cut = false;
  bool consumer_deleted = false;
  std::vector<std::size_t> cut_off{};  ///< lives of consumers that could be without a quorum
};

/// Everything that is known after a run on a cluster.
struct ClusterHistory {
  History books{};
  std::vector<StoredEvent> stored{};  ///< the topic's stream, in its order
  std::vector<Disturbance> disturbances{};
};

/// So often outside of route cuts, and so often across one: from its beginning until all was well again.
struct Count {
  std::uint64_t elsewhere = 0;
  std::uint64_t across_cut = 0;

  std::uint64_t total() const { return elsewhere + across_cut; }
};

/// The findings about a history. `basics` knows what was lost, unexpected and given up; its findings about order and
/// repetitions are those of one process at a time and are not looked at here.
struct ClusterFindings {
  Findings basics{};
  Count overlaps{};               ///< handlers that began while one of the same key ran in another process
  Count concurrent_in_process{};  ///< the same, in one process
  /// Handlers that began after one of a later message of their key: for the first time, or after their own process had
  /// begun a later one. The order is that of the stream.
  Count begun_after_later{};
  std::uint64_t publish_inversions = 0;  ///< stored before an event of their key that was published earlier
  /// The same, where a publish of the earlier one had failed, so that the publisher called again.
  std::uint64_t inversions_after_failure = 0;
  std::uint64_t stored_twice = 0;  ///< copies beyond the first
  Count reruns_owner_stayed{};     ///< no other process had handled anything in between
  Count reruns_living_owner{};     ///< a take-over from a process that lived and was not cut off
  /// A take-over from one that was cut off: finished less than a second before that, or later, and in the last second
  /// in which it finished anything.
  Count reruns_cut_off_owner{};
  std::uint64_t reruns_after_crash = 0;
  std::uint64_t reruns_beyond_window = 0;  ///< of these: more than the dead process can have had in hand
  std::uint64_t reruns_after_deletion = 0;
  /// Of these: below the acknowledgement floor that a standby can have seen a second before the deletion.
  std::uint64_t reruns_below_floor = 0;
};

/// Examines the books. Pure.
ClusterFindings CheckCluster(const ClusterHistory& history);

}  // namespace penstock::chaos
