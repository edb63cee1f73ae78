// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "penstock/eventbus/stats.h"
#include "penstock/metrics/http_route.h"
#include "penstock/sdk/service.h"

namespace penstock {

/// Why the bus cannot take work now, or nothing when it can: it is connected, and every subscription receives or stands
/// by, since another process owns its durable.
std::optional<std::string> WhyNotReady(const BusStats& stats);

/// The text of a bus that can take work: "ready", and which subscriptions stand by or are degraded. Neither is a reason
/// to be taken out of service.
std::string ReadyText(const BusStats& stats);

/// The verdicts of a service's own checks, by name.
using CheckResults = std::vector<std::pair<std::string, absl::Status>>;

/// Runs the checks, one after the other. One that throws has failed.
CheckResults RunChecks(const std::map<std::string, ReadyCheck>& checks);

/// 200 or 503: the verdict on the first line, then a line for each check.
metrics::HttpReply ReadyReply(const BusStats& stats, const CheckResults& checks);

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
