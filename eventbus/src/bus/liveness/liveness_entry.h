// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "penstock/eventbus/liveness.h"

namespace penstock::eventbus {

inline constexpr std::chrono::hours kLivenessLife{1};
inline constexpr std::size_t kMostSubscriptionsTold = 256;
inline constexpr int kPeriodsUntilDead = 3;

/// The value of a beat: an object of JSON, without what its reader finds out (`state`, `last_beat_at`, `since_beat`).
std::string WrittenBeat(const WorkerLiveness& worker);
/// Nothing for what is no such value. Members that are missing or of another type are empty.
std::optional<WorkerLiveness> ReadBeat(std::string_view written);
/// The state of a worker whose last beat was stored so long ago.
WorkerState StateOf(const WorkerLiveness& worker, std::chrono::milliseconds since_beat);

}  // namespace penstock::eventbus
