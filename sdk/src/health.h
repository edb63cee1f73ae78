// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "penstock/eventbus/stats.h"
#include "penstock/metrics/http_endpoint.h"

namespace penstock {

/// Why the bus cannot take work now, or nothing when it can: it is connected and every subscription receives.
std::optional<std::string> WhyNotReady(const BusStats& stats);

/// The text of a bus that can take work: "ready", and which subscriptions are degraded. That is no reason to be taken
/// out of service.
std::string ReadyText(const BusStats& stats);

/// Notices a pool whose messages wait while none is finished. Thread-compatible.
class StallWatch {
 public:
  using Clock = std::chrono::steady_clock;

  /// `limit` 0: never stalled.
  explicit StallWatch(std::chrono::milliseconds limit) : limit_(limit) {}

  /// Whether messages were waiting, and nothing was finished, in all observations for at least the limit up to `now`.
  bool Stalled(const actorpool::PoolStats& pool, Clock::time_point now);

 private:
  std::chrono::milliseconds limit_;
  std::uint64_t finished_ = 0;
  std::optional<Clock::time_point> waiting_since_;
};

/// 200 and `fine`, or 503 and the problem.
metrics::HttpReply HealthReply(const std::optional<std::string>& problem, const std::string& fine);

}  // namespace penstock
