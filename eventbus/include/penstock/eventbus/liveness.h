// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace penstock {

/// Whether a bus says that it lives, how often, and where.
struct LivenessOptions {
  /// Writes an entry every `period` (`ps-beat`), and passes an empty message through the pool, which counts in the
  /// pool's statistics. An entry that cannot be written is logged, and tried again.
  bool beat = false;
  /// Too short costs writes; a bus counts as dead after three of them. Range 100 ms to 10 min.
  std::chrono::milliseconds period{2000};
  /// A bucket that is created when it is missing; its entries live for an hour. 1 to 64 bytes of `[A-Za-z0-9_-]`.
  std::string bucket = "PENSTOCK_LIVENESS";
};

/// The part of a bus in handling a subscription.
enum class SubscriptionRole {
  kInactive,  ///< neither receives nor stands by: the connection is lost, or the subscription has ended
  kOwns,      ///< handles the events of an exclusive durable
  kStandsBy,  ///< takes over when the owner ends
  kShares,    ///< handles its share of a shared durable's events
  kListens,   ///< receives plain messages
};

/// One subscription of a bus that beats.
struct SubscriptionLiveness {
  std::string topic{};
  std::string durable{};  ///< or group
  SubscriptionRole role = SubscriptionRole::kInactive;
  std::uint64_t running = 0;                    ///< handlers, deferred outcomes included
  std::chrono::milliseconds longest_running{};  ///< of these
  std::uint64_t waiting = 0;                    ///< messages received that do not run
  std::chrono::milliseconds oldest_waiting{};   ///< of these, since it arrived

  friend bool operator==(const SubscriptionLiveness&, const SubscriptionLiveness&) = default;
};

enum class WorkerState {
  kAlive,  ///< beats, and its workers make progress
  kStuck,  ///< beats, but for three periods no worker was free and no handler has ended
  kDead,   ///< its last beat is more than three periods ago
};

/// A bus that beats, or has: one process, as a rule.
struct WorkerLiveness {
  WorkerState state = WorkerState::kDead;
  std::string client_id{};
  std::string instance{};  ///< tells the processes of one client ID apart: 16 hexadecimal digits
  std::string host{};
  std::int64_t pid = 0;
  std::string version{};                                 ///< of Penstock
  std::chrono::system_clock::time_point started_at{};    ///< by its own clock
  std::chrono::system_clock::time_point last_beat_at{};  ///< by the clock of the server
  std::chrono::milliseconds since_beat{};                ///< likewise, as of the call
  std::chrono::milliseconds period{};
  std::size_t workers = 0;
  /// Since a worker was free, or a handler ended; as of the last beat.
  std::chrono::milliseconds since_progress{};
  std::vector<SubscriptionLiveness> subscriptions{};  ///< the first 256
};

}  // namespace penstock
